"""Devices behind a proxy: each counts, and is judged and told, by its own address."""

import io
import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from bridge.model.settings import ListenerSettings, PlaintextLogin, TlsMode
from bridge.telemetry import configure, counters
from tests.net.headers import tcp4, tls, v2
from tests.serve.house import House, house
from tests.support.certificates import Certificate, make_certificate

HERE = ListenerSettings(host="127.0.0.1", proxy_protocol=("127.0.0.2/32",))
OFFICE = tcp4("192.168.1.7", 1027)
AWAY = tcp4("203.0.113.9", 1027)


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


class Wire:
    """A connection from one address of this machine, `127.0.0.2` being the proxy's."""

    def __init__(self, at: House, source: str = "127.0.0.2") -> None:
        host, _, port = at.bridge.listeners[0].address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), 20, (source, 0))

    def start_tls(self, certificate: Certificate) -> None:
        context = ssl.create_default_context(cafile=str(certificate.ca))
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def say(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def hear(self) -> str:
        """Give one line, or an empty one at the end."""
        line = b""
        try:
            while not line.endswith(b"\n") and (octet := self.socket.recv(1)):
                line += octet
        except ConnectionResetError:
            return ""
        return line.decode().rstrip("\r\n")

    def ask(self, line: str) -> str:
        self.say(line.encode() + b"\r\n")
        return self.hear()

    def capabilities(self) -> set[str]:
        self.ask("CAPA")
        return set(iter(self.hear, "."))

    def log_in(self) -> str:
        """Say everything that there is to say in one session, and give what PASS came to."""
        assert self.hear().startswith("+OK")
        if not self.ask("USER fax").startswith("+OK"):
            return "not in clear"
        answer = self.ask("PASS secret")
        self.ask("QUIT")
        return answer


@contextmanager
def wire(at: House, first: bytes = b"", source: str = "127.0.0.2") -> Iterator[Wire]:
    """Give a connection that was opened with these octets."""
    made = Wire(at, source)
    try:
        made.say(first)
        yield made
    finally:
        made.socket.close()


def session(at: House, first: bytes = b"", source: str = "127.0.0.2") -> str:
    """Log in behind these octets and give what that came to."""
    with wire(at, first, source) as made:
        return made.log_in()


def lines(log: io.StringIO, event: str) -> list[str]:
    return [line for line in log.getvalue().splitlines() if line.startswith(event)]


async def sessions(at: House, *headers: bytes) -> list[str]:
    """Log in behind each of these, and give what that came to."""
    return [await trio.to_thread.run_sync(session, at, header) for header in headers]


async def test_the_log_tells_the_devices_address(tmp_path: Path, log: io.StringIO) -> None:
    text = b"PROXY TCP6 2001:db8::1 ::1 1027 110\r\n"
    async with house(tmp_path, listeners=(replace(HERE, plaintext_login="always"),)) as at:
        told = await sessions(at, OFFICE, text)
        told.append(await trio.to_thread.run_sync(session, at, b"", "127.0.0.3"))
    assert [answer[:3] for answer in told] == ["+OK"] * 3
    opened = [dict(re.findall(r"(\S+?)=(\S+)", line)) for line in lines(log, "session.opened")]
    assert [(fields["peer"], fields["proxy"], fields["proxy_tls"]) for fields in opened[:2]] == [
        ("192.168.1.7:1027", "127.0.0.2", "none"),
        ("[2001:db8::1]:1027", "127.0.0.2", "none"),
    ]
    assert opened[2]["peer"].startswith("127.0.0.3:")
    assert "proxy" not in opened[2]
    closed = lines(log, "session.closed")
    assert [re.findall(r"peer=(\S+)", line) for line in closed][:2] == [["192.168.1.7:1027"], ["[2001:db8::1]:1027"]]


@pytest.mark.parametrize(
    "first", [b"CAPA\r\n", b"PROXY TCP4 1.2.3.4\r\n", b"\x16\x03\x01\x02\x00", b"GET / HTTP/1.0\r\n\r\n", v2(5, 0, b"")]
)
async def test_a_named_peer_must_send_a_header(tmp_path: Path, log: io.StringIO, first: bytes) -> None:
    before = counters()["proxy_headers_refused"]
    async with house(tmp_path, listeners=(HERE,)) as at:

        def talk() -> str:
            with wire(at, first) as made:
                return made.hear()

        assert await trio.to_thread.run_sync(talk) == ""
    assert len(lines(log, "proxy.refused level=warning peer=127.0.0.2:")) == 1
    assert counters()["proxy_headers_refused"] == before + 1
    assert lines(log, "connection.closed") == []


@pytest.mark.parametrize("header", [b"PROXY TCP4 192.168.1.7 127.0.0.1 1 110\r\n", OFFICE, v2(0, 0, b"")])
async def test_nobody_else_may(tmp_path: Path, log: io.StringIO, header: bytes) -> None:
    async with house(tmp_path, listeners=(HERE,)) as at:

        def talk() -> list[str]:
            with wire(at, header + b"USER fax\r\nPASS secret\r\n", "127.0.0.3") as made:
                return [made.hear(), made.hear()]

        heard = await trio.to_thread.run_sync(talk)
    assert heard[0].startswith("+OK")
    assert heard[1] == ""
    assert lines(log, "session.opened") == []
    assert len(lines(log, "connection.closed peer=127.0.0.3:")) == 1
    assert "that proxy_protocol does not name" in log.getvalue()


@pytest.mark.parametrize("tls_mode", ["none", "implicit"])
@pytest.mark.parametrize("header", [b"", v2(0, 0, b""), b"PROXY TCP4 127.0.0.2 127.0.0.1 4 5\r\n"])
async def test_what_a_proxy_does_for_itself_is_quiet(
    tmp_path: Path, certificate: Certificate, log: io.StringIO, header: bytes, tls_mode: TlsMode
) -> None:
    pair = ((str(certificate.certificate), str(certificate.key)),)
    async with house(tmp_path, listeners=(replace(HERE, tls=tls_mode, certificates=pair),)) as at:

        def look() -> None:
            with wire(at, header) as made:
                if header and tls_mode == "none":
                    assert made.hear().startswith("+OK")

        before = len(log.getvalue())
        await trio.to_thread.run_sync(look)
        await trio.to_thread.run_sync(look)
    news = log.getvalue()[before:]
    assert not re.search("connection.closed|proxy.refused|handshake.failed|level=", news)


@pytest.mark.parametrize("tls_mode", ["implicit", "starttls"])
async def test_the_header_comes_before_tls(
    tmp_path: Path, certificate: Certificate, log: io.StringIO, tls_mode: TlsMode
) -> None:
    pair = ((str(certificate.certificate), str(certificate.key)),)
    listener = replace(HERE, tls=tls_mode, certificates=pair, plaintext_login="never")
    async with house(tmp_path, listeners=(listener,)) as at:

        def talk() -> tuple[set[str], str]:
            with wire(at, AWAY) as made:
                if tls_mode == "starttls":
                    assert made.hear().startswith("+OK")
                    assert made.ask("STLS").startswith("+OK")
                made.start_tls(certificate)
                if tls_mode == "implicit":
                    assert made.hear().startswith("+OK")
                offered = made.capabilities()
                made.ask("USER fax")
                return offered, made.ask("PASS secret")

        offered, answer = await trio.to_thread.run_sync(talk)
    assert "USER" in offered
    assert "STLS" not in offered
    assert answer.startswith("+OK")
    assert "peer=203.0.113.9:1027 messages=3 tls=TLSv1.3/" in lines(log, "session.opened")[0]


IN_CLEAR: dict[tuple[PlaintextLogin, bytes], bool] = {
    ("private", OFFICE): True,
    ("private", AWAY): False,
    ("private", tcp4("203.0.113.9", tlvs=tls())): True,
    ("private", tcp4("203.0.113.9", tlvs=tls(client=0))): False,
    # Whose connection it is nobody knows: that the proxy is near says nothing of the device.
    ("private", b"PROXY UNKNOWN\r\n"): False,
    ("private", v2(0, 0, b"")): True,
    ("never", OFFICE): False,
    ("never", tcp4("203.0.113.9", tlvs=tls())): True,
    ("always", AWAY): True,
}
"""Whether a password may come without our own TLS; the proxy is on this machine."""


@pytest.mark.parametrize(("policy", "header"), IN_CLEAR)
async def test_the_devices_own_line_decides_what_may_come_in_clear(
    tmp_path: Path, policy: PlaintextLogin, header: bytes
) -> None:
    async with house(tmp_path, listeners=(replace(HERE, plaintext_login=policy),)) as at:
        [told] = await sessions(at, header)
    assert told.startswith("+OK") == IN_CLEAR[policy, header]


async def test_tls_at_the_proxy_is_not_offered_again(
    tmp_path: Path, certificate: Certificate, log: io.StringIO
) -> None:
    pair = ((str(certificate.certificate), str(certificate.key)),)
    async with house(tmp_path, listeners=(replace(HERE, tls="starttls", certificates=pair),)) as at:

        def offered(header: bytes) -> set[str]:
            with wire(at, header) as made:
                made.hear()
                return made.capabilities()

        secured = tcp4("203.0.113.9", tlvs=tls("TLSv1", "AES128-SHA"))
        before, after = [await trio.to_thread.run_sync(offered, header) for header in (AWAY, secured)]
        await sessions(at, secured)
    assert {"STLS", "USER"} & before == {"STLS"}
    assert {"STLS", "USER"} & after == {"USER"}
    assert "tls=none proxy=127.0.0.2 proxy_tls=TLSv1/AES128-SHA" in lines(log, "session.opened")[0]


async def test_networks_are_the_devices(tmp_path: Path) -> None:
    async with house(tmp_path, listeners=(replace(HERE, plaintext_login="always"),)) as at:
        devices = {key: replace(one, networks=("192.168.1.0/24",)) for key, one in at.settings.devices.items()}
        at.settings = replace(at.settings, devices=devices)
        await at.bridge.reload()
        told = await sessions(at, OFFICE, AWAY, b"PROXY UNKNOWN\r\n")
    assert [answer.partition(" ")[0] for answer in told] == ["+OK", "-ERR", "-ERR"]


async def test_limits_count_devices_and_not_their_proxy(tmp_path: Path, log: io.StringIO) -> None:
    async with house(tmp_path, listeners=(HERE,)) as at:
        server = replace(at.settings.server, max_sessions_per_peer=2)
        at.settings = replace(at.settings, server=server)
        await at.bridge.reload()

        def crowd() -> list[str]:
            with ExitStack() as open_all:
                first = [open_all.enter_context(wire(at, tcp4("192.0.2.1", n))).hear() for n in range(3)]
                others = [open_all.enter_context(wire(at, tcp4(f"192.0.2.{n}"))).hear() for n in range(2, 6)]
                return first + others

        told = await trio.to_thread.run_sync(crowd)
    assert [line.partition(" ")[0] for line in told] == ["+OK", "+OK", "-ERR", "+OK", "+OK", "+OK", "+OK"]
    assert "peer=192.0.2.1:2 limit=max_sessions_per_peer" in log.getvalue()
