"""Several sessions that read ahead the same messages: one fetch for all, and none is left waiting by another."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from bridge.model.failures import UpstreamError, UpstreamUnavailable
from bridge.model.names import Uid, UidValidity
from bridge.model.places import MailboxKey
from bridge.session import Allowance, SharedFetches
from bridge.session.ahead import Sink
from bridge.session.sharing import SharedBatches
from tests.session.support import INBOX

SIZE = 1000
ONE = UidValidity(1)
DROPPED = UpstreamUnavailable("a", "the connection was lost")


@dataclass(eq=False)
class Upstream:
    """What fetches for one session. Gives nothing by itself."""

    sink: Sink
    asked: list[int] = field(default_factory=list)
    closed: bool = False

    def ask(self, sizes: Mapping[Uid, int]) -> None:
        assert not self.closed
        self.asked += sizes

    def close(self) -> None:
        self.closed = True

    def give(self, *uids: int) -> None:
        for uid in uids:
            self.asked.remove(uid)
            self.sink.arrived(Uid(uid), [text(uid)[:10], text(uid)[10:]])

    def lose(self, *uids: int, failure: UpstreamError | None = DROPPED) -> None:
        for uid in uids:
            self.asked.remove(uid)
        self.sink.missing([Uid(uid) for uid in uids], failure)


@dataclass(eq=False)
class Session:
    """A session's end: what it was given, and what it was told to be missing."""

    given: dict[int, bytes] = field(default_factory=dict)
    lost: dict[int, UpstreamError | None] = field(default_factory=dict)
    closed: bool = False

    def arrived(self, uid: Uid, text: list[bytes]) -> None:
        assert not self.closed
        assert uid not in self.given
        self.given[uid] = b"".join(text)

    def missing(self, uids: Collection[Uid], failure: UpstreamError | None) -> None:
        assert not self.closed
        self.lost.update(dict.fromkeys(uids, failure))


def text(uid: int) -> bytes:
    return b"%d" % uid + b"x" * (SIZE - len(str(uid)))


class House:
    """Sessions over `SharedFetches`, each with its upstream."""

    def __init__(self, total: int = 1_000_000, kept: int = 4 * SIZE) -> None:
        self.allowance = Allowance(total)
        self.upstreams: list[Upstream] = []
        self.shared = SharedFetches(self._fetch, self.allowance, kept)

    def _fetch(self, key: MailboxKey, uidvalidity: UidValidity, sink: Sink) -> Upstream:
        self.upstreams.append(Upstream(sink))
        return self.upstreams[-1]

    def session(self) -> tuple[Session, SharedBatches, Upstream]:
        session = Session()
        batches = self.shared(INBOX, ONE, session)
        return session, batches, self.upstreams[-1]


def sizes(*uids: int, size: int = SIZE) -> dict[Uid, int]:
    return {Uid(uid): size for uid in uids}


def test_what_is_under_way_for_one_is_not_asked_for_by_another() -> None:
    house = House()
    (one, batches_one, up_one), (two, batches_two, up_two) = house.session(), house.session()
    batches_one.ask(sizes(1, 2, 3))
    batches_two.ask(sizes(2, 3, 4))
    assert (up_one.asked, up_two.asked) == ([1, 2, 3], [4])
    up_one.give(1, 2, 3)
    up_two.give(4)
    assert one.given == {uid: text(uid) for uid in (1, 2, 3)}
    assert two.given == {uid: text(uid) for uid in (2, 3, 4)}


def test_what_came_is_given_to_who_comes_later() -> None:
    house = House()
    (_, batches_one, up_one), (two, batches_two, up_two) = house.session(), house.session()
    batches_one.ask(sizes(1, 2))
    up_one.give(1, 2)
    batches_two.ask(sizes(1, 2))
    assert two.given == {1: text(1), 2: text(2)}
    assert up_two.asked == []


def test_no_more_is_kept_than_allowed_and_nothing_once_nobody_reads() -> None:
    house = House()
    session, batches, up = house.session()
    batches.ask(sizes(*range(1, 11)))
    up.give(*range(1, 11))
    assert house.allowance.taken == 4 * SIZE
    _, others, up_other = house.session()
    others.ask(sizes(*range(1, 11)))
    assert up_other.asked == [1, 2, 3, 4, 5, 6]
    for each in (batches, others, batches):
        each.close()
    assert house.allowance.taken == 0
    assert len(session.given) == 10


def test_a_small_allowance_is_left_to_the_sessions() -> None:
    house = House(total=8 * SIZE)
    _, batches, up = house.session()
    batches.ask(sizes(1, 2, 3))
    up.give(1, 2, 3)
    assert house.allowance.taken == SIZE


def test_who_waits_hears_of_a_failure_too() -> None:
    house = House()
    (one, batches_one, up_one), (two, batches_two, _) = house.session(), house.session()
    batches_one.ask(sizes(1, 2))
    batches_two.ask(sizes(1, 2))
    up_one.lose(1)
    up_one.lose(2, failure=None)
    assert one.lost == two.lost == {1: DROPPED, 2: None}


def test_who_goes_away_leaves_nobody_waiting() -> None:
    house = House()
    one, two, three = Session(), Session(), Session()
    batches = [house.shared(INBOX, ONE, session) for session in (one, two, three)]
    for each in batches:
        each.ask(sizes(1, 2))
    one.closed = True
    batches[0].close()
    assert house.upstreams[1].asked == [1, 2]
    two.closed = True
    batches[1].close()
    house.upstreams[2].give(1, 2)
    assert three.given == {1: text(1), 2: text(2)}


def test_a_message_of_another_length_is_another() -> None:
    house = House()
    (_, batches_one, up_one), (_, batches_two, up_two) = house.session(), house.session()
    batches_one.ask(sizes(1))
    up_one.give(1)
    batches_two.ask(sizes(1, size=SIZE + 1))
    assert up_two.asked == [1]


def test_a_changed_account_shares_nothing_from_before() -> None:
    house = House()
    (_, batches_one, up_one), (_, batches_two, up_two) = house.session(), house.session()
    batches_one.ask(sizes(1))
    up_one.give(1)
    house.shared.forget()
    batches_two.ask(sizes(1))
    assert up_two.asked == [1]
    assert house.allowance.taken == 0


STEPS = st.lists(st.tuples(st.sampled_from(["ask", "give", "lose", "close"]), st.integers(0, 3), st.integers(1, 6)))


@given(STEPS)
def test_whatever_happens_every_message_comes_or_is_missing_once(steps: list[tuple[str, int, int]]) -> None:
    house = House(kept=2 * SIZE)
    sessions = [Session() for _ in range(4)]
    batches = [house.shared(INBOX, ONE, session) for session in sessions]
    asked: list[set[int]] = [set() for _ in sessions]
    for what, which, uid in steps:
        session, up = sessions[which], house.upstreams[which]
        match what:
            case "ask" if not session.closed and uid not in asked[which]:
                asked[which].add(uid)
                batches[which].ask(sizes(uid))
            case "give" if uid in up.asked and not up.closed:
                up.give(uid)
            case "lose" if uid in up.asked and not up.closed:
                up.lose(uid)
            case "close":
                session.closed = True
                batches[which].close()
    for up in house.upstreams:
        if not up.closed:
            up.give(*up.asked)
    for session, wanted in zip(sessions, asked, strict=True):
        if not session.closed:
            assert set(session.given) | set(session.lost) == wanted
            assert not set(session.given) & set(session.lost)
    for each in batches:
        each.close()
    assert house.allowance.taken == 0
