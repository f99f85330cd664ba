"""Certificates that end: told in `status` and, once a day, in the log."""

import io
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.cli.attention import attention
from bridge.cli.status import lines
from bridge.model.settings import ListenerSettings
from bridge.net import Listener, open_listeners
from bridge.net.authority import Authority, read_names
from bridge.net.certificates import DAY
from bridge.serve.expiry import Expiry
from bridge.telemetry import configure
from tests.serve.house import house

NOW = 1_800_000_000.0


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Give all lines of the log."""
    stream = io.StringIO()
    configure(stream=stream)
    yield stream
    configure()


def write(directory: Path, name: str, days: int, now: float = NOW) -> tuple[str, str]:
    """Write a certificate for so many days, one of them before now, and its key."""
    names = read_names(["nas.lan"])
    certificate, key = Authority.make(names, now).issue(names, now, days - 1)
    files = (directory / f"{name}.crt", directory / f"{name}.key")
    for file, octets in zip(files, (certificate, key), strict=True):
        file.write_bytes(octets)
    return str(files[0]), str(files[1])


async def opened(*certificates: tuple[str, str]) -> list[Listener]:
    return await open_listeners(
        [ListenerSettings("127.0.0.1", tls="implicit", certificates=(one,)) for one in certificates]
    )


async def test_the_log_tells_it_once_a_day(tmp_path: Path, log: io.StringIO, autojump_clock: MockClock) -> None:
    expiry = Expiry(lambda: NOW + trio.current_time() - began)
    began = trio.current_time()
    kinds = {"long": 400, "short": 17, "ended": 1}
    listeners = await opened(*(write(tmp_path, name, days) for name, days in kinds.items()))
    expiry.read(listeners)
    with trio.move_on_after(4.5 * DAY):
        await expiry.run()
    for listener in listeners:
        listener.close()
    told = [line.partition("certificate=")[2] for line in log.getvalue().splitlines()]
    of = {name: [line for line in told if line.startswith(f"{tmp_path}/{name}")] for name in kinds}
    assert {name: len(found) for name, found in of.items()} == {"long": 0, "short": 3, "ended": 5}
    assert "ends on 2027-01-31, in 14 days" in of["short"][0]
    assert "ends on 2027-01-31, in 12 days" in of["short"][2]
    assert log.getvalue().count("level=error") == 5


async def test_status_tells_it_until_a_new_one_is_shown(tmp_path: Path) -> None:
    pair = write(tmp_path, "tls", 6, time.time())
    listener = ListenerSettings("127.0.0.1", tls="implicit", certificates=(pair,), tls_profile="legacy")
    state = tmp_path / "house"
    state.mkdir()
    async with house(state, listeners=(listener,)) as at:
        found = await at.ask("status")
        [shown] = found["listeners"][0]["certificates"]
        assert (shown["file"], shown["kind"], shown["names"]) == (pair[0], "RSA 2048", ["nas.lan"])
        assert found["listeners"][0]["tls_profile"] == "legacy"
        [sentence] = attention(found)
        assert "ends on" in sentence
        assert "in 4 days: put a new one in its place (`popbridge certificate --renew`" in sentence
        assert any("implicit  legacy" in line for line in lines({**found, "running": True}))
        # One that lies there is not shown before it is read.
        write(tmp_path, "tls", 400, time.time())
        assert attention(await at.ask("status")) == [sentence]
        at.settings = replace(at.settings, listeners=(listener,))
        await at.bridge.reload()
        assert attention(await at.ask("status")) == []
