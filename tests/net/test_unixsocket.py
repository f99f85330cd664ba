"""Socket files: private from the first moment, replaced only when nobody is behind them."""

import os
import socket
import stat
from pathlib import Path

import pytest
import trio
import trio.testing

from bridge.net import DialFailed, NetError, Stream, connect_unix, serve_unix


async def tell_uid(stream: Stream, uid: int) -> None:
    await stream.send_all(str(uid).encode())


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "control.sock")


async def test_only_the_owner_gets_in_and_is_known(path: str) -> None:
    before = os.umask(0)
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(serve_unix, path, tell_uid)
            assert stat.S_IMODE((await trio.Path(path).stat()).st_mode) == 0o600
            stream = await connect_unix(path, 5)
            assert await stream.receive_some() == str(os.geteuid()).encode()
            stream.abort()
            nursery.cancel_scope.cancel()
        assert not await trio.Path(path).exists()
        assert os.umask(0) == 0
    finally:
        os.umask(before)


async def test_a_file_that_nobody_is_behind_is_replaced(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_unix, path, tell_uid)
        (await connect_unix(path, 5)).abort()
        nursery.cancel_scope.cancel()


async def test_a_living_daemon_keeps_its_place(path: str) -> None:
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_unix, path, tell_uid)
        with pytest.raises(NetError, match="another popbridge answers"):
            await serve_unix(path, tell_uid)
        (await connect_unix(path, 5)).abort()
        nursery.cancel_scope.cancel()


async def test_a_file_that_is_no_socket_stays(path: str) -> None:
    await trio.Path(path).write_text("precious")
    with pytest.raises(NetError, match="address already in use"):
        await serve_unix(path, tell_uid)
    assert await trio.Path(path).read_text() == "precious"


@pytest.mark.parametrize(("name", "why"), [("gone/control.sock", "no such file"), ("x" * 200, "too long")])
async def test_a_place_that_cannot_be_had_is_told(tmp_path: Path, name: str, why: str) -> None:
    with pytest.raises(NetError, match=why):
        await serve_unix(str(tmp_path / name), tell_uid)
    with pytest.raises(DialFailed, match=why):
        await connect_unix(str(tmp_path / name), 5)
