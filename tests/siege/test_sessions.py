"""What a device does to a session, with time that passes by itself."""

from contextlib import suppress

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge.pop3.connection import MAX_LINES_BEFORE_LOGIN
from tests.session.support import ENDED, Caller, FakeMaildrops, House, device

AUTOLOGOUT = 600
"""Seconds, as `House` has it; it has 60 for the login."""


@pytest.fixture
async def house(nursery: trio.Nursery) -> House:
    """Give the house. Every test also takes `autojump_clock` itself: pytest-trio sees a test's own arguments alone."""
    return House(nursery, FakeMaildrops(), device())


@pytest.mark.parametrize("line", ["CAPA", "AUTH", "XTND", "AUTH NTLM", "USER fax"])
async def test_before_the_login_nothing_can_be_said_for_ever(
    autojump_clock: MockClock, house: House, line: str
) -> None:
    caller = house.call()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.send, f"{line}\r\n".encode() * MAX_LINES_BEFORE_LOGIN + b"QUIT\r\n")
        heard = await caller.hear_all()
    assert heard[-1] == "-ERR too many commands before a login"


async def test_a_login_is_not_dripped_for_ever(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_drip, caller, b"USER " + b"a" * 200, 1.0)
        assert (await caller.rest()).startswith(b"+OK")
        assert trio.current_time() - began == pytest.approx(60, abs=1)
        nursery.cancel_scope.cancel()


async def test_a_command_is_not_dripped_for_ever(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_drip, caller, b"RETR " + b"1" * 200, 100.0)
        assert await caller.rest() == b""
        assert trio.current_time() - began == pytest.approx(AUTOLOGOUT, abs=110)
        nursery.cancel_scope.cancel()
    assert await house.reason() == "autologout"


