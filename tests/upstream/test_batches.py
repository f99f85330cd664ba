"""Many messages at once: each comes whole and as it is, or is told as missing, exactly once."""

from collections.abc import Collection

import pytest
import trio

from bridge.model.failures import MailboxChanged, UpstreamError, UpstreamUnavailable
from bridge.model.names import Uid, UidValidity
from bridge.sandbox import Rule, SandboxServer, Script
from bridge.sandbox.faults import Close, Cut
from bridge.upstream import Account
from bridge.upstream.batches import Batches
from tests.support.certificates import Certificate
from tests.support.messages import MESSAGES, large_message
from tests.upstream.beds import LETTER, SECONDS, Bed, Connects, key, place_of, read, running, serving

LETTERS = tuple(b"Subject: %d\r\n\r\n%b\r\n" % (n, b"x" * n) for n in range(40))


class Kept:
    """Keeps what came, and waits for it."""

    def __init__(self) -> None:
        self.texts: dict[Uid, bytes] = {}
        self.lost: dict[Uid, UpstreamError | None] = {}
        self._news = trio.Event()

    def arrived(self, uid: Uid, text: list[bytes]) -> None:
        assert uid not in self.texts
        self.texts[uid] = b"".join(text)
        self._news.set()

    def missing(self, uids: Collection[Uid], failure: UpstreamError | None) -> None:
        for uid in uids:
            assert uid not in self.texts
            assert uid not in self.lost
            self.lost[uid] = failure
        self._news.set()

    async def settled(self, messages: int) -> None:
        with trio.fail_after(SECONDS):
            while len(self.texts) + len(self.lost) < messages:
                self._news = trio.Event()
                await self._news.wait()


def batches(account: Account, kept: Kept, uidvalidity: int) -> Batches:
    return account.batches(key(), UidValidity(uidvalidity), kept)


def bodies(bed: Bed) -> int:
    return sum("BODY.PEEK[]" in moment.arguments for moment in bed.sandbox.commands("UID FETCH"))


async def test_octets_are_those_the_reference_client_gets(bed: Bed, account: Account) -> None:
    large = large_message(400_000)
    uids = await bed.deliver(*MESSAGES.values(), large)
    expected, kept = await bed.contents(), Kept()
    ahead = batches(account, kept, (await bed.location(1)).uidvalidity)
    ahead.ask({uid: len(expected[uid]) for uid in uids[::2]})
    ahead.ask({uid: len(expected[uid]) for uid in uids[1::2]})
    await kept.settled(len(uids))
    assert kept.texts == {uid: text for uid, text in expected.items() if text}
    assert kept.lost == {uid: None for uid, text in expected.items() if not text}


async def test_what_is_gone_is_missing_and_the_rest_comes(bed: Bed, account: Account) -> None:
    first, second, third = await bed.deliver(LETTER, LETTER, LETTER)
    place, kept = await bed.location(first), Kept()
    assert await read(account, place) == LETTER  # so that the mailbox is open when the message goes
    await bed.expunge(second)
    batches(account, kept, place.uidvalidity).ask(dict.fromkeys((first, second, third), 100))
    await kept.settled(3)
    if bed.kind == "pymap":  # gives a message for as long as it did not tell that it is gone
        assert set(kept.texts) == {first, second, third}
    else:
        assert kept.texts == {first: LETTER, third: LETTER}
        assert list(kept.lost) == [second]


async def test_each_batch_is_one_command(alone: Bed, lone_account: Account) -> None:
    uids, kept = await alone.deliver(*LETTERS), Kept()
    ahead = batches(lone_account, kept, place_of(alone, 1).uidvalidity)
    for at in range(0, 40, 10):
        ahead.ask(dict.fromkeys(uids[at : at + 10], 100))
    await kept.settled(40)
    assert kept.texts == dict(zip(uids, LETTERS, strict=True))
    assert bodies(alone) == 4


async def test_a_drop_loses_what_had_not_come_whole(alone: Bed) -> None:
    uids, kept, connects = await alone.deliver(*LETTERS), Kept(), Connects()
    alone.sandbox.script = Script([Rule("literal", Cut(5, Close()), "UID FETCH", "BODY.PEEK[]", skip=12)])
    async with running(alone.settings(), connect=connects) as account:
        ahead = batches(account, kept, place_of(alone, 1).uidvalidity)
        for at in range(0, 40, 10):
            ahead.ask(dict.fromkeys(uids[at : at + 10], 100))
        await kept.settled(40)
        assert kept.texts == dict(zip(uids[:12], LETTERS[:12], strict=True))
        assert {type(failure).__mro__[1] for failure in kept.lost.values()} == {UpstreamUnavailable}
        ahead.ask(dict.fromkeys(again := list(kept.lost), 100))
        kept.lost.clear()
        await kept.settled(40)
    assert kept.texts == dict(zip(uids, LETTERS, strict=True))
    assert connects.made == 2
    assert again == uids[12:]


async def test_a_text_far_longer_than_thought_is_not_taken(alone: Bed, lone_account: Account) -> None:
    uids, kept = await alone.deliver(LETTER, large_message(2_000_000)), Kept()
    batches(lone_account, kept, place_of(alone, 1).uidvalidity).ask(dict.fromkeys(uids, 100))
    await kept.settled(2)
    assert kept.texts == {uids[0]: LETTER}
    assert await read(lone_account, place_of(alone, uids[0])) == LETTER


async def test_a_mailbox_numbered_anew_has_none_of_them(alone: Bed, lone_account: Account) -> None:
    [uid], kept = await alone.deliver(LETTER), Kept()
    batches(lone_account, kept, place_of(alone, uid).uidvalidity + 1).ask({uid: 100})
    await kept.settled(1)
    assert isinstance(kept.lost[uid], MailboxChanged)


async def test_without_connections_all_is_missing(alone: Bed) -> None:
    kept = Kept()
    async with running(alone.settings(port=1)) as account:
        batches(account, kept, 1).ask({Uid(1): 100, Uid(2): 100})
        await kept.settled(2)
    assert all(isinstance(failure, UpstreamUnavailable) for failure in kept.lost.values())


@pytest.mark.parametrize("octets", [1, 100_000])
async def test_closed_nothing_more_is_heard(alone: Bed, octets: int) -> None:
    uids, kept = await alone.deliver(*LETTERS), Kept()
    async with running(alone.settings(max_connections=1)) as account:
        ahead = batches(account, kept, place_of(alone, 1).uidvalidity)
        ahead.ask(dict.fromkeys(uids, octets))
        ahead.close()
        assert await read(account, place_of(alone, uids[0])) == LETTERS[0]
    assert not kept.texts
    assert not kept.lost


async def test_batches_asked_for_while_others_come_under_tls(certificate: Certificate) -> None:
    """Each of them interrupts a receive: nothing of what had come is lost."""
    server = SandboxServer(tls="implicit", certificate=(str(certificate.certificate), str(certificate.key)))
    texts = [large_message(20_000, seed) for seed in range(200)]
    async with serving(server) as bed:
        uids = [server.deliver("anna", text) for text in texts]
        kept = Kept()
        settings = bed.settings(tls="implicit", ca_file=str(certificate.ca))
        async with running(settings) as account:
            ahead = batches(account, kept, place_of(bed, 1).uidvalidity)
            for at in range(0, 200, 5):
                ahead.ask(dict.fromkeys(uids[at : at + 5], 20_000))
                await kept.settled(max(1, at - 20))
            await kept.settled(200)
        assert kept.texts == dict(zip(uids, texts, strict=True))
        assert {moment.connection for moment in server.commands("UID FETCH")} == {1}
