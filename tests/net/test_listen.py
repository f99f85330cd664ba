"""Listeners: addresses, handlers that fail, and the sockets that systemd passes."""

import errno
import io
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from bridge.model.settings import ListenerSettings
from bridge.net import Listener, NetError, Stream, open_listeners
from bridge.net.accept import Accepting
from bridge.net.bind import bind
from bridge.net.keepalive import IDLE
from tests.support.certificates import Certificate

ANY = ListenerSettings(host="127.0.0.1", port=0)


async def echo(stream: Stream, listener: Listener) -> None:
    """Give back one piece; fail when asked to."""
    data = await stream.receive_some()
    if data == b"fail":
        raise ValueError("asked to")
    await stream.send_all(data)


async def connect(listener: Listener) -> trio.SocketStream:
    host, _, port = listener.address.rpartition(":")
    return await trio.open_tcp_stream(host.strip("[]"), int(port))


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", "127.0.0.1:"), ("::1", "[::1]:"), ("localhost", "")])
async def test_the_address_has_the_real_port(nursery: trio.Nursery, host: str, shown: str) -> None:
    [listener] = await open_listeners([ListenerSettings(host=host, port=0)])
    assert listener.address.startswith(shown)
    assert listener.tls is None
    await nursery.start(listener.serve, echo)
    async with await connect(listener) as device:
        await device.send_all(b"hello")
        assert await device.receive_some() == b"hello"
        # Our end is closed behind the handler, without the handler's help.
        assert await device.receive_some() == b""
    listener.close()


async def test_a_stream_knows_both_addresses(nursery: trio.Nursery) -> None:
    [listener] = await open_listeners([ANY])
    seen: list[Stream] = []

    async def look(stream: Stream, _: Listener) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(stream)

    await nursery.start(listener.serve, look)
    async with await connect(listener) as device:
        await device.receive_some()
        assert seen[0].peer == device.socket.getsockname()
        assert str(seen[0].local) == listener.address
        assert not seen[0].tls
    listener.close()


async def test_a_device_of_ipv4_on_an_ipv6_socket_is_shown_as_what_it_is(nursery: trio.Nursery) -> None:
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as made:
        listener = Listener(ANY, trio.socket.from_stdlib_socket(made.dup()))
    seen: list[str] = []

    async def look(stream: Stream, _: Listener) -> None:
        await trio.lowlevel.checkpoint()
        seen.append(stream.peer.host)

    await nursery.start(listener.serve, look)
    async with await trio.open_tcp_stream("127.0.0.1", int(listener.address.rpartition(":")[2])) as device:
        await device.receive_some()
    assert seen == ["127.0.0.1"]
    listener.close()


async def test_what_is_taken_has_the_options_of_its_listener() -> None:
    listening = await bind(ListenerSettings("127.0.0.1", 0))
    with listening, socket.create_connection(listening.getsockname()):
        taken, _ = await listening.accept()
        with taken:
            assert taken.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == IDLE
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_handler_that_fails_ends_its_own_connection_alone(nursery: trio.Nursery, log: io.StringIO) -> None:
    [listener] = await open_listeners([ANY])
    await nursery.start(listener.serve, echo)
    async with await connect(listener) as first, await connect(listener) as second:
        await first.send_all(b"fail")
        assert await first.receive_some() == b""
        await second.send_all(b"hello")
        assert await second.receive_some() == b"hello"
    assert log.getvalue().startswith("task.failed level=error task=session problem=ValueError")
    listener.close()


async def test_a_closed_listener_takes_nobody_and_lets_those_inside_finish() -> None:
    [listener] = await open_listeners([ANY])
    async with trio.open_nursery() as sessions:
        async with trio.open_nursery() as serving:
            await serving.start(listener.serve, echo, sessions)
            device = await connect(listener)
            await trio.testing.wait_all_tasks_blocked()
            listener.close()
        # `serve` has returned, and the session lives.
        with pytest.raises(OSError, match="connect"):
            await connect(listener)
        async with device:
            await device.send_all(b"late")
            assert await device.receive_some() == b"late"


async def test_without_a_nursery_serve_returns_behind_its_last_session() -> None:
    [listener] = await open_listeners([ANY])
    async with trio.open_nursery() as serving:
        await serving.start(listener.serve, echo)
        device = await connect(listener)
        await trio.testing.wait_all_tasks_blocked()
        listener.close()
        await trio.testing.wait_all_tasks_blocked()
        assert len(serving.child_tasks) == 1
        async with device:
            await device.send_all(b"late")
            assert await device.receive_some() == b"late"