async def test_a_device_that_talks_slowly_is_not_cut_off(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    for _ in range(5):
        await _drip(caller, b"NOOP\r\n", 90.0)
        assert (await caller.hear()).startswith("+OK")


async def _drip(caller: Caller, octets: bytes, pause: float) -> None:
    with suppress(trio.BrokenResourceError):
        for octet in octets:
            await trio.sleep(pause)
            await caller.send(bytes([octet]))


@pytest.mark.parametrize(
    "line",
    [
        *("RETR 1_0", "RETR +1", "RETR -1", "RETR -0", "RETR 0", "RETR 1e0", "RETR 0x1", "RETR 1.0", "RETR ١"),
        *(
            "RETR ²",
            "RETR 1 1",
            "RETR 1,2",
            "RETR 1:3",
            "RETR *",
            "TOP 1",
            "TOP 1 -1",
            "TOP 1 1_0",
            "TOP 1 ٣",
            "TOP 0 1",
        ),
        *("LIST 99", "UIDL 99", "DELE 99999999999999999999", f"RETR {'9' * 200}", f"TOP 1 {'9' * 200}"),
    ],
)
async def test_what_is_no_number_in_pop3_is_refused(autojump_clock: MockClock, house: House, line: str) -> None:
    caller = house.call()
    await caller.log_in()
    assert (await caller.ask(line)).startswith("-ERR")
    assert await caller.ask("STAT") == "+OK 3 67"
    assert house.maildrops.asked == []


async def test_a_number_of_5000_digits_is_a_line_that_is_too_long(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    assert (await caller.ask(f"RETR {'1' * 5000}")).startswith("-ERR")
    assert await caller.ask("STAT") == "+OK 3 67"


ODD = ("fax\rQUIT", "fax\x1b[2J", "fax\u2028", "f\u202eax", "fax\x7f", "a" * 248, '"', "%s%n")


@pytest.mark.parametrize("name", ODD)
async def test_odd_logins_are_only_wrong(
    autojump_clock: MockClock, house: House, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    caller = house.call()
    await caller.hear()
    assert await caller.ask(f"USER {name}") == "+OK send PASS"
    assert await caller.ask("PASS guess-7391") == "-ERR [AUTH] wrong login or password"
    await wait_all_tasks_blocked()
    told = capsys.readouterr().err
    assert told.isprintable() or told.replace("\n", "").isprintable()
    assert told.count("\n") == 1
    assert "guess-7391" not in told


async def test_octets_of_another_charset_are_only_wrong(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.hear()
    await caller.send(b"USER f\xe4x\xff\r\nPASS \xfe\xff\r\n")
    assert [await caller.hear() for _ in range(2)] == ["+OK send PASS", "-ERR [AUTH] wrong login or password"]


async def test_half_a_command_is_never_obeyed(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    await caller.ask("DELE 1")
    await caller.send(b"QUIT")
    await caller.drop()
    assert await house.reason() == "device closed"
    assert house.maildrops.plans == []


async def test_nothing_behind_quit_is_obeyed(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    await caller.say("QUIT", "DELE 1", "RETR 1", "QUIT")
    assert await caller.hear_all() == ["+OK goodbye"]
    assert house.maildrops.plans == []


@pytest.mark.parametrize(
    ("lines", "answer"),
    [
        (["AUTH PLAIN", "*"], "-ERR authentication cancelled"),
        (["AUTH PLAIN", "%%%"], "-ERR that is not a PLAIN response"),
        (["AUTH PLAIN", "AGZheABzZWNyZXQ"], "-ERR that is not a PLAIN response"),  # its padding is missing
        (["AUTH PLAIN", "AGZheABzZWNyZXQ=="], "-ERR that is not a PLAIN response"),
        (["AUTH PLAIN AAA="], "-ERR that is not a PLAIN response"),  # neither a name nor a password
        (["AUTH PLAIN AAAA"], "-ERR that is not a PLAIN response"),  # three NULs
        (["AUTH PLAIN AABzZWNyZXQ="], "-ERR that is not a PLAIN response"),  # no name
        (["AUTH PLAIN AGZheAA="], "-ERR that is not a PLAIN response"),  # no password
        (["AUTH PLAIN AGZheABzZWNyZXQAAAA="], "-ERR that is not a PLAIN response"),  # NULs behind the password
        (["AUTH PLAIN b3RoZXIAZmF4AHNlY3JldA=="], "-ERR signing in as someone else is not possible"),
        (["AUTH PLAIN " + "A" * 3000], "-ERR that line is too long"),
        (["AUTH PLAIN", "A" * 3000], "-ERR that line is too long"),
        (["AUTH PLAIN", ""], "-ERR that is not a PLAIN response"),
    ],
)
async def test_abuse_of_auth_ends_nothing(
    autojump_clock: MockClock, house: House, lines: list[str], answer: str
) -> None:
    caller = house.call()
    await caller.hear()
    for line in lines[:-1]:
        assert await caller.ask(line) == "+ "
    assert await caller.ask(lines[-1]) == answer
    assert (await caller.ask("AUTH PLAIN AGZheABzZWNyZXQ=")).startswith("+OK maildrop")
    assert (await caller.ask("AUTH PLAIN AGZheABzZWNyZXQ=")).startswith("-ERR already logged in")


async def test_a_long_line_is_answered_once_and_an_endless_one_is_the_end(
    autojump_clock: MockClock, house: House
) -> None:
    caller = house.call()
    await caller.hear()
    assert await caller.ask("USER " + "a" * 4000) == "-ERR that line is too long"
    assert await caller.ask("USER fax") == "+OK send PASS"
    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.send, b"a" * 100_000)
        assert await caller.hear() == "-ERR that line is too long"
        assert await caller.hear() == ENDED
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(("line", "most"), [("STAT", 5), ("LIST", 5), ("RETR 99\r\nNOOP", 16), ("NOOP", 8), ("X", 15)])
async def test_a_flood_leaves_all_others_their_turns(
    autojump_clock: MockClock, house: House, line: str, most: int
) -> None:
    caller = house.call()
    await caller.log_in()
    flood = f"{line}\r\n".encode() * 1000
    turns = 0

    async def neighbour() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(caller.send, flood + b"QUIT\r\n")
        nursery.start_soon(neighbour)
        assert (await caller.hear_all())[-1] == "+OK goodbye"
        nursery.cancel_scope.cancel()
    assert turns >= flood.count(b"\n") / most
