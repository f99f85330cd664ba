"""What is fetched ahead: as much as the device's way of going lets expect, within bounds, and nothing else."""

from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import pytest
import trio

from bridge.maildrop import Maildrop, from_messages
from bridge.model.failures import UpstreamError, UpstreamRefused, UpstreamUnavailable
from bridge.model.names import EntrySeq, MsgNum, Uid, Uidl, UidValidity
from bridge.model.places import MailboxKey, StoredMessage
from bridge.session import Allowance
from bridge.session.ahead import FIRST_WINDOW, MESSAGES, WHOLE_OCTETS, ReadAhead, Sink
from bridge.telemetry import counters
from tests.session.support import INBOX

LIMIT = 4_000_000
SIZE = 8192


class Dropped(UpstreamUnavailable):
    """What an upstream says of a connection that ended by itself."""


@dataclass
class Upstream:
    """Keeps what was asked for. With `quick` it gives it at once."""

    quick: bool = True
    asked: list[list[int]] = field(default_factory=list)
    closed: int = 0
    sink: Sink | None = None

    def __call__(self, key: MailboxKey, uidvalidity: UidValidity, sink: Sink) -> "Upstream":
        self.sink = sink
        return self

    def ask(self, sizes: Mapping[Uid, int]) -> None:
        self.asked.append(list(sizes))
        if self.quick:
            self.give(self.asked[-1])

    def give(self, uids: Collection[int]) -> None:
        assert self.sink is not None
        for uid in sorted(uids):
            self.sink.arrived(Uid(uid), [text(uid)])

    def lose(self, uids: Collection[int], failure: UpstreamError | None) -> None:
        assert self.sink is not None
        self.sink.missing([Uid(uid) for uid in uids], failure)

    def close(self) -> None:
        self.closed += 1


