"""Counting messages in the background: what is counted is what a device gets, to the octet."""

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import MailboxChanged, UpstreamUnavailable
from bridge.model.names import Uid, UidValidity
from bridge.model.places import Location, MeasuredMessage
from bridge.octets import CrlfRepair
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Chatter, Close, Cut, Do, Drip, Fault, Hang, Say
from bridge.upstream import Account
from bridge.upstream.measuring import FIRST_OCTETS, RANGE_OCTETS, TOGETHER_OCTETS
from tests.support.messages import MESSAGES, large_message, repaired
from tests.upstream.beds import LETTER, SECONDS, Bed, place_of, read, running

ENDS = (FIRST_OCTETS, FIRST_OCTETS + RANGE_OCTETS)
NO_RANGES = frozenset({"no-ranges"})
TOGETHER = TOGETHER_OCTETS // FIRST_OCTETS
"""Messages that are asked for together when they are thought to be as long as a first range."""


def ends_at(octets: int) -> bytes:
    """Give a message of exactly so many octets, full of bare LFs."""
    return (b"Subject: ends\r\n\r\n" + b"0123456789abcde\n" * 80_000)[:octets]


async def measured(account: Account, place: Location, uids: Sequence[Uid]) -> dict[Uid, MeasuredMessage]:
    """Have messages of the place's mailbox counted."""
    found: dict[Uid, MeasuredMessage] = {}
    await account.measure(place.key, place.uidvalidity, dict.fromkeys(uids, FIRST_OCTETS), found.__setitem__)
    return found


@pytest.mark.parametrize("quirks", [frozenset[str](), NO_RANGES], ids=["ranges", "whole"])
async def test_what_is_counted_is_what_repair_gives(bed: Bed, quirks: frozenset[str]) -> None:
    around = [ends_at(octets + more) for octets in ENDS for more in (-1, 0, 1)]
    uids = await bed.deliver(*MESSAGES.values(), *around)
    place, texts = await bed.location(1), await bed.contents()
    async with running(bed.settings(quirks=quirks)) as account:
        found = await measured(account, place, uids[::-1])
    assert {uid: counted.octets for uid, counted in found.items()} == {
        uid: len(repaired(text)) for uid, text in texts.items()
    }
    assert list(found) == uids[::-1]


async def test_what_is_counted_is_what_a_device_gets(bed: Bed, account: Account) -> None:
    text = MESSAGES["CR CR LF"] * 20_000
    [uid] = await bed.deliver(text)
    place, repair = await bed.location(uid), CrlfRepair()
    repair.feed(await read(account, place, len(text)))
    repair.finish()
    assert (await measured(account, place, [uid]))[uid].octets == repair.octets


async def test_whether_there_is_a_subject(bed: Bed, account: Account) -> None:
    uids = await bed.deliver(LETTER, b"From: a@example.org\r\n\r\nSubject: in the body\r\n", b"sUBJECT:\r\n\r\n")
    found = await measured(account, await bed.location(1), uids)
    assert [found[uid].subject for uid in uids] == [True, False, True]


async def test_what_is_not_there_is_left_out(bed: Bed, account: Account) -> None:
    first, second, third = await bed.deliver(LETTER, LETTER, LETTER)
    await bed.expunge(second)
    place = await bed.location(1)
    found = await measured(account, place, [first, second, third, Uid(third + 50), third])
    assert list(found) == [first, third]
    assert await measured(account, place, [second]) == {}


async def test_what_was_expunged_while_the_mailbox_is_open_is_left_out(bed: Bed, account: Account) -> None:
    large, small = await bed.deliver(large_message(400_000), LETTER)
    place = await bed.location(1)
    assert list(await measured(account, place, [small])) == [small]
    await bed.expunge(large)
    assert list(await measured(account, place, [large, small])) == [small]


async def test_nothing_is_marked_by_it(bed: Bed, account: Account) -> None:
    [uid] = await bed.deliver(LETTER)
    await measured(account, await bed.location(1), [uid])
    assert await bed.flags() == {uid: frozenset()}


async def test_another_uidvalidity_is_told(bed: Bed, account: Account) -> None:
    [uid] = await bed.deliver(LETTER)
    place = await bed.location(uid)
    with pytest.raises(MailboxChanged, match="account mail: INBOX was numbered anew"):
        await measured(account, place._replace(uidvalidity=UidValidity(place.uidvalidity + 1)), [uid])


