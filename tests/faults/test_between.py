"""TLS that is not to be trusted, or not to be had: nobody is told the password, and the device polls on."""

import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trustme
from trio.testing import MockClock

from bridge.sandbox import Rule, SandboxServer, Script
from bridge.sandbox.faults import Answer, Bye, Close, Drip, Hang, Reset, Say
from tests.faults.house import HEALED, REFRESH_WAIT, TIMEOUT, House, house, inbox, within
from tests.faults.outcome import Outcome

WHOLE = 2 * TIMEOUT
"""What all of a sign-in may take."""

DAYS = timedelta(days=1)
NOW = datetime.now(UTC).replace(tzinfo=None)
"""Certificates are judged by the real clock, which no test can set."""

OUTCOME = Outcome(
    hears="its list; `-ERR [SYS/TEMP]` to RETR",
    within=f"login {REFRESH_WAIT:g} s, RETR {WHOLE:g} s: twice `upstream_timeout` for all of a sign-in",
    left="no password was told, nothing changed",
)


@dataclass(frozen=True)
class Lived:
    """A state in which everything was listed from a server in clear, and what that server has."""

    state: Path
    upstream: SandboxServer
    known: list[str]
    authority: trustme.CA
    ca_file: Path


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Lived:
    """Live once, for all cases."""
    directory, upstream, authority = tmp_path_factory.mktemp("lived"), inbox(), trustme.CA()
    ca_file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(ca_file))

    async def life() -> list[str]:
        async with house(directory, upstream) as at:
            return await at.listed()

    known = trio.run(life, clock=MockClock(autojump_threshold=0))
    return Lived(directory / "state", upstream, known, authority, ca_file)


def files(directory: Path, leaf: trustme.LeafCert) -> tuple[str, str]:
    """Write a certificate and its key."""
    certificate, key = directory / "tls.crt", directory / "tls.key"
    certificate.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    key.write_bytes(leaf.private_key_pem.bytes())
    return str(certificate), str(key)


# --- certificates that are not to be trusted

CERTIFICATES: Mapping[str, tuple[str, Callable[[trustme.CA], trustme.LeafCert]]] = {
    "expired": (
        "certificate has expired",
        lambda ca: ca.issue_cert("127.0.0.1", not_before=NOW - 9 * DAYS, not_after=NOW - DAYS),
    ),
    "not valid yet": (
        "certificate is not yet valid",
        lambda ca: ca.issue_cert("127.0.0.1", not_before=NOW + DAYS, not_after=NOW + 9 * DAYS),
    ),
    "for another name": ("certificate for another name", lambda ca: ca.issue_cert("imap.example.org")),
    "for another address": ("certificate for another name", lambda ca: ca.issue_cert("127.0.0.2")),
    "of another authority": ("not trusted .*set ca_file", lambda ca: trustme.CA().issue_cert("127.0.0.1")),
}


# --- servers of a few octets, in the place of one that speaks TLS

Talk = Callable[[trio.SocketStream], Awaitable[None]]
HALF_A_HELLO = b"\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03" + 20 * b"x"
TOO_OLD = b"\x15\x03\x01\x00\x02\x02\x46"
"""The alert `protocol version`."""


async def hang(stream: trio.SocketStream) -> None:
    while await stream.receive_some():
        pass


async def close(stream: trio.SocketStream) -> None:
    await stream.aclose()


async def say(octets: bytes, stream: trio.SocketStream, *, then: Talk = close) -> None:
    await stream.receive_some()
    await stream.send_all(octets)
    await then(stream)


async def drip(stream: trio.SocketStream) -> None:
    await stream.receive_some()
    with suppress(trio.BrokenResourceError):
        for octet in b"\x16\x03\x03\x3f\x00" + 600 * b"x":
            await stream.send_all(bytes([octet]))
            await trio.sleep(1)


