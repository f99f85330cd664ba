"""Reading over connections that drop, stall or lie: the same octets, or a failure, never a mixture nor an early end."""

import pytest
from trio import current_time
from trio.testing import MockClock

from bridge.model.failures import MessageChanged, MessageGone, UpstreamError, UpstreamRefused, UpstreamUnavailable
from bridge.model.places import Location
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Bye, Chatter, Close, Cut, Do, Drip, Fault, Hang, Reset, Say
from bridge.upstream import Account
from bridge.upstream.assembly import FIRST_OCTETS, OVERLAP_OCTETS, RANGE_OCTETS
from bridge.upstream.reader import DROPS
from tests.support.messages import large_message
from tests.upstream.beds import LETTER, Bed, Connects, place_of, read, running

BIG = large_message(3_000_000)
TIMEOUT = 20.0
CLOSE = Close()


def script(bed: Bed, *rules: Rule) -> Script:
    """Have these faults happen."""
    made = Script(list(rules))
    bed.sandbox.script = made
    return made


def ranges(bed: Bed) -> list[str]:
    """Give the ranges that were asked for, in their order."""
    asked = [moment.arguments for moment in bed.sandbox.commands("UID FETCH")]
    return [text.partition("<")[2].partition(">")[0] for text in asked if "BODY.PEEK[]" in text]


def cut(after: int, then: Close | Reset = CLOSE, skip: int = 0, times: int | None = 1) -> Rule:
    """End the connection within a body."""
    return Rule("literal", Cut(after, then), "UID FETCH", "BODY.PEEK[]", skip=skip, times=times)


async def read_until_it_fails(account: Account, place: Location) -> tuple[bytes, UpstreamError | None]:
    """Read BIG; gives what came, and how it failed, None when it came to its end."""
    taken = b""
    async with account.read(place, len(BIG)) as content:
        try:
            while chunk := await content.receive():
                taken += chunk
        except UpstreamError as failure:
            return taken, failure
    return taken, None


class TestDrops:
    @pytest.mark.parametrize("then", [Close(), Reset()])
    @pytest.mark.parametrize(("after", "skip"), [(0, 0), (1, 0), (100_000, 0), (0, 1), (5, 1), (700_000, 1), (9, 3)])
    async def test_goes_on_where_it_was(self, alone: Bed, then: Close | Reset, after: int, skip: int) -> None:
        [uid] = await alone.deliver(BIG)
        place = await alone.location(uid)
        dropped = script(alone, cut(after, then, skip)).rules[0]
        connects = Connects()
        async with running(alone.settings(), connect=connects) as account:
            assert await read(account, place, len(BIG)) == BIG
        assert dropped.struck == 1
        assert connects.made == 2

    async def test_asks_for_the_rest_and_a_little_of_what_it_has(self, alone: Bed) -> None:
        [uid] = await alone.deliver(BIG)
        place = await alone.location(uid)
        script(alone, cut(700_000, Close(), skip=1))
        async with running(alone.settings()) as account:
            assert await read(account, place, len(BIG)) == BIG
        offset = FIRST_OCTETS + 700_000 - OVERLAP_OCTETS
        assert f"{offset}.{RANGE_OCTETS}" in ranges(alone)

    async def test_many_drops_that_each_brought_something(self, alone: Bed) -> None:
        [uid] = await alone.deliver(BIG)
        place = await alone.location(uid)
        script(alone, cut(200_000, times=10))
        async with running(alone.settings()) as account:
            assert await read(account, place, len(BIG)) == BIG

    @pytest.mark.parametrize("received", [0, FIRST_OCTETS])
    async def test_gives_up_when_nothing_comes_any_more(self, alone: Bed, received: int) -> None:
        [uid] = await alone.deliver(BIG)
        place = await alone.location(uid)
        script(alone, cut(0, skip=1 if received else 0, times=None))
        connects = Connects()
        async with running(alone.settings(), connect=connects) as account:
            taken, failure = await read_until_it_fails(account, place)
        assert isinstance(failure, UpstreamUnavailable)
        assert str(failure) == "account mail: the server closed the connection"
        assert taken == BIG[:received]
        assert connects.made == 1 + DROPS

    async def test_bye_is_a_drop_and_its_words_are_told(self, alone: Bed) -> None:
        [uid] = await alone.deliver(LETTER)
        place = await alone.location(uid)
        script(alone, Rule("command", Bye("going down"), "UID FETCH", times=None))
        async with running(alone.settings()) as account:
            with pytest.raises(UpstreamUnavailable, match=r'closed the connection \("going down"\)'):
                await read(account, place)
            alone.sandbox.script = None
            assert await read(account, place) == LETTER

    async def test_what_is_fetched_as_one_is_not_gone_on_with(self, alone: Bed) -> None:
        """A server that renders a message anew each time may give another one."""
        [uid] = await alone.deliver(BIG)
        place = await alone.location(uid)
        async with running(alone.settings(quirks=frozenset({"no-ranges"}))) as account:
            script(alone, cut(100_000))
            with pytest.raises(UpstreamUnavailable):
                await read(account, place, len(BIG))
            script(alone, cut(0))
            assert await read(account, place, len(BIG)) == BIG


