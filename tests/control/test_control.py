"""The control door: requests and replies, and what goes wrong on either side."""

import io
import json
import socket
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from bridge.control import ControlAbsent, ControlFailed, Progress, ask, serve_control
from bridge.control.server import AT_ONCE, LINE_LIMIT, _Door
from bridge.model.failures import StoreUnavailable, WrongRequest
from bridge.model.peer import Peer
from bridge.net import NetError, Stream, connect_unix
from bridge.telemetry import configure


async def handle(command: str, arguments: Mapping[str, Any], progress: Progress) -> Mapping[str, Any]:
    """Carry out a few commands that tests need."""
    await trio.lowlevel.checkpoint()
    match command:
        case "echo":
            return dict(arguments)
        case "refuse":
            raise StoreUnavailable("the disk is full: nothing was changed")
        case "misread":
            raise WrongRequest("there is no device den")
        case "slow":
            for hour in range(3):
                await trio.sleep(29)
                await progress(f"{hour + 1} of 3 hours")
            return {"hours": 3}
        case "stumble":
            raise RuntimeError("a mistake of ours")
        case "unspeakable":
            return {"what": object()}
        case "hang":
            await trio.sleep_forever()
        case "big":
            return {"text": "x" * 5_000_000}
    return {}


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "control.sock")


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    out = io.StringIO()
    configure("console", "debug", out)
    yield out
    configure()


@asynccontextmanager
async def serving(path: str) -> AsyncIterator[None]:
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, path, handle)
        yield
        nursery.cancel_scope.cancel()


async def lines(stream: Stream) -> list[dict[str, Any]]:
    """Give all replies to the end of the connection."""
    got = b""
    while data := await stream.receive_some():
        got += data
    return [json.loads(line) for line in got.splitlines()]


async def test_a_command_and_its_arguments_reach_the_daemon(path: str) -> None:
    async with serving(path):
        sent = {"device": "fax", "deep": {"n": [1, None, "ü\n\u2028"]}}
        assert await ask(path, "echo", **sent) == sent
        # An argument cannot change what is asked.
        assert await ask(path, "echo", command="hang", n=1) == {"n": 1}


async def test_a_long_reply_arrives_whole(path: str) -> None:
    async with serving(path):
        assert await ask(path, "big") == {"text": "x" * 5_000_000}


async def test_a_refusal_is_told_in_its_own_words(path: str, log: io.StringIO) -> None:
    async with serving(path):
        with pytest.raises(ControlFailed, match=r"^the disk is full: nothing was changed$"):
            await ask(path, "refuse")
    assert log.getvalue() == ""


async def test_what_was_asked_wrongly_is_told_apart(path: str, log: io.StringIO) -> None:
    async with serving(path):
        with pytest.raises(WrongRequest, match=r"^there is no device den$"):
            await ask(path, "misread")
    assert log.getvalue() == ""


async def test_a_long_command_says_how_far_it_is(path: str, autojump_clock: trio.testing.MockClock) -> None:
    async with serving(path):
        heard: list[str] = []
        assert await ask(path, "slow", heard.append) == {"hours": 3}
        assert heard == ["1 of 3 hours", "2 of 3 hours", "3 of 3 hours"]
        assert trio.current_time() == 87


async def test_a_long_command_goes_on_when_nobody_listens(path: str, autojump_clock: trio.testing.MockClock) -> None:
    ended: list[str] = []

    async def work(command: str, arguments: Mapping[str, Any], progress: Progress) -> Mapping[str, Any]:
        for part in "abc":
            await trio.sleep(20)
            await progress(part)
            ended.append(part)
        return {}

    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, path, work)
        stream = await connect_unix(path, 5)
        await stream.send_all(b'{"command": "work"}\n')
        await trio.testing.wait_all_tasks_blocked()
        stream.abort()
        await trio.sleep(100)
        assert ended == ["a", "b", "c"]
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("command", "problem"), [("stumble", "RuntimeError"), ("unspeakable", "TypeError")])
async def test_a_mistake_of_ours_is_logged_and_the_door_stays_open(
    path: str, log: io.StringIO, command: str, problem: str
) -> None:
    async with serving(path):
        with pytest.raises(ControlFailed, match="popbridge's log says why"):
            await ask(path, command)
        assert f"problem={problem}" in log.getvalue()
        assert await ask(path, "echo") == {}


async def test_without_a_daemon_that_is_said(path: str) -> None:
    with pytest.raises(ControlAbsent, match="no popbridge runs"):
        await ask(path, "status")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    with pytest.raises(ControlAbsent):
        await ask(path, "status")