async def test_a_port_in_use_is_a_sentence_and_nothing_stays_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(NetError) as caught:
            await open_listeners([ANY, ListenerSettings(host="127.0.0.1", port=port)])
        assert str(caught.value) == f"cannot listen on 127.0.0.1:{port}: address already in use"


async def test_a_certificate_that_cannot_be_read_opens_nothing() -> None:
    broken = ListenerSettings(host="127.0.0.1", tls="implicit", certificates=(("/nowhere.crt", "/nowhere.key"),))
    with pytest.raises(NetError, match=r"/nowhere\.crt .*: No such file"):
        await open_listeners([ANY, broken])


async def test_a_handler_gets_the_stream_before_tls(nursery: trio.Nursery, certificate: Certificate) -> None:
    pair = (str(certificate.certificate), str(certificate.key))
    [listener] = await open_listeners([ListenerSettings(host="127.0.0.1", tls="implicit", certificates=(pair,))])
    was_tls: list[bool] = []

    async def secure(stream: Stream, listener: Listener) -> None:
        was_tls.append(stream.tls)
        assert listener.tls is not None
        with pytest.raises(NetError, match="HTTP"):
            await stream.start_tls_server(listener.tls.context, 30)

    await nursery.start(listener.serve, secure)
    async with await connect(listener) as device:
        await device.send_all(b"GET / HTTP/1.1\r\n\r\n")
        while await device.receive_some():
            pass
    assert was_tls == [False]
    listener.close()


class Failing:
    """A listening socket whose accept fails as it is told to."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)

    async def accept(self) -> tuple[object, object]:
        await trio.lowlevel.checkpoint()
        if self.codes:
            code = self.codes.pop(0)
            if code:
                raise OSError(code, os.strerror(code))
        return self, ("", 0)


async def test_without_descriptors_it_says_so_once_a_minute_and_goes_on(
    log: io.StringIO, autojump_clock: trio.testing.MockClock
) -> None:
    sock: Any = Failing(errno.EMFILE, errno.EMFILE, errno.ENFILE, 0, errno.EMFILE, 0, errno.EMFILE)
    accepting = Accepting(sock, "127.0.0.1:110")
    assert sock is await accepting.take()
    assert trio.current_time() == 1.5
    assert log.getvalue().count("\n") == 1
    assert log.getvalue().startswith("listener.failing level=error address=127.0.0.1:110 problem=")
    assert sock is await accepting.take()
    assert log.getvalue().count("\n") == 1
    await trio.sleep(60)
    assert sock is await accepting.take()
    assert log.getvalue().count("\n") == 2


async def test_a_connection_lost_before_it_was_taken_delays_nobody(
    log: io.StringIO, autojump_clock: trio.testing.MockClock
) -> None:
    sock: Any = Failing(errno.ECONNABORTED, errno.EPROTO)
    accepting = Accepting(sock, "127.0.0.1:110")
    assert sock is await accepting.take()
    assert trio.current_time() == 0
    assert log.getvalue() == ""


PASSED = """
import trio
from bridge.model.settings import ListenerSettings
from bridge.net import NetError, open_listeners
async def main():
    for name in ("pop3", "absent", "datagram"):
        try:
            for listener in await open_listeners([ListenerSettings(systemd=name)]):
                print(name, listener.address)
                listener.close()
        except NetError as failure:
            print(failure)
trio.run(main)
"""


def test_passed_sockets_are_taken_by_name_all_of_one_name() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as first,
        socket.create_server(("::1", 0), family=socket.AF_INET6) as second,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as third,
    ):
        descriptors = [each.fileno() for each in (first, second, third)]
        # systemd puts them at 3 and up; the shell does so here, through high numbers that cannot collide.
        high = " ".join(f"{57 + at}<&{number}" for at, number in enumerate(descriptors))
        low = " ".join(f"{3 + at}<&{57 + at}" for at in range(3))
        script = f'exec {high}; exec {low}; LISTEN_PID=$$ exec "$0" -c "$1"'
        environ = {"LISTEN_FDS": "3", "LISTEN_FDNAMES": "pop3:pop3:datagram", "PATH": os.defpath}
        ran = subprocess.run(
            ["bash", "-c", script, sys.executable, PASSED],
            pass_fds=descriptors,
            env=environ,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        )
        assert ran.stdout.splitlines() == [
            f"pop3 127.0.0.1:{first.getsockname()[1]}",
            f"pop3 [::1]:{second.getsockname()[1]}",
            "systemd passed no socket named absent: look at the .socket unit's FileDescriptorName=",
            "the passed socket datagram is no listening TCP socket: look at the .socket unit's ListenStream=",
        ], ran.stderr