async def test_a_reader_goes_first(alone: Bed) -> None:
    text = large_message(200_000)
    uids = [alone.sandbox.deliver("anna", text) for _ in range(3 * TOGETHER)]
    place = place_of(alone, uids[0])

    def asked() -> int:
        return len(alone.sandbox.commands("UID FETCH"))

    async with running(alone.settings(max_connections=1)) as account:
        with trio.fail_after(SECONDS):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(measured, account, place, uids)
                while not asked():
                    await trio.lowlevel.checkpoint()
                assert await read(account, place, len(text)) == text
                before = asked()
    assert before < asked() / 2


async def test_small_messages_are_asked_for_many_together(alone: Bed, lone_account: Account) -> None:
    uids = [alone.sandbox.deliver("anna", LETTER) for _ in range(300)]
    place, found = place_of(alone, 1), dict[Uid, MeasuredMessage]()
    await lone_account.measure(place.key, place.uidvalidity, dict.fromkeys(uids, 8192), found.__setitem__)
    assert list(found) == uids
    assert len(alone.sandbox.commands("UID FETCH")) == 3


class TestFaults:
    async def test_a_message_that_the_server_will_not_give_hides_no_other(self, alone: Bed) -> None:
        uids = [alone.sandbox.deliver("anna", LETTER) for _ in range(2 * TOGETHER)]
        bad = uids[3]
        refuses = Rule("command", Answer("NO", "cannot be rendered"), "UID FETCH", f"{uids[0]}:{uids[TOGETHER - 1]} (")
        alone_refuses = Rule("command", Answer("NO", "cannot be rendered"), "UID FETCH", f"{bad} (")
        alone.sandbox.script = Script([refuses, alone_refuses])
        async with running(alone.settings()) as account:
            found = await measured(account, place_of(alone, 1), uids)
        assert sorted(found) == [uid for uid in uids if uid != bad]

    async def test_an_expunge_half_way_counts_nothing_too_short(self, alone: Bed) -> None:
        uid = alone.sandbox.deliver("anna", large_message(400_000))
        says = b"* 1 FETCH (UID %d BODY[]<%d> NIL)\r\n" % (uid, FIRST_OCTETS)
        faults = (Do(lambda: alone.sandbox.mailbox("anna").expunge(uid)), Say(says), Answer("OK"))
        alone.sandbox.script = Script([Rule("command", faults, "UID FETCH", f"<{FIRST_OCTETS}.")])
        async with running(alone.settings()) as account:
            assert await measured(account, place_of(alone, 1), [uid]) == {}

    async def test_what_was_counted_before_a_loss_is_told(self, alone: Bed) -> None:
        uids = [alone.sandbox.deliver("anna", LETTER) for _ in range(3 * TOGETHER)]
        alone.sandbox.script = Script([Rule("literal", Cut(5, Close()), "UID FETCH", skip=2 * TOGETHER + 1)])
        found: dict[Uid, MeasuredMessage] = {}
        place = place_of(alone, 1)
        async with running(alone.settings()) as account:
            sizes = dict.fromkeys(uids, FIRST_OCTETS)
            with pytest.raises(UpstreamUnavailable):
                await account.measure(place.key, place.uidvalidity, sizes, found.__setitem__)
            assert list(found) == uids[: 2 * TOGETHER]
            left = [uid for uid in uids if uid not in found]
            assert list(await measured(account, place, left)) == left

    @pytest.mark.parametrize("faults", [Hang(), Chatter(every=1), Drip(10, every=1)])
    async def test_it_has_a_deadline(self, autojump_clock: MockClock, alone: Bed, faults: Fault) -> None:
        uid = alone.sandbox.deliver("anna", large_message(100_000))
        alone.sandbox.script = Script([Rule("command", faults, "UID FETCH")])
        async with running(alone.settings(), timeout=20) as account:
            began = trio.current_time()
            with pytest.raises(UpstreamUnavailable, match="account mail: the server took longer than 20 s"):
                await measured(account, place_of(alone, 1), [uid])
            assert trio.current_time() - began == pytest.approx(20, abs=1)
