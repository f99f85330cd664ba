"""The recipes of deploy/, with HAProxy and nginx themselves: a device behind them is known by its own address."""

import io
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from bridge.model.settings import ListenerSettings
from bridge.telemetry import configure
from tests.serve.house import House, house
from tests.support.certificates import Certificate, make_certificate
from tests.support.openssl import needs_openssl, s_client
from tests.support.ports import free_ports

DEPLOY = Path(__file__).parent.parent.parent / "deploy"

NGINX_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")

needs_haproxy = pytest.mark.skipif(shutil.which("haproxy") is None, reason="haproxy is not installed")
needs_nginx = pytest.mark.skipif(
    shutil.which("nginx") is None or not NGINX_MODULE.exists(),
    reason="nginx with its stream module (libnginx-mod-stream) is not installed",
)

DEVICE = "127.0.0.7"
"""Where the device is; the proxy is at 127.0.0.1."""


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give all lines of the log."""
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    configure()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


class Behind:
    """A bridge with the listeners that the recipes name, and the ports of the proxy in front of it."""

    def __init__(self, certificate: Certificate) -> None:
        self.certificate = certificate
        self.plain, self.implicit, self.ended, *inner = free_ports(6)
        pair = ((str(certificate.certificate), str(certificate.key)),)
        stls = ListenerSettings(
            "127.0.0.1", inner[0], tls="starttls", certificates=pair, proxy_protocol=("127.0.0.1/32",)
        )
        old = replace(stls, port=inner[1], tls="implicit", tls_profile="legacy")
        trusting = replace(stls, port=inner[2], tls="none", plaintext_login="always")
        self.listeners = (stls, old, trusting)

    def recipe(self, name: str, certificate: Mapping[str, Path]) -> str:
        """Give a recipe with our ports and files in place of those that it names."""
        text = (DEPLOY / name).read_text()
        places = {"1110": self.listeners[0], "1995": self.listeners[1], "1111": self.listeners[2]}
        for port, listener in places.items():
            text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{listener.port}")
        for public, ours in (("110", self.plain), ("995", self.implicit), ("9995", self.ended)):
            line = re.compile(rf"^( *(?:bind|listen) ):?{public}\b", re.MULTILINE)
            text, found = line.subn(rf"\g<1>127.0.0.1:{ours}", text)
            assert found == 1
        for file, made in certificate.items():
            assert file in text
            text = text.replace(file, str(made))
        return text

    async def read(self, port: int, tls: str) -> str:
        """Read a message as a device at `DEVICE` would, and give what was said."""
        stream: trio.abc.Stream = await trio.open_tcp_stream("127.0.0.1", port, local_address=DEVICE)
        context = ssl.create_default_context(cafile=str(self.certificate.ca))
        heard = b""
        if tls == "starttls":
            await stream.receive_some()
            await stream.send_all(b"STLS\r\n")
            assert (await stream.receive_some()).startswith(b"+OK")
        if tls != "none":
            stream = trio.SSLStream(stream, context, server_hostname="localhost", https_compatible=True)
        async with stream:
            await stream.send_all(b"USER fax\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n")
            while data := await stream.receive_some():
                heard += data
        return heard.decode()


@asynccontextmanager
async def running(command: list[str], port: int) -> AsyncIterator[None]:
    """Run a proxy in the foreground until it takes connections, and end it behind the block."""
    async with trio.open_nursery() as nursery:
        run = partial(trio.run_process, stdout=subprocess.DEVNULL, check=False)
        process = await nursery.start(run, command)
        with trio.fail_after(20):
            while True:
                try:
                    await (await trio.open_tcp_stream("127.0.0.1", port)).aclose()
                    break
                except OSError:
                    assert process.poll() is None, "the proxy ended"
                    await trio.sleep(0.02)
        yield
        process.terminate()


def opened(log: io.StringIO) -> list[tuple[str, ...]]:
    """Give each session's device, what popbridge says of TLS, the proxy, and of TLS there."""
    lines = (line for line in log.getvalue().splitlines() if line.startswith("session.opened "))
    told = (dict(re.findall(r"(\S+?)=([^\s/]+)", line)) for line in lines)
    return [(each["peer"].partition(":")[0], each["tls"], each["proxy"], each["proxy_tls"]) for each in told]


async def check(at: House, behind: Behind, log: io.StringIO, tls_told: str) -> None:
    """Read mail at each of the proxy's doors, and see whose sessions these were."""
    doors = (
        (behind.plain, "none"),
        (behind.plain, "starttls"),
        (behind.implicit, "implicit"),
        (behind.ended, "implicit"),
    )
    for port, tls in doors:
        with trio.fail_after(20):
            heard = await behind.read(port, tls)
        assert "Subject: letter 1\r\n\r\nHello\r\n.\r\n+OK" in heard, (port, tls)
    assert opened(log) == [
        (DEVICE, "none", "127.0.0.1", "none"),
        (DEVICE, "TLSv1.3", "127.0.0.1", "none"),
        (DEVICE, "TLSv1.3", "127.0.0.1", "none"),
        (DEVICE, "none", "127.0.0.1", tls_told),
    ]
    # Nothing that the proxy did for itself is told.
    assert (
        re.findall(r"^(?:proxy\.refused|connection\.closed .*peer=127\.0\.0\.1:).*", log.getvalue(), re.MULTILINE) == []
    )


@needs_haproxy
@needs_openssl
async def test_haproxy(tmp_path: Path, certificate: Certificate, log: io.StringIO) -> None:
    behind = Behind(certificate)
    both = tmp_path / "popbridge.pem"
    both.write_bytes(certificate.certificate.read_bytes() + certificate.key.read_bytes())
    config = tmp_path / "haproxy.cfg"
    config.write_text(behind.recipe("haproxy.cfg", {"/etc/haproxy/popbridge.pem": both}))
    async with (
        house(tmp_path, listeners=behind.listeners) as at,
        running(["haproxy", "-db", "-q", "-f", str(config)], behind.plain),
    ):
        await check(at, behind, log, "TLSv1.3")
        address, old = f"127.0.0.1:{behind.implicit}", "ECDHE-ECDSA-AES128-SHA"
        heard = await s_client(address, "-tls1", "-cipher", f"{old}:@SECLEVEL=0")
        assert heard.tls == f"TLSv1/{old}", heard.problem


@needs_nginx
async def test_nginx(tmp_path: Path, certificate: Certificate, log: io.StringIO) -> None:
    behind = Behind(certificate)
    files = {"/etc/nginx/popbridge.crt": certificate.certificate, "/etc/nginx/popbridge.key": certificate.key}
    config = tmp_path / "nginx.conf"
    # What Debian's own nginx.conf has, as far as it matters.
    main = f"load_module {NGINX_MODULE};\npid {tmp_path}/nginx.pid;\ndaemon off;\nmaster_process off;\n"
    config.write_text(main + "error_log stderr warn;\nevents {}\n" + behind.recipe("nginx.conf", files))
    async with (
        house(tmp_path, listeners=behind.listeners) as at,
        running(["nginx", "-q", "-p", str(tmp_path), "-e", "stderr", "-c", str(config)], behind.plain),
    ):
        # Version 1 cannot tell of TLS.
        await check(at, behind, log, "none")