HANDSHAKES: Mapping[str, tuple[str, Talk]] = {
    "hangs": ("took longer than 20 s", hang),
    "hangs in the middle": ("took longer than 20 s", partial(say, HALF_A_HELLO, then=hang)),
    "drips": ("took longer than 20 s", drip),
    "closed at once": ("closed the connection", close),
    "closed in the middle": ("closed the connection", partial(say, HALF_A_HELLO)),
    "an IMAP greeting in clear": ("does not speak TLS here", partial(say, b"* OK IMAP4rev1 ready\r\n")),
    "HTTP": ("does not speak TLS here", partial(say, b"HTTP/1.1 400 Bad Request\r\n\r\n")),
    "octets that mean nothing": ("does not speak TLS here", partial(say, bytes(range(128, 256)))),
    "a TLS of long ago": ("no TLS version in common", partial(say, TOO_OLD)),
}


# --- STARTTLS, and who may sit in between

STRIPPED = "CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ IDLE"
OK = b"{tag} OK begin TLS now\r\n"
STARTTLS: Mapping[str, tuple[str, list[Rule]]] = {
    "stripped": ("offers no STARTTLS", [Rule("greeting", Answer("OK", "hello", STRIPPED), times=None)]),
    "PREAUTH": (r"before TLS can start \(PREAUTH\)", [Rule("greeting", Answer("PREAUTH", "welcome"), times=None)]),
    "PREAUTH and stripped": (
        r"before TLS can start \(PREAUTH\)",
        [Rule("greeting", Answer("PREAUTH", "welcome", STRIPPED), times=None)],
    ),
    **{
        f"STARTTLS: {name}": (words, [Rule("command", faults, "STARTTLS", times=None)])
        for name, words, faults in (
            ("NO", "would not start TLS", Answer("NO", "not today")),
            ("BAD", "would not start TLS", Answer("BAD", "what?")),
            ("BYE", "closed the connection", Bye("no")),
            ("close", "closed the connection", Close()),
            ("reset", "closed the connection", Reset()),
            ("hang", "took longer than 20 s", Hang()),
            ("OK and silence", "took longer than 20 s", (Say(OK), Hang())),
            ("OK and close", "closed the connection", (Say(OK), Close())),
            ("OK and a greeting behind it", "behind the OK of STARTTLS", (Say(OK + b"* OK hello\r\n"), Close())),
            ("OK and capabilities behind it", "behind the OK", (Say(OK + b"* CAPABILITY IMAP4rev1\r\n"), Hang())),
            ("OK and an answer behind it", "behind the OK", (Say(OK + b"A3 OK [CAPABILITY X] in\r\n"), Hang())),
            ("OK and an octet behind it", "behind the OK of STARTTLS", (Say(OK + b"x"), Hang())),
            ("OK and half a handshake behind it", "behind the OK", (Say(OK + HALF_A_HELLO), Hang())),
            ("octets before OK", "", (Say(b"* CAPABILITY IMAP4rev1\r\n* BYE\r\n"), Hang())),
        )
    },
}

# --- what must come of each


@asynccontextmanager
async def listening(talk: Talk) -> AsyncIterator[int]:
    """Have a server that says what it is told to."""
    async with trio.open_nursery() as nursery:
        [listener] = await nursery.start(partial(trio.serve_tcp, talk, 0, host="127.0.0.1"))
        yield listener.socket.getsockname()[1]
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def moved(tmp_path: Path, lived: Lived, upstream: SandboxServer, **account: Any) -> AsyncIterator[House]:
    """Run the bridge that lived before in front of another server with the same mail."""
    if not (tmp_path / "state").exists():
        shutil.copytree(lived.state, tmp_path / "state")
    upstream.users = lived.upstream.users
    account = {"ca_file": str(lived.ca_file), **account}
    async with house(tmp_path, upstream, account=account, listed=False) as at:
        yield at