async def test_two_daemons_do_not_share_a_door(path: str) -> None:
    async with serving(path):
        with pytest.raises(NetError, match="another popbridge"):
            await serve_control(path, handle)


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"hello\n", "a line is no JSON"),
        (b"[1]\n", "a line is no JSON object"),
        (b"[" * 60_000 + b"\n", "a line is no JSON"),
        (b"\xff\xfe\n", "a line is no JSON"),
        (b'{"command": 7}\n', "the command is missing"),
        (b"{}\n", "the command is missing"),
    ],
)
async def test_what_is_no_request_is_answered_and_the_next_one_is_heard(path: str, line: bytes, error: str) -> None:
    async with serving(path):
        stream = await connect_unix(path, 5)
        await stream.send_all(line + b'{"command": "echo", "n": 1}\n')
        await stream.transport.send_eof()
        assert await lines(stream) == [{"ok": False, "error": error}, {"ok": True, "result": {"n": 1}}]
        stream.abort()


async def test_a_line_without_end_is_cut(path: str) -> None:
    async with serving(path):
        stream = await connect_unix(path, 5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(stream.send_all, b"x" * (LINE_LIMIT + 1))
            assert await lines(stream) == [{"ok": False, "error": f"a line is longer than {LINE_LIMIT} octets"}]
        stream.abort()


async def test_requests_in_small_pieces_are_put_together(path: str) -> None:
    async with serving(path):
        stream = await connect_unix(path, 5)
        for octet in b'{"command": "echo"}\n{"command": "echo", "n": 2}':
            await stream.send_all(bytes([octet]))
        await stream.transport.send_eof()
        assert await lines(stream) == [{"ok": True, "result": {}}, {"ok": True, "result": {"n": 2}}]
        stream.abort()


async def test_a_command_that_hangs_is_given_up(path: str, autojump_clock: trio.testing.MockClock) -> None:
    async with serving(path):
        with pytest.raises(ControlFailed, match="took longer than 30 s"):
            await ask(path, "hang")
        assert trio.current_time() == 30


async def test_a_client_that_says_nothing_is_sent_away(path: str, autojump_clock: trio.testing.MockClock) -> None:
    async with serving(path):
        stream = await connect_unix(path, 5)
        assert await stream.receive_some() == b""
        assert 30 <= trio.current_time() <= 31
        stream.abort()


async def test_a_daemon_that_says_nothing_is_given_up(path: str, autojump_clock: trio.testing.MockClock) -> None:
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(path)
        mute.listen()
        with pytest.raises(ControlFailed, match="did not answer within 65 s"):
            await ask(path, "status")
        assert trio.current_time() == 65


@pytest.mark.parametrize(
    ("reply", "sentence"),
    [
        (b"", "closed the connection without a reply"),
        (b"nonsense\n", "did not answer: a line is no JSON"),
        (b'{"ok": true}\n', "a reply without meaning"),
        (b'{"ok": false, "error": "no such device: den"}\n', "^no such device: den$"),
    ],
)
async def test_a_daemon_that_answers_oddly_is_told_as_that(path: str, reply: bytes, sentence: str) -> None:
    async def answer(listening: trio.socket.SocketType) -> None:
        connection, _ = await listening.accept()
        with connection:
            await connection.recv(1000)
            await connection.send(reply)

    with trio.socket.socket(socket.AF_UNIX) as listening:
        await listening.bind(path)
        listening.listen()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer, listening)
            with pytest.raises(ControlFailed, match=sentence):
                await ask(path, "status")


async def test_a_client_that_vanishes_is_nobodys_failure(path: str, log: io.StringIO) -> None:
    async with serving(path):
        stream = await connect_unix(path, 5)
        await stream.send_all(b'{"command": "big"}\n' * 20)
        stream.abort()
        assert await ask(path, "echo") == {}
    assert log.getvalue() == ""


async def test_only_so_many_are_served_at_once(path: str) -> None:
    async with serving(path):
        inside = [await connect_unix(path, 5) for _ in range(AT_ONCE)]
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ControlFailed, match="too many commands at once"):
            await ask(path, "echo")
        inside.pop().abort()
        await trio.testing.wait_all_tasks_blocked()
        assert await ask(path, "echo") == {}
        for each in inside:
            each.abort()


async def test_a_stranger_is_not_heard(log: io.StringIO) -> None:
    ours, theirs = trio.testing.memory_stream_pair()
    await theirs.send_all(b'{"command": "echo"}\n')
    await theirs.send_eof()
    await _Door(handle).take(Stream(ours, Peer("control", 0)), 4711)
    assert json.loads(await theirs.receive_some()) == {
        "ok": False,
        "error": "this socket is for root and popbridge's own user",
    }
    assert log.getvalue() == "control.refused level=warning uid=4711\n"
