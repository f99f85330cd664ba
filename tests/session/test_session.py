"""One device's session: what it hears, what becomes durable, and when it ends."""

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from bridge.model.failures import NotListedYet, StoreUnavailable, UpstreamUnavailable
from tests.session.support import AWAY, ENDED, HOME, FakeMaildrops, House, device


@pytest.fixture
async def house(nursery: trio.Nursery) -> House:
    """Give the house. Every test also takes `autojump_clock` itself: pytest-trio sees a test's own arguments alone."""
    return House(nursery, FakeMaildrops(), device(), device("near", networks=("127.0.0.2/32",)))


async def test_a_session_from_greeting_to_quit(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    assert (await caller.log_in()).startswith("+OK")
    assert await caller.ask("STAT") == "+OK 3 67"
    assert await caller.lines("LIST") == ["1 29", "2 20", "3 18"]
    assert await caller.lines("UIDL") == [f"{n} {n:032x}" for n in (1, 2, 3)]
    assert await caller.lines("RETR 1") == ["Subject: one", "", "first", "..dot"]
    assert await caller.lines("TOP 1 0") == ["Subject: one", ""]
    assert await caller.ask("LAST") == "+OK 1"
    assert await caller.ask("QUIT") == "+OK goodbye"
    assert await caller.hear() == ENDED
    assert [plan.sent for plan in house.maildrops.plans] == [(1,)]
    assert await house.reason() == "quit"
    assert house.maildrops.unacknowledged == [None]


async def test_line_ends_are_repaired_and_the_octets_told(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    assert await caller.lines("RETR 2") == ["Subject: two", "", "second"]
    assert house.maildrops.told == {2: (len(b"Subject: two\r\n\r\nsecond\r\n"), True)}


async def test_deletions_are_marks_until_quit(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    assert (await caller.ask("DELE 2")).startswith("+OK")
    assert (await caller.ask("DELE 2")).startswith("-ERR")
    assert (await caller.ask("RETR 2")).startswith("-ERR")
    assert await caller.ask("STAT") == "+OK 2 47"
    assert await caller.lines("UIDL") == [f"{n} {n:032x}" for n in (1, 3)]
    assert (await caller.ask("RSET")).startswith("+OK")
    assert await caller.ask("STAT") == "+OK 3 67"
    assert (await caller.ask("DELE 3")).startswith("+OK")
    assert await caller.ask("QUIT") == "+OK goodbye"
    assert [plan.hide for plan in house.maildrops.plans] == [(3,)]
    again = house.call()
    await again.log_in()
    assert await again.ask("STAT") == "+OK 2 49"


async def test_last_begins_where_earlier_sessions_were(house: House) -> None:
    house.maildrops.familiar, house.maildrops.accessed = 3, 2
    caller = house.call()
    await caller.log_in()
    assert await caller.ask("LAST") == "+OK 2"
    await caller.lines("RETR 1")
    assert await caller.ask("LAST") == "+OK 2"
    await caller.lines("RETR 3")
    assert await caller.ask("LAST") == "+OK 3"
    await caller.ask("RSET")
    assert await caller.ask("LAST") == "+OK 2"


async def test_last_tells_the_highest_message_sent_whole(house: House) -> None:
    caller = house.call()
    await caller.log_in()
    assert await caller.ask("LAST") == "+OK 0"
    await caller.lines("RETR 2")
    await caller.lines("RETR 1")
    await caller.lines("TOP 3 9")
    assert await caller.ask("LAST") == "+OK 2"
    await caller.ask("RSET")
    assert await caller.ask("LAST") == "+OK 0"
    assert await caller.ask("QUIT") == "+OK goodbye"
    assert [plan.sent for plan in house.maildrops.plans] == [(1, 2)]


async def test_a_drop_removes_nothing_and_keeps_what_was_sent(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    await caller.lines("RETR 1")
    await caller.ask("DELE 1")
    await caller.drop()
    await house.reason()
    assert house.maildrops.plans == []
    [left] = house.maildrops.unacknowledged
    assert left is not None
    assert (left.sent, left.hide, left.acknowledged) == ((1,), (), False)


async def test_a_quit_that_cannot_be_written_says_so(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.updating = StoreUnavailable("disk full")
    caller = house.call()
    await caller.log_in()
    await caller.ask("DELE 1")
    await caller.lines("RETR 2")
    assert (await caller.ask("QUIT")).startswith("-ERR [SYS/TEMP] some deleted messages not removed")
    assert await house.reason() == "update failed"
    [left] = house.maildrops.unacknowledged
    assert left is not None
    assert (left.sent, left.hide, left.acknowledged) == ((2,), (), False)


async def test_a_drop_after_quit_undoes_nothing(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.slowly = trio.Event()
    caller = house.call()
    await caller.log_in()
    await caller.ask("DELE 1")
    await caller.say("QUIT")
    await wait_all_tasks_blocked()
    await caller.drop()
    house.maildrops.slowly.set()
    await house.reason()
    assert [plan.hide for plan in house.maildrops.plans] == [(1,)]


async def test_a_commit_without_end_is_not_told_as_done(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.slowly = trio.Event()
    caller = house.call()
    await caller.log_in()
    await caller.ask("DELE 1")
    assert (await caller.ask("QUIT")).startswith("-ERR [SYS/TEMP]")


async def test_what_fails_before_the_first_octet_is_an_error(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.reading = UpstreamUnavailable("mail", "account mail: away")
    caller = house.call()
    await caller.log_in()
    assert (await caller.ask("RETR 1")).startswith("-ERR [SYS/TEMP]")
    assert (await caller.ask("NOOP")).startswith("+OK")


async def test_what_fails_later_never_ends_properly(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.ending = UpstreamUnavailable("mail", "account mail: away")
    caller = house.call()
    await caller.log_in()
    await caller.say("RETR 1")
    lines = await caller.hear_all()
    assert lines[-1] != "."
    assert "." not in lines
    assert "cut" in await house.reason()


async def test_a_message_of_another_length_than_listed_is_cut(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.counted = ((28, 1), (20, 1), (18, 1))
    caller = house.call()
    await caller.log_in()
    assert await caller.ask("RETR 1") == "+OK 28 octets"
    assert "." not in await caller.hear_all()
    assert house.maildrops.told == {1: (29, True)}


@pytest.mark.parametrize(("name", "password"), [("fax", "wrong"), ("nobody", "secret"), ("near", "secret")])
async def test_wrong_logins_sound_alike(autojump_clock: MockClock, house: House, name: str, password: str) -> None:
    assert await house.call().log_in(name, password) == "-ERR [AUTH] wrong login or password"


async def test_a_device_may_log_in_from_its_network(autojump_clock: MockClock, house: House) -> None:
    assert (await house.call(AWAY).log_in("near")).startswith("+OK")


async def test_trouble_upstream_is_no_wrong_password(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.opening = NotListedYet("not listed yet")
    caller = house.call()
    assert (await caller.log_in()).startswith("-ERR [SYS/TEMP]")
    house.maildrops.opening = None
    await caller.ask("USER fax")
    assert (await caller.ask("PASS secret")).startswith("+OK")


async def test_a_device_hears_how_far_the_first_listing_is(autojump_clock: MockClock, house: House) -> None:
    house.maildrops.opening = NotListedYet("not listed yet", 4000, 20000)
    told = "-ERR [SYS/TEMP] first listing, 4000 of 20000 messages so far, try again soon"
    assert await house.call().log_in() == told


async def test_three_wrong_passwords_close(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in("fax", "1")
    await caller.say("USER fax", "PASS 2", "USER fax", "PASS 3", "USER fax", "PASS secret")
    assert [line[:4] for line in await caller.hear_all()] == ["+OK ", "-ERR", "+OK ", "-ERR"]


async def test_silence_before_login_ends_without_a_line(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.hear()
    began = trio.current_time()
    assert await caller.hear() == ENDED
    assert trio.current_time() - began == pytest.approx(60)


async def test_autologout_ends_without_a_line_and_without_update(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.log_in()
    await caller.ask("DELE 1")
    began = trio.current_time()
    assert await caller.hear() == ENDED
    assert trio.current_time() - began == pytest.approx(600)
    assert house.maildrops.plans == []
    assert await house.reason() == "autologout"


async def test_passwords_in_clear_only_where_they_may_be(autojump_clock: MockClock, house: House) -> None:
    never = house.call(plaintext_login="never")
    await never.hear()
    assert (await never.ask("USER fax")).startswith("-ERR")
    assert "USER" not in await never.lines("CAPA")
    assert (await house.call(plaintext_login="always").log_in()).startswith("+OK")


async def test_pipelined_commands_are_answered_in_order(autojump_clock: MockClock, house: House) -> None:
    caller = house.call()
    await caller.say("USER fax", "PASS secret", "STAT", "DELE 1", "STAT", "QUIT", "NOOP")
    lines = await caller.hear_all()
    assert [line.split()[0] for line in lines] == ["+OK"] * 7
    assert lines[3:6:2] == ["+OK 3 67", "+OK 2 38"]


async def test_a_session_that_is_open_is_in_use(autojump_clock: MockClock, house: House) -> None:
    first = house.call()
    await first.log_in()
    await trio.sleep(3)
    assert (await house.call().log_in()).startswith("-ERR [IN-USE]")
    assert (await first.ask("NOOP")).startswith("+OK")


async def test_quit_frees_the_device_before_its_line_is_closed(autojump_clock: MockClock, house: House) -> None:
    first, second = house.call(), house.call()
    await first.log_in()
    began = trio.current_time()
    assert await first.ask("QUIT") == "+OK goodbye"
    assert (await second.log_in()).startswith("+OK")
    assert trio.current_time() == began


async def test_a_device_that_dropped_comes_straight_back(autojump_clock: MockClock, house: House) -> None:
    first, second = house.call(), house.call()
    await first.log_in()
    await second.hear()
    await second.ask("USER fax")
    await second.say("PASS secret")
    await first.drop()
    assert (await second.hear()).startswith("+OK")
    assert house.maildrops.opened == [[], [first.session.id]]


@pytest.mark.parametrize(("peer", "silence", "taken"), [(HOME, 6, True), (AWAY, 6, False), (AWAY, 61, True)])
async def test_a_silent_session_is_taken_over(
    autojump_clock: MockClock, house: House, peer: object, silence: float, taken: bool
) -> None:
    first = house.call()
    await first.log_in()
    await first.ask("DELE 1")
    await trio.sleep(silence)
    answer = await house.call(AWAY if peer is AWAY else HOME).log_in()
    assert answer.startswith("+OK" if taken else "-ERR [IN-USE]")
    if taken:
        assert await first.hear() == ENDED
        assert house.maildrops.plans == []
        assert await house.reason() == "taken over"
        assert house.maildrops.opened == [[], [first.session.id]]
