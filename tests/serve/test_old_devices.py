"""Devices with old TLS, as `openssl s_client`: they read mail on a legacy listener, and nowhere else."""

import io
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trustme

from bridge.model.settings import ListenerSettings
from bridge.net import NetError, server_context
from bridge.telemetry import configure, counters
from tests.net.pairs import write_pair
from tests.serve.house import House, house
from tests.support.openssl import needs_openssl, s_client
from tests.support.ports import free_ports

pytestmark = needs_openssl

READ = "USER fax\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n"

OLD: dict[str, tuple[str, ...]] = {
    # -cipher says nothing of TLS 1.3, and s_client keeps to the level of its ciphers.
    "TLSv1/AES128-SHA": ("-tls1", "-cipher", "AES128-SHA:@SECLEVEL=0"),
    "TLSv1/DHE-RSA-AES128-SHA": ("-tls1", "-cipher", "DHE-RSA-AES128-SHA:@SECLEVEL=0"),
    "TLSv1/ECDHE-RSA-AES128-SHA": ("-tls1", "-cipher", "ECDHE-RSA-AES128-SHA:@SECLEVEL=0"),
    "TLSv1/ECDHE-ECDSA-AES128-SHA": ("-tls1", "-cipher", "ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
    "TLSv1.1/AES256-SHA": ("-tls1_1", "-cipher", "AES256-SHA:@SECLEVEL=0"),
    "TLSv1.1/DHE-RSA-AES256-SHA": ("-tls1_1", "-cipher", "DHE-RSA-AES256-SHA:@SECLEVEL=0"),
    "TLSv1.2/AES128-SHA": ("-tls1_2", "-cipher", "AES128-SHA"),
    "TLSv1.2/AES256-GCM-SHA384": ("-tls1_2", "-cipher", "AES256-GCM-SHA384"),
    "TLSv1.2/DHE-RSA-AES128-GCM-SHA256": ("-tls1_2", "-cipher", "kDHE+AESGCM+AES128"),
    "TLSv1.2/ECDHE-RSA-AES256-SHA384": ("-tls1_2", "-cipher", "ECDHE-RSA-AES256-SHA384"),
}
"""What such a device can do, and what it comes to on a legacy listener."""

NEW: dict[str, tuple[str, ...]] = {
    "TLSv1.2/ECDHE-RSA-AES128-GCM-SHA256": ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"),
    "TLSv1.2/ECDHE-ECDSA-CHACHA20-POLY1305": ("-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"),
    "TLSv1.3/TLS_AES_256_GCM_SHA384": ("-tls1_3",),
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[str, str], ...]:
    """Give an RSA and an EC certificate of one server; their authority is in `ca.pem` beside them."""
    directory, authority = tmp_path_factory.mktemp("certificates"), trustme.CA()
    authority.cert_pem.write_to_path(str(directory / "ca.pem"))
    kinds = (trustme.KeyType.RSA, trustme.KeyType.ECDSA)
    return tuple(
        write_pair(directory, kind.name, authority.issue_cert("localhost", "127.0.0.1", key_type=kind))
        for kind in kinds
    )


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give all lines of the log."""
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    configure()


@asynccontextmanager
async def doors(directory: Path, certificates: tuple[tuple[str, str], ...]) -> AsyncIterator[House]:
    """Run a bridge with a modern listener, a legacy one, and a legacy one with STLS."""
    ports = free_ports(3)
    modern = ListenerSettings("127.0.0.1", ports[0], tls="implicit", certificates=certificates)
    legacy = replace(modern, port=ports[1], tls_profile="legacy")
    stls = replace(legacy, port=ports[2], tls="starttls", plaintext_login="never")
    async with house(directory, listeners=(modern, legacy, stls)) as at:
        yield at


def opened(log: io.StringIO) -> list[str]:
    """Give what `session.opened` says of TLS, in their order."""
    return re.findall(r"^session\.opened .*tls=(\S+)", log.getvalue(), re.MULTILINE)


async def test_old_devices_read_mail_on_a_legacy_listener(
    tmp_path: Path, certificates: tuple[tuple[str, str], ...], log: io.StringIO
) -> None:
    trust = ("-verify_return_error", "-CAfile", str(Path(certificates[0][0]).with_name("ca.pem")))
    before = counters()
    async with doors(tmp_path, certificates) as at:
        found = {}
        for name, arguments in (OLD | NEW).items():
            heard = await s_client(at.bridge.listeners[1].address, *trust, *arguments, say=READ)
            found[name] = heard.tls if "Subject: letter 1\r\n\r\nHello\r\n.\r\n" in heard.said else heard.problem
            if "/DHE" in name:
                assert "Server Temp Key: DH, 2048 bits" in heard.problem
            # Who it was that needed this is seen until the device comes with something else.
            told = {device["name"]: device["tls"] for device in (await at.ask("status"))["devices"]}
            assert told == {"fax": name, "den": None}
    assert found == {name: name for name in OLD | NEW}
    assert opened(log) == list(OLD | NEW)
    # The owner sees how many still need what.
    now = counters()
    counted = {name[-3:]: now[name] - before[name] for name in now if name.startswith("handshakes_tls")}
    assert counted == {"1_0": 4, "1_1": 2, "1_2": 6, "1_3": 1}


async def test_old_devices_are_refused_on_a_modern_listener(
    tmp_path: Path, certificates: tuple[tuple[str, str], ...], log: io.StringIO
) -> None:
    async with doors(tmp_path, certificates) as at:
        address = at.bridge.listeners[0].address
        refused = {name: await s_client(address, *arguments, say=READ) for name, arguments in OLD.items()}
        new = {name: (await s_client(address, *arguments, say=READ)).tls for name, arguments in NEW.items()}
    assert {name: heard.tls for name, heard in refused.items()} == dict.fromkeys(OLD, "/")
    # They are told why, so that they can try something else, or show it.
    alerts = [re.findall("alert (protocol version|handshake failure)", heard.problem) for heard in refused.values()]
    assert alerts == [["protocol version"]] * 6 + [["handshake failure"]] * 4
    assert new == {name: name for name in NEW}
    assert opened(log) == list(NEW)
    failed = r"^handshake\.failed .*peer=127\.0\.0\.1:\d+ problem=.*failed: (.*)\"$"
    problems = re.findall(failed, log.getvalue(), re.MULTILINE)
    assert (
        problems
        == ["the other side knows only TLS versions that are too old"] * 6
        + ["the two sides have no cipher in common"] * 4
    )


async def test_old_devices_may_ask_for_tls(
    tmp_path: Path, certificates: tuple[tuple[str, str], ...], log: io.StringIO
) -> None:
    async with doors(tmp_path, certificates) as at:
        address = at.bridge.listeners[2].address
        heard = [await s_client(address, "-starttls", "pop3", *OLD[name], say=READ) for name in list(OLD)[:2]]
    assert [one.tls for one in heard] == list(OLD)[:2] == opened(log)
    assert all("Subject: letter 1" in one.said for one in heard)


@pytest.mark.parametrize("bits", ["2048", "1024"])
async def test_certificates_from_back_then_are_shown(tmp_path: Path, bits: str) -> None:
    """As docs/devices.md has one made, for devices that know SHA-1 alone; with a short key, too."""
    page = Path(__file__).parent.parent.parent / "docs" / "devices.md"
    found = re.search(r"^    (openssl req .*)$", page.read_text(), re.MULTILINE)
    assert found is not None
    command = found[1].replace("rsa:2048", f"rsa:{bits}").split()
    await trio.run_process(command, cwd=str(tmp_path), capture_stdout=True, capture_stderr=True)
    pair = (str(tmp_path / "old.crt"), str(tmp_path / "old.key"))
    listener = ListenerSettings("127.0.0.1", tls="implicit", certificates=(pair,), tls_profile="legacy")
    async with house(tmp_path, listeners=(listener,)) as at:
        heard = await s_client(at.bridge.listeners[0].address, *OLD["TLSv1/AES128-SHA"], say=READ)
        assert heard.tls == "TLSv1/AES128-SHA", heard.problem
    if bits == "1024":
        with pytest.raises(NetError, match="ee key too small"):
            server_context([pair])


async def test_an_old_device_takes_up_its_session_again(
    tmp_path: Path, certificates: tuple[tuple[str, str], ...]
) -> None:
    """A slow processor is spared the sums, also where it knows no tickets."""
    kept = str(tmp_path / "session")
    slow = (*OLD["TLSv1/AES128-SHA"], "-no_ticket")
    async with doors(tmp_path, certificates) as at:
        address = at.bridge.listeners[1].address
        first = await s_client(address, *slow, "-sess_out", kept)
        again = await s_client(address, *slow, "-sess_in", kept, "-state")
    assert first.tls == again.tls == "TLSv1/AES128-SHA"
    assert "read server certificate" not in again.problem


async def test_a_broken_pair_changes_nothing_on_reload(
    tmp_path: Path, certificates: tuple[tuple[str, str], ...], log: io.StringIO
) -> None:
    own = tuple((str(tmp_path / f"{n}.crt"), str(tmp_path / f"{n}.key")) for n in range(2))
    for mine, theirs in zip(own, certificates, strict=True):
        for copy, file in zip(mine, theirs, strict=True):
            shutil.copy(file, copy)
    async with doors(tmp_path, own) as at:
        listener = at.bridge.listeners[1]
        before = listener.tls.context if listener.tls else None
        at.settings = replace(
            at.settings,
            listeners=tuple(
                replace(one, certificates=(own[0], (own[1][0], own[0][1])) if n else own, plaintext_login="always")
                for n, one in enumerate(at.settings.listeners)
            ),
        )
        modern = at.bridge.listeners[0].tls
        shown = modern.context if modern else None
        await at.bridge.reload()
        assert "reload.failed" in log.getvalue()
        assert "the key is not the certificate's" in log.getvalue()
        # All of it: neither the listener at fault nor the one before it has anything new.
        assert listener.tls is not None
        assert modern is not None
        assert (listener.tls.context, modern.context) == (before, shown)
        assert {one.settings.plaintext_login for one in at.bridge.listeners} == {"private", "never"}
        assert (await s_client(listener.address, *OLD["TLSv1/AES128-SHA"], say=READ)).tls == "TLSv1/AES128-SHA"


async def test_reload_shows_new_certificates_of_both_kinds(
    tmp_path: Path, certificates: tuple[tuple[str, str], ...]
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "new-ca.pem"))
    new = tuple(
        write_pair(tmp_path, kind.name, authority.issue_cert("127.0.0.1", key_type=kind))
        for kind in (trustme.KeyType.RSA, trustme.KeyType.ECDSA)
    )
    trust = ("-verify_return_error", "-CAfile", str(tmp_path / "new-ca.pem"))
    names = ("TLSv1/ECDHE-RSA-AES128-SHA", "TLSv1/ECDHE-ECDSA-AES128-SHA")
    async with doors(tmp_path, certificates) as at:
        address = at.bridge.listeners[1].address
        before = [(await s_client(address, *trust, *OLD[name])).tls for name in names]
        at.settings = replace(
            at.settings, listeners=tuple(replace(one, certificates=new) for one in at.settings.listeners)
        )
        await at.bridge.reload()
        after = [(await s_client(address, *trust, *OLD[name])).tls for name in names]
    assert (before, after) == (["/", "/"], list(names))