class TestChanges:
    @pytest.mark.parametrize("after", [FIRST_OCTETS, 0, 5])
    @pytest.mark.parametrize(
        "other",
        [BIG[:-3] + b"!\r\n", BIG + b"more\r\n", BIG[:-2000], BIG.replace(b"a", b"b"), b"", BIG[: FIRST_OCTETS + 3]],
        ids=["same size", "longer", "shorter", "other octets", "empty", "ends where it was"],
    )
    async def test_a_message_that_changed_is_never_mixed(self, alone: Bed, after: int, other: bytes) -> None:
        [uid] = await alone.deliver(BIG)
        place = await alone.location(uid)
        change = Do(lambda: alone.sandbox.mailbox("anna").rewrite(uid, other))
        script(alone, Rule("literal", (change, Cut(after, Close())), "UID FETCH", "BODY.PEEK[]", skip=1))
        async with running(alone.settings()) as account:
            taken, failure = await read_until_it_fails(account, place)
        # What lies further behind than the overlap cannot be seen to have changed, if the size is the same.
        if other == BIG[:-3] + b"!\r\n":
            assert (failure, taken) == (None, other)
        else:
            assert isinstance(failure, MessageChanged)
            assert BIG.startswith(taken)
            assert str(failure) == f"account mail: UID {uid} of INBOX is not what it was a moment ago"

    @pytest.mark.parametrize("by", [-1_000_000, -1, 1, 5_000, 2_000_000])
    async def test_a_size_that_is_not_true_ends_nothing_early(self, alone: Bed, by: int) -> None:
        [uid] = await alone.deliver(BIG)
        alone.sandbox.mailbox("anna").announce_size(uid, len(BIG) + by)
        async with running(alone.settings()) as account:
            assert await read(account, await alone.location(uid), len(BIG) + by) == BIG

    @pytest.mark.parametrize("nothing", [b"NIL", b'""', b"{0}\r\n"])
    async def test_what_is_empty_because_it_was_expunged_is_no_end(self, alone: Bed, nothing: bytes) -> None:
        [uid] = await alone.deliver(BIG)
        place = await alone.location(uid)
        says = b"* 1 FETCH (UID %d BODY[]<%d> %b)\r\n" % (uid, FIRST_OCTETS, nothing)
        faults = (Do(lambda: alone.sandbox.mailbox("anna").expunge(uid)), Say(says), Answer("OK"))
        script(alone, Rule("command", faults, "UID FETCH", f"<{FIRST_OCTETS}."))
        async with running(alone.settings()) as account:
            taken, failure = await read_until_it_fails(account, place)
        assert isinstance(failure, MessageGone)
        assert taken == BIG[:FIRST_OCTETS]

    @pytest.mark.parametrize("says", [b"* 1 FETCH (UID %d BODY[]<0> NIL)\r\n", b"* 1 FETCH (UID %d FLAGS ())\r\n", b""])
    async def test_a_message_that_the_server_will_not_give(self, alone: Bed, says: bytes) -> None:
        uid, other = await alone.deliver(LETTER, LETTER)
        place = await alone.location(uid)
        faults = (Say(says % uid if says else b""), Answer("OK"))
        script(alone, Rule("command", faults, "UID FETCH", f"{uid} (UID BODY.PEEK[]<0.", times=None))
        async with running(alone.settings()) as account:
            expected = UpstreamRefused if says else MessageGone
            with pytest.raises(expected, match=f"account mail: .*UID {uid} of INBOX"):
                await read(account, place)
            assert await read(account, place._replace(uid=other)) == LETTER

    @pytest.mark.parametrize(("code", "expected"), [("EXPUNGEISSUED", MessageGone), ("", UpstreamRefused)])
    async def test_a_no_is_about_this_message_alone(self, alone: Bed, code: str, expected: type[Exception]) -> None:
        uid, other = await alone.deliver(LETTER, LETTER)
        place = await alone.location(uid)
        script(alone, Rule("command", Answer("NO", "cannot render it", code), "UID FETCH", f"{uid} (", times=None))
        connects = Connects()
        async with running(alone.settings(), connect=connects) as account:
            with pytest.raises(expected):
                await read(account, place)
            assert await read(account, place._replace(uid=other)) == LETTER
        assert connects.made == 1

    async def test_ranges_that_are_not_kept_to_are_named(self, alone: Bed) -> None:
        [uid] = await alone.deliver(LETTER)
        place = await alone.location(uid)
        says = b"* 1 FETCH (UID %d BODY[]<0> {%d}\r\n%b)\r\n" % (uid, len(BIG), BIG)
        script(alone, Rule("command", (Say(says), Answer("OK")), "UID FETCH", times=None))
        async with running(alone.settings()) as account:
            with pytest.raises(UpstreamRefused, match=r'quirks = \["no-ranges"\]'):
                await read(account, place)

    @pytest.mark.parametrize("first", [1, 70_000])
    async def test_a_uid_told_behind_the_body_counts(self, alone: Bed, first: int) -> None:
        text = BIG[: FIRST_OCTETS - 5]
        [uid] = await alone.deliver(text)
        place = await alone.location(uid)
        says = b"* 1 FETCH (BODY[]<0> {%d}\r\n%b UID %d)\r\n" % (len(text), text, uid)
        script(alone, Rule("command", (Say(says), Answer("OK")), "UID FETCH"))
        async with running(alone.settings()) as account:
            assert await read(account, place, first) == text


