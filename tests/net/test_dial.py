"""Dialling: who is trusted, and what an admin hears when it fails."""

import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
import trio.testing
import trustme

from bridge.model.settings import ListenerSettings
from bridge.net import DialFailed, Listener, NotTrusted, Stream, dial, open_listeners, secure, server_context
from tests.net.pairs import write_pair
from tests.support.certificates import Certificate

Serve = Callable[[Stream, Listener], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Serve, host: str = "127.0.0.1") -> AsyncIterator[int]:
    [listener] = await open_listeners([ListenerSettings(host=host, port=0)])
    async with trio.open_nursery() as nursery:
        await nursery.start(listener.serve, handler)
        yield int(listener.address.rpartition(":")[2])
        listener.close()
        nursery.cancel_scope.cancel()


def greeting(context: ssl.SSLContext) -> Serve:
    async def greet(stream: Stream, _: Listener) -> None:
        await stream.start_tls_server(context, 30)
        await stream.send_all(b"* OK ready\r\n")
        await stream.receive_some()

    return greet


async def plain(stream: Stream, _: Listener) -> None:
    await stream.send_all(b"* OK ready\r\n")
    await stream.receive_some()


async def silent(stream: Stream, _: Listener) -> None:
    await stream.receive_some()
    await trio.sleep_forever()


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
async def test_a_trusted_server_is_reached(host: str, certificate: Certificate, server_side: ssl.SSLContext) -> None:
    async with serving(greeting(server_side)) as port:
        stream = await dial(host, port, tls=True, ca_file=str(certificate.ca), seconds=20)
        assert await stream.receive_some() == b"* OK ready\r\n"
        assert stream.tls
        assert str(stream.peer) == f"{host}:{port}"
        assert stream.local.host == "127.0.0.1"
        stream.abort()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost."])
async def test_a_connection_in_clear_can_be_upgraded(
    host: str, certificate: Certificate, server_side: ssl.SSLContext
) -> None:
    async with serving(greeting(server_side)) as port:
        stream = await dial("127.0.0.1", port, tls=False, ca_file="", seconds=20)
        assert not stream.tls
        await secure(stream, host, str(certificate.ca), 20)
        assert await stream.receive_some() == b"* OK ready\r\n"
        stream.abort()


@pytest.mark.parametrize("names", [("mail.example.org",), ("127.0.0.2",)])
async def test_a_certificate_for_another_name_is_not_trusted(
    names: tuple[str, ...], tmp_path: Path, authority: trustme.CA
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = server_context([write_pair(tmp_path, "other", authority.issue_cert(*names))])
    async with serving(greeting(context)) as port:
        for host in ("localhost", "127.0.0.1"):
            with pytest.raises(NotTrusted, match="for another name: set host"):
                await dial(host, port, tls=True, ca_file=str(tmp_path / "ca.pem"), seconds=20)


async def test_an_unknown_authority_is_not_trusted(server_side: ssl.SSLContext) -> None:
    async with serving(greeting(server_side)) as port:
        with pytest.raises(NotTrusted, match=r"not trusted \(.*\): set ca_file to its authority"):
            await dial("127.0.0.1", port, tls=True, ca_file="", seconds=20)


async def test_a_server_without_tls_is_told_as_that(certificate: Certificate) -> None:
    async with serving(plain) as port:
        with pytest.raises(NotTrusted, match="does not speak TLS here"):
            await dial("127.0.0.1", port, tls=True, ca_file=str(certificate.ca), seconds=20)


async def test_the_deadline_covers_the_handshake(
    certificate: Certificate, autojump_clock: trio.testing.MockClock
) -> None:
    async with serving(silent) as port:
        with pytest.raises(NotTrusted, match="took longer than"):
            await dial("127.0.0.1", port, tls=True, ca_file=str(certificate.ca), seconds=20)
        assert trio.current_time() == 20


async def test_a_port_without_a_listener_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(DialFailed) as caught:
        await dial("localhost", port, tls=False, ca_file="", seconds=20)
    assert str(caught.value) == f"localhost:{port} cannot be reached: nobody listens there: check host and port"


class Nobody(trio.abc.HostnameResolver):
    """Knows no name, or never answers."""

    def __init__(self, answers: bool) -> None:
        self.answers = answers

    async def getaddrinfo(self, *_: object) -> list[object]:  # type: ignore[override]  # it gives nothing at all
        if not self.answers:
            await trio.sleep_forever()
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    async def getnameinfo(self, *_: object) -> tuple[str, str]:
        raise NotImplementedError


async def test_an_unknown_name_is_told() -> None:
    trio.socket.set_custom_hostname_resolver(Nobody(answers=True))
    for host in ("imap.example.org", "a" * 70 + ".example.org", "a..b"):
        with pytest.raises(DialFailed, match="the name is not known"):
            await dial(host, 993, tls=False, ca_file="", seconds=20)


async def test_a_name_server_that_is_silent_is_told(autojump_clock: trio.testing.MockClock) -> None:
    trio.socket.set_custom_hostname_resolver(Nobody(answers=False))
    with pytest.raises(DialFailed, match=r"imap\.example\.org:993 did not answer within 20 s"):
        await dial("imap.example.org", 993, tls=True, ca_file="", seconds=20)
    assert trio.current_time() == 20


async def test_a_dial_that_is_cancelled_leaves_nothing_open(certificate: Certificate) -> None:
    ended = trio.Event()

    async def watch(stream: Stream, _: Listener) -> None:
        while await stream.receive_some():
            pass
        ended.set()

    async with serving(watch) as port, trio.open_nursery() as nursery:

        async def call() -> None:
            await dial("127.0.0.1", port, tls=True, ca_file=str(certificate.ca), seconds=20)

        nursery.start_soon(call)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await ended.wait()
