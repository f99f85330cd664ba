"""A message's octets, as a device gets them: exactly what the server has, whatever happens in between."""

import pytest
import trio

from bridge.model.failures import MailboxChanged, MailboxMissing, MessageGone, UpstreamUnavailable
from bridge.model.names import Uid, UidValidity
from bridge.upstream import Account
from bridge.upstream.assembly import AHEAD_OCTETS, FIRST_OCTETS, RANGE_OCTETS
from tests.support.messages import MESSAGES, large_message
from tests.upstream.beds import LETTER, SECONDS, Bed, Connects, key, read, running

BINARY = b"Subject: binary\r\n\r\n" + bytes(range(1, 256)) * 900
"""All octets but NUL, which only BINARY may carry, over several chunks."""

BIG = large_message(3_000_000)
RANGES, WHOLE = frozenset[str](), frozenset({"no-ranges"})


async def test_octets_are_those_the_reference_client_gets(bed: Bed, account: Account) -> None:
    texts = [*MESSAGES.values(), BINARY]
    uids = await bed.deliver(*texts)
    place, expected = await bed.location(1), await bed.contents()
    assert list(expected) == uids
    for uid in uids:
        assert await read(account, place._replace(uid=uid), len(expected[uid])) == expected[uid]
    if bed.kind == "sandbox":  # the others mend some of them at APPEND
        assert list(expected.values()) == texts


@pytest.mark.parametrize(
    ("thought", "quirks"),
    [(1, RANGES), (len(BIG), RANGES), (4_000_000, RANGES), (1, WHOLE)],
    ids=["too short", "right", "too long", "whole"],
)
async def test_a_large_message_comes_whatever_it_was_thought_to_be(
    bed: Bed, thought: int, quirks: frozenset[str]
) -> None:
    [uid] = await bed.deliver(BIG)
    async with running(bed.settings(quirks=quirks)) as account:
        assert await read(account, await bed.location(uid), thought) == BIG


@pytest.mark.parametrize("octets", [FIRST_OCTETS, FIRST_OCTETS + RANGE_OCTETS])
@pytest.mark.parametrize("more", [-1, 0, 1])
async def test_messages_that_end_where_a_range_does(bed: Bed, account: Account, octets: int, more: int) -> None:
    text = (b"Subject: ends\r\n\r\n" + b"0123456789abcde\n" * 200_000)[: octets + more]
    [uid] = await bed.deliver(text)
    expected = (await bed.contents())[uid]
    assert await read(account, await bed.location(uid), len(text)) == expected


async def test_reading_marks_nothing(bed: Bed, account: Account) -> None:
    [uid] = await bed.deliver(LETTER)
    await read(account, await bed.location(uid))
    assert await bed.flags() == {uid: frozenset()}


async def test_what_was_expunged_is_gone(bed: Bed, account: Account) -> None:
    first, second = await bed.deliver(LETTER, LETTER)
    place = await bed.location(first)
    await bed.expunge(first)
    async with account.read(place, 100) as content:
        for _ in range(2):
            with pytest.raises(MessageGone, match=f"account mail: UID {first} of INBOX is no longer there"):
                await content.receive()
    assert await read(account, place._replace(uid=second)) == LETTER


async def test_what_never_was_is_gone(bed: Bed, account: Account) -> None:
    [uid] = await bed.deliver(LETTER)
    with pytest.raises(MessageGone):
        await read(account, (await bed.location(uid))._replace(uid=Uid(uid + 1000)))


async def test_what_was_expunged_while_the_mailbox_is_open_is_gone(bed: Bed, account: Account) -> None:
    first, second = await bed.deliver(LETTER, LETTER)
    place = await bed.location(first)
    assert await read(account, place) == LETTER
    await bed.expunge(second)
    with pytest.raises(MessageGone):
        await read(account, place._replace(uid=second))
    assert await read(account, place) == LETTER


async def test_what_came_while_the_mailbox_is_open_can_be_read(bed: Bed, account: Account) -> None:
    [first] = await bed.deliver(LETTER)
    place = await bed.location(first)
    assert await read(account, place) == LETTER
    [second] = await bed.deliver(BINARY)
    expected = (await bed.contents())[second]
    assert await read(account, place._replace(uid=second)) == expected


async def test_what_is_in_a_mailbox_made_anew_while_it_is_open_can_be_read(bed: Bed, account: Account) -> None:
    await bed.create("Sorted")
    [first] = await bed.deliver(LETTER, mailbox="Sorted")
    place = await bed.location(first, "Sorted")
    assert await read(account, place) == LETTER
    await bed.create_anew("Sorted")
    [second] = await bed.deliver(BINARY, mailbox="Sorted")
    expected = (await bed.contents("Sorted"))[second]
    assert await read(account, await bed.location(second, "Sorted")) == expected
    with pytest.raises(MailboxChanged):
        await read(account, place)