async def polls_on(at: House, known: list[str], words: str) -> None:
    """See that the device has its list, hears of passing trouble and no more, and that nobody heard the password."""
    async with at.connected() as device:
        with within(REFRESH_WAIT):
            assert (await device.login()).startswith("+OK")
        assert await device.unique_ids() == known
        with within(WHOLE):
            answer = await device.retr(1)
        assert str(answer).startswith("-ERR [SYS/TEMP] "), answer
        assert (await device.say("QUIT")).startswith("+OK")
    [account] = (await at.ask("status"))["accounts"]
    assert account["state"] == "offline"
    assert re.search(words, account["note"]), account["note"]
    said = {moment.command for moment in at.upstream.history}
    assert said <= {"", "CAPABILITY", "STARTTLS"}, "nothing is said that is worth hearing"


async def all_is_well(tmp_path: Path, lived: Lived) -> None:
    """See that with a server that can be trusted everything is as it was, upstream as well."""
    pair = files(tmp_path, lived.authority.issue_cert("127.0.0.1"))
    server = SandboxServer(script=Script(), tls="implicit", certificate=pair)
    async with moved(tmp_path, lived, server, tls="implicit") as at:
        await trio.sleep(HEALED)
        async with at.session() as device:
            assert await device.unique_ids() == lived.known
            assert await device.retr(1) == at.texts[0]
    left = list(lived.upstream.mailbox("anna"))
    assert len(left) == len(lived.known)
    assert not any(message.flags for message in left)


@pytest.mark.parametrize("tls", ["implicit", "starttls"])
@pytest.mark.parametrize("name", CERTIFICATES)
async def test_a_certificate_is_not_trusted(
    tmp_path: Path, autojump_clock: MockClock, lived: Lived, name: str, tls: Any
) -> None:
    words, issued = CERTIFICATES[name]
    server = SandboxServer(script=Script(), tls=tls, certificate=files(tmp_path, issued(lived.authority)))
    async with moved(tmp_path, lived, server, tls=tls) as at:
        await polls_on(at, lived.known, words)
    await all_is_well(tmp_path, lived)


@pytest.mark.parametrize("name", HANDSHAKES)
async def test_a_handshake_fails(tmp_path: Path, autojump_clock: MockClock, lived: Lived, name: str) -> None:
    words, talk = HANDSHAKES[name]
    async with listening(talk) as port, moved(tmp_path, lived, inbox(), tls="implicit", port=port) as at:
        await polls_on(at, lived.known, words)


@pytest.mark.parametrize("name", STARTTLS)
async def test_tls_is_kept_from_starting(tmp_path: Path, autojump_clock: MockClock, lived: Lived, name: str) -> None:
    words, rules = STARTTLS[name]
    pair = files(tmp_path, lived.authority.issue_cert("127.0.0.1"))
    server = SandboxServer(script=Script(list(rules)), tls="starttls", certificate=pair)
    async with moved(tmp_path, lived, server, tls="starttls") as at:
        await polls_on(at, lived.known, words)


async def test_a_sign_in_is_not_waited_for_step_by_step(
    tmp_path: Path, autojump_clock: MockClock, lived: Lived
) -> None:
    """Each answer comes in time, all of them together do not."""
    slow = [Rule("greeting", Drip(1, every=0.3), times=None)]
    upstream = SandboxServer(script=Script(slow), capabilities={"IMAP4REV1", "AUTH=PLAIN", "SASL-IR"})
    upstream.tells_capabilities = False
    async with moved(tmp_path, lived, upstream, ca_file="") as at:
        async with at.connected() as device:
            with within(REFRESH_WAIT):
                assert (await device.login()).startswith("+OK")
            assert await device.unique_ids() == lived.known
            with within(WHOLE):
                answer = await device.retr(1)
        assert str(answer).startswith("-ERR [SYS/TEMP] "), answer
        [account] = (await at.ask("status"))["accounts"]
        assert "signing in took longer than 40 s" in account["note"]