def text(uid: int) -> bytes:
    return b"%d" % uid * (SIZE // len(b"%d" % uid))


def maildrop(sizes: list[int], familiar: int) -> Maildrop:
    rows = [
        StoredMessage(EntrySeq(n), Uidl(f"{n:032x}"), Uid(n), size, -1, 0, subject=-1)
        for n, size in enumerate(sizes, 1)
    ]
    box = from_messages(INBOX, UidValidity(1), rows)
    return Maildrop((box,), box.seqs, box.sizes, box.measured, box.uidls, sum(sizes), familiar=familiar)


@dataclass
class Session:
    """A session that fetches, and what it had to fetch alone."""

    upstream: Upstream = field(default_factory=Upstream)
    sizes: list[int] = field(default_factory=lambda: [SIZE] * 2000)
    familiar: int = 10_000
    limit: int = LIMIT
    allowance: Allowance = field(default_factory=lambda: Allowance(10 * LIMIT))
    deleted: set[MsgNum] = field(default_factory=set)
    alone: list[int] = field(default_factory=list)
    most: int = 0

    def __post_init__(self) -> None:
        self.ahead = ReadAhead(
            maildrop(self.sizes, self.familiar), self.deleted, self.upstream, self.limit, self.allowance
        )

    def retr(self, *nums: int) -> "Session":
        for num in nums:
            found = self.ahead.take(MsgNum(num))
            self.most = max(self.most, self.allowance.taken)
            if found is not None:
                assert b"".join(found) == text(num)
            elif not self.ahead.coming(MsgNum(num)):
                self.alone.append(num)
        return self

    @property
    def asked(self) -> list[int]:
        return [uid for batch in self.upstream.asked for uid in batch]


def test_in_order_all_come_in_few_batches() -> None:
    session = Session().retr(*range(1, 2001))
    assert session.alone == []
    assert sorted(session.asked) == list(range(1, 2001))
    assert len(session.upstream.asked) < 60
    assert session.most <= LIMIT
    assert session.allowance.taken == 0


def test_what_is_new_to_a_device_is_expected_from_the_first_on() -> None:
    session = Session(familiar=1990).retr(*range(1991, 2001))
    assert session.alone == []
    assert session.asked == list(range(1991, 2001))
    assert len(session.upstream.asked) == 2


def test_the_newest_few_are_expected_whatever_the_device_had_before() -> None:
    session = Session(familiar=2000).retr(*range(1991, 2001))
    assert session.alone == []
    assert session.upstream.asked == [list(range(1991, 1999)), [1999, 2000]]


def test_the_newest_few_are_not_expected_where_they_are_large() -> None:
    session = Session(sizes=[50_000] * 100, familiar=100).retr(95)
    assert session.asked == [95]


def test_newest_first() -> None:
    session = Session(familiar=2000).retr(*range(2000, 0, -1))
    assert session.alone == []
    assert sorted(session.asked) == list(range(1, 2001))
    assert len(session.upstream.asked) < 60


def test_deleting_each_message_behind_it_changes_nothing() -> None:
    session = Session()
    for num in range(1, 101):
        session.retr(num)
        session.deleted.add(MsgNum(num))
    assert session.alone == []
    assert len(session.upstream.asked) < 40


def test_deleted_messages_are_passed_over() -> None:
    session = Session(deleted={MsgNum(2), MsgNum(4)}).retr(1, 3, 5, 6)
    assert session.alone == []
    assert not {2, 4} & set(session.asked)


def test_without_an_order_nothing_is_fetched_but_what_is_asked_for() -> None:
    session = Session().retr(5, 900, 3, 1500, 77, 20, 20)
    assert session.upstream.asked == [[5], [900], [3], [1500], [77], [20], [20]]
    assert session.alone == []
    assert session.allowance.taken == 0


def test_what_is_not_small_is_read_bit_by_bit_where_there_is_no_order() -> None:
    session = Session(sizes=[WHOLE_OCTETS + 1] * 100).retr(5, 90, 3)
    assert (session.asked, session.alone) == ([], [5, 90, 3])


def test_what_is_passed_over_is_thrown_away_and_counted() -> None:
    wasted = counters()["read_ahead_wasted"]
    session = Session().retr(1, 2, 3, 7, 8)
    assert session.alone == []
    assert counters()["read_ahead_wasted"] - wasted == sum(len(text(n)) for n in (4, 5, 6))
    session.ahead.close()
    unread = [n for n in session.asked if n > 8]
    assert counters()["read_ahead_wasted"] - wasted == sum(len(text(n)) for n in (4, 5, 6, *unread))
    assert session.allowance.taken == 0


def test_leaving_the_order_ends_it() -> None:
    session = Session().retr(1, 2, 3)
    before = len(session.asked)
    session.retr(1000, 50)
    assert session.asked[before:] == [1000, 50]
    assert session.alone == []
    assert session.allowance.taken == 0


def test_it_begins_with_little() -> None:
    assert 0 < Session().retr(1, 2).most <= FIRST_WINDOW


@pytest.mark.parametrize("limit", [100, 50_000, 1_000_000])
def test_a_session_keeps_to_its_room(limit: int) -> None:
    session = Session(limit=limit).retr(*range(1, 500))
    assert session.most <= limit
    assert (session.alone == []) == (limit > 3 * SIZE)


def test_all_sessions_keep_to_the_room_of_all() -> None:
    allowance = Allowance(300_000)
    sessions = [Session(allowance=allowance) for _ in range(9)]
    for num in range(1, 200):
        for session in sessions:
            session.retr(num)
            assert allowance.taken <= 300_000
    for session in sessions:
        session.ahead.close()
    assert allowance.taken == 0


def test_large_messages_are_fetched_alone_and_those_behind_them_together() -> None:
    sizes = [SIZE] * 40
    sizes[9] = 10_000_000
    session = Session(sizes=sizes).retr(*range(1, 41))
    assert session.alone == [10]
    assert 10 not in session.asked


def test_a_batch_fits_a_command_line() -> None:
    session = Session(sizes=[10] * 5000)
    for num in range(1, 3000):
        session.ahead.take(MsgNum(num))
    assert max(map(len, session.upstream.asked)) <= MESSAGES


async def test_what_is_on_its_way_is_waited_for(autojump_clock: trio.testing.MockClock) -> None:
    session = Session(upstream=Upstream(quick=False)).retr(1, 2)
    found: list[list[bytes] | None] = []

    async def wait() -> None:
        found.append(await session.ahead.wait(MsgNum(2)))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        assert found == []
        session.upstream.give(session.upstream.asked[1])
    assert found == [[text(2)]]


async def test_what_the_server_will_not_give_comes_alone() -> None:
    session = Session(upstream=Upstream(quick=False)).retr(1, 2)
    assert session.ahead.coming(MsgNum(2))
    session.upstream.lose([2], UpstreamRefused("mail", "no"))
    session.upstream.give(set(session.upstream.asked[1]) - {2})
    assert await session.ahead.wait(MsgNum(2)) is None
    session.retr(2, 3, 4)
    assert session.alone == [2]
    assert session.asked.count(2) == 1


async def test_what_was_lost_with_its_connection_is_asked_for_again() -> None:
    session = Session(upstream=Upstream(quick=False)).retr(1, 2)
    _, first, *others = session.upstream.asked
    lost = [*first[3:], *(uid for batch in others for uid in batch)]
    session.upstream.give(first[:3])
    session.upstream.lose(lost, Dropped("mail", "the server closed the connection"))
    session.upstream.quick = True
    assert await session.ahead.wait(MsgNum(2)) == [text(2)]
    session.retr(*range(3, 30))
    assert session.alone == []
    assert all(session.asked.count(n) == 2 for n in lost if n < 30)


async def test_a_silent_server_is_told_as_that() -> None:
    session = Session(upstream=Upstream(quick=False)).retr(1, 2)
    session.upstream.lose(session.asked[1:], UpstreamUnavailable("mail", "took longer than 20 s"))
    with pytest.raises(UpstreamUnavailable, match="took longer"):
        await session.ahead.wait(MsgNum(2))


def test_what_comes_when_nobody_wants_it_any_more_is_counted() -> None:
    wasted = counters()["read_ahead_wasted"]
    session = Session(upstream=Upstream(quick=False)).retr(1, 2, 1000)
    session.upstream.give(session.upstream.asked[1])
    assert counters()["read_ahead_wasted"] - wasted == sum(len(text(n)) for n in session.upstream.asked[1])


def test_what_is_spooled_is_left_where_it_is() -> None:
    upstream = Upstream()
    spooled = range(5, 1500)
    drop = maildrop([SIZE] * 2000, 2000)
    ahead = ReadAhead(drop, (), upstream, LIMIT, Allowance(LIMIT), lambda num: num in spooled)
    alone = [num for num in range(1, 2001) if ahead.take(MsgNum(num)) is None]
    assert alone == [*spooled]
    assert sorted(uid for batch in upstream.asked for uid in batch) == [1, 2, 3, 4, *range(1500, 2001)]


def test_several_mailboxes_are_asked_each_for_its_own() -> None:
    one, two = Upstream(), Upstream()
    rows = [
        [StoredMessage(EntrySeq(n), Uidl(f"{n:032x}"), Uid(n), SIZE, -1, 0) for n in range(at, 41, 2)] for at in (1, 2)
    ]
    boxes = tuple(from_messages(INBOX, UidValidity(n), part) for n, part in enumerate(rows, 1))
    both = Maildrop(
        boxes,
        array("q", range(1, 41)),
        array("q", [SIZE] * 40),
        bytes(40),
        boxes[0].uidls,
        40 * SIZE,
        array("H", [0, 1] * 20),
        array("I", [n // 2 for n in range(40)]),
        familiar=40,
    )
    ahead = ReadAhead(
        both,
        (),
        lambda key, uidvalidity, sink: (one if uidvalidity == 1 else two)(key, uidvalidity, sink),
        LIMIT,
        Allowance(LIMIT),
    )
    found = [ahead.take(MsgNum(num)) for num in range(1, 41)]
    assert found == [[text(num)] for num in range(1, 41)]
    assert all(uid % 2 for batch in one.asked for uid in batch)
    assert not any(uid % 2 for batch in two.asked for uid in batch)


def test_an_account_that_was_taken_away_is_waited_for_by_nobody() -> None:
    def gone(key: MailboxKey, uidvalidity: UidValidity, sink: Sink) -> Upstream:
        raise UpstreamUnavailable("home", "account home is not in the configuration any more")

    allowance = Allowance(LIMIT)
    ahead = ReadAhead(maildrop([SIZE] * 20, 0), set(), gone, LIMIT, allowance)
    for num in range(1, 4):
        assert ahead.take(MsgNum(num)) is None
        assert not ahead.coming(MsgNum(num))
    assert allowance.taken == 0
