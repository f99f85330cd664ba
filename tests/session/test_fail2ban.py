"""The filter of deploy/fail2ban finds wrong logins in the log, and the address they came from, whatever was sent."""

import configparser
import io
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.model.peer import Peer
from bridge.session import device
from bridge.telemetry import Seldom, configure, get_logger
from tests.session.support import FakeMaildrops, House

FAIL2BAN = Path(__file__).parents[2] / "deploy" / "fail2ban"

ADDRESS = (
    r"\[?(?:(?:::f{4,6}:)?(?P<ip4>(?:\d{1,3}\.){3}\d{1,3})"
    r"|(?P<ip6>(?:[0-9a-fA-F]{1,4}::?|::){1,7}(?:[0-9a-fA-F]{1,4}|(?<=:):)))\]?"
)
"""What fail2ban puts in the place of `<ADDR>` (its failregex.py, version 1.0)."""

PEERS = {
    "192.0.2.1": Peer("192.0.2.1", 4000),
    "2001:db8::1": Peer("2001:db8::1", 4000),
    "198.51.100.7": Peer("198.51.100.7", 65535),
}
LOGINS = [
    "fax",
    "the fax",
    "nobody peer=203.0.113.1:1",
    'nobody" peer=203.0.113.1:1',
    '\\" peer=203.0.113.1:1',
    "\\",
    'x","peer":"203.0.113.1:1"}',
    "peer=203.0.113.1:1",
    "login=fax",
    "\x1b[31mfäx\x7f",
    "€",
    '""',
]


def expressions() -> list[str]:
    """Give the filter's own expressions, with what fail2ban fills in."""
    parser = configparser.RawConfigParser()
    parser.read(FAIL2BAN / "filter.conf")
    written = parser["Definition"]
    filled = written["failregex"].replace("%(_prefix)s", written["_prefix"]).replace("<ADDR>", ADDRESS)
    return filled.split("\n")


def banned(line: str) -> str:
    """Give the address that the filter finds in a line, or nothing."""
    found = next(filter(None, (re.search(each, line) for each in expressions())), None)
    return (found["ip4"] or found["ip6"]) if found else ""


@pytest.fixture(params=["console", "json"])
def log(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Give what is logged, in each form; no line is left out because of other tests."""
    stream = io.StringIO()
    monkeypatch.setattr(device, "seldom", Seldom(get_logger("session")))
    configure(request.param, stream=stream)
    yield stream
    configure()


async def attack(nursery: trio.Nursery) -> None:
    """Try every login from every address; and log in once, ask nonsense, and go."""
    house = House(nursery, FakeMaildrops())
    for peer in PEERS.values():
        for login in LOGINS:
            caller = house.call(peer, plaintext_login="always")
            assert "[AUTH]" in await caller.log_in(login, "guess")
            await caller.drop()
    caller = house.call(Peer("203.0.113.9", 4000), plaintext_login="always")
    await caller.log_in()
    await caller.ask("XTND")
    await caller.ask("QUIT")


async def test_it_finds_each_wrong_login_and_nothing_else(autojump_clock: MockClock, log: io.StringIO) -> None:
    async with trio.open_nursery() as nursery:
        await attack(nursery)
        nursery.cancel_scope.cancel()
    lines = log.getvalue().splitlines()
    found = list(filter(None, (banned(each) for line in lines for each in (line, f"host popbridge[17]: {line}"))))
    assert sorted(found) == sorted(list(PEERS) * len(LOGINS) * 2)
    assert any("session.closed" in line for line in lines)
    failed = [line for line in lines if "login.failed" in line]
    assert all("auth=plain" in line or '"auth":"plain"' in line for line in failed)


@pytest.mark.skipif(shutil.which("fail2ban-regex") is None, reason="fail2ban-regex is not installed")
async def test_fail2ban_itself_finds_them(autojump_clock: MockClock, log: io.StringIO, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        await attack(nursery)
        nursery.cancel_scope.cancel()
    written = tmp_path / "popbridge.log"
    written.write_text(log.getvalue())
    command = ["fail2ban-regex", "--out", "ip", str(written), str(FAIL2BAN / "filter.conf")]
    done = await trio.to_thread.run_sync(lambda: subprocess.run(command, capture_output=True, text=True, check=True))
    assert sorted(done.stdout.split()) == sorted(list(PEERS) * len(LOGINS))