async def test_a_message_expunged_half_way_is_whole_or_never_ends(bed: Bed, account: Account) -> None:
    text = large_message(3 * AHEAD_OCTETS)
    [uid] = await bed.deliver(text)
    taken = []
    async with account.read(await bed.location(uid), len(text)) as content:
        taken.append(await content.receive())
        await bed.expunge(uid)
        try:
            while chunk := await content.receive():
                taken.append(chunk)
        except MessageGone:
            assert text.startswith(b"".join(taken))
        else:
            assert b"".join(taken) == text


async def test_a_mailbox_numbered_anew_is_told(bed: Bed, account: Account) -> None:
    await bed.create("Box")
    [uid] = await bed.deliver(LETTER, mailbox="Box")
    place = await bed.location(uid, "Box")
    await bed.create_anew("Box")
    await bed.deliver(b"Subject: another\r\n\r\n", mailbox="Box")
    with pytest.raises(MailboxChanged, match="account mail: Box was numbered anew"):
        await read(account, place)


async def test_a_mailbox_that_is_missing_is_told(bed: Bed, account: Account) -> None:
    place = await bed.location(1)
    with pytest.raises(MailboxMissing, match="account mail: the server would not open Nowhere"):
        await read(account, place._replace(key=key("Nowhere")))
    [uid] = await bed.deliver(LETTER)
    assert await read(account, place._replace(uid=uid)) == LETTER


@pytest.mark.parametrize("quirks", [RANGES, WHOLE], ids=["ranges", "whole"])
async def test_a_reader_abandoned_half_way_leaves_the_account_usable(bed: Bed, quirks: frozenset[str]) -> None:
    large, small = await bed.deliver(BIG, LETTER)
    place = await bed.location(large)
    async with running(bed.settings(max_connections=1, quirks=quirks)) as account:
        for chunks in (0, 1, 3, 30):
            async with account.read(place, len(BIG)) as content:
                for _ in range(chunks):
                    await content.receive()
            assert await read(account, place._replace(uid=small)) == LETTER


async def test_a_reader_cancelled_half_way_goes_on_where_it_was(bed: Bed, account: Account) -> None:
    [uid] = await bed.deliver(BIG)
    taken = b""
    async with account.read(await bed.location(uid), len(BIG)) as content:
        while True:
            with trio.CancelScope() as scope:
                scope.cancel()
                taken += await content.receive()
            if not (chunk := await content.receive()):
                break
            taken += chunk
    assert taken == BIG


@pytest.mark.parametrize("connections", [1, 2])
async def test_two_readers_side_by_side(bed: Bed, connections: int) -> None:
    others = large_message(3_000_000, seed=1)
    uids = await bed.deliver(BIG, others)
    place = await bed.location(1)
    async with running(bed.settings(max_connections=connections)) as account:
        async with (
            account.read(place._replace(uid=uids[0]), len(BIG)) as one,
            account.read(place._replace(uid=uids[1]), len(others)) as two,
        ):
            taken = [b"", b""]
            with trio.fail_after(SECONDS):
                while chunks := (await one.receive(), await two.receive()):
                    if chunks == (b"", b""):
                        break
                    taken = [so_far + chunk for so_far, chunk in zip(taken, chunks, strict=True)]
        assert taken == [BIG, others]
        assert account.health.connections <= connections


async def test_a_slow_reader_holds_no_connection(bed: Bed) -> None:
    large, small = await bed.deliver(large_message(4 * AHEAD_OCTETS), LETTER)
    place = await bed.location(large)
    connects = Connects()
    async with running(bed.settings(max_connections=1), connect=connects) as account:
        async with account.read(place, 4 * AHEAD_OCTETS) as content:
            await content.receive()
            assert await read(account, place._replace(uid=small)) == LETTER
            await content.receive()
        assert connects.made == 1


async def test_after_its_end_an_account_reads_no_more(bed: Bed) -> None:
    place = await bed.location(1)
    async with running(bed.settings()) as account:
        pass
    with pytest.raises(UpstreamUnavailable, match="account mail: its connections are closed"):
        await read(account, place)


async def test_uidvalidity_decides_also_for_a_mailbox_that_is_open(bed: Bed, account: Account) -> None:
    [uid] = await bed.deliver(LETTER)
    place = await bed.location(uid)
    assert await read(account, place) == LETTER
    with pytest.raises(MailboxChanged):
        await read(account, place._replace(uidvalidity=UidValidity(place.uidvalidity + 1)))