class TestTime:
    @pytest.mark.parametrize("faults", [Hang(), Chatter(every=1), Chatter(b"* 1 FETCH (FLAGS ())\r\n", every=5)])
    @pytest.mark.parametrize("command", ["EXAMINE", "UID FETCH"])
    async def test_chatter_is_no_progress(
        self, autojump_clock: MockClock, alone: Bed, faults: Fault, command: str
    ) -> None:
        [uid] = [alone.sandbox.deliver("anna", LETTER)]
        script(alone, Rule("command", faults, command, times=None))
        async with running(alone.settings(), timeout=TIMEOUT) as account:
            began = current_time()
            with pytest.raises(UpstreamUnavailable, match="account mail: the server took longer than 20 s to answer"):
                await read(account, place_of(alone, uid))
            assert current_time() - began == pytest.approx(TIMEOUT, abs=1)

    async def test_a_trickle_is_no_progress(self, autojump_clock: MockClock, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", BIG)
        script(alone, Rule("literal", Drip(1000, every=1), "UID FETCH", times=None))
        async with running(alone.settings(), timeout=TIMEOUT) as account:
            began = current_time()
            with pytest.raises(UpstreamUnavailable, match="longer than 20 s"):
                await read(account, place_of(alone, uid), len(BIG))
            assert current_time() - began == pytest.approx(TIMEOUT, abs=1)

    async def test_a_slow_line_is_progress(self, autojump_clock: MockClock, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", BIG)
        script(alone, Rule("literal", Drip(8000, every=1), "UID FETCH", times=None))
        async with running(alone.settings(), timeout=TIMEOUT) as account:
            began = current_time()
            assert await read(account, place_of(alone, uid), len(BIG)) == BIG
            assert current_time() - began > 10 * TIMEOUT
