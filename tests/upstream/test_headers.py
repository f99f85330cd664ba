"""Header fields of many messages: what identities are made of, from whatever the server is."""

from array import array

import pytest
import trio

from bridge.identity import content_identity
from bridge.imap import UidSet
from bridge.model.failures import MailboxChanged, UpstreamError, UpstreamRefused, UpstreamUnavailable
from bridge.model.names import Uid, UidValidity
from bridge.sandbox.faults import Answer, Close, Fault, FaultScript, Moment
from bridge.upstream import Account
from tests.support.messages import MESSAGES
from tests.upstream.beds import LETTER, Bed, key, read, running

ODD = [
    b"MESSAGE-id:\r\n <folded@example.org>\r\nsubject: a\r\n\tb\r\nDATE: 1 Jan 2026 00:00:00 +0000\r\n\r\nbody\r\n",
    b"X-Nothing: of the five\r\n\r\nSubject: in the body\r\n",
    b"To: " + b"a@example.org,\r\n " * 500 + b"b@example.org\r\n\r\nmany\r\n",
    b"Subject: first\r\nSubject: second\r\nFrom: a@example.org\r\n\r\n",
]


def fill(alone: Bed, messages: int) -> list[Uid]:
    """Deliver many letters at once; gives their UIDs."""
    return [alone.sandbox.deliver("anna", LETTER) for _ in range(messages)]


async def by_watcher(account: Account, uids: list[Uid]) -> dict[int, bytes]:
    """Fetch over the watcher's connection."""
    found: dict[int, bytes] = {}
    async with account.watch() as watcher:
        await watcher.examine(key().mailbox)
        await watcher.headers(uids, found.__setitem__)
    return found


async def test_identities_are_those_of_the_whole_messages(bed: Bed, account: Account) -> None:
    texts = [*MESSAGES.values(), *ODD]
    uids = await bed.deliver(*texts)
    whole = await bed.contents()
    found: dict[int, bytes] = {}
    place = await bed.location(uids[0])
    await account.headers(place.key, place.uidvalidity, uids, found.__setitem__)
    assert found == await by_watcher(account, uids)
    assert {uid: content_identity(header, 1) for uid, header in found.items()} == {
        uid: content_identity(text, 1) for uid, text in whole.items()
    }


async def test_what_is_not_there_is_left_out(bed: Bed, account: Account) -> None:
    uids = await bed.deliver(LETTER, LETTER, LETTER)
    await bed.expunge(uids[1])
    assert list(await by_watcher(account, [Uid(4_000_000_000), *reversed(uids), uids[0]])) == [uids[0], uids[2]]
    assert await by_watcher(account, []) == {}


async def test_a_mailbox_that_was_numbered_anew(bed: Bed, account: Account) -> None:
    [uid] = await bed.deliver(LETTER)
    place = await bed.location(uid)
    with pytest.raises(MailboxChanged, match="account mail: INBOX was numbered anew"):
        await account.headers(place.key, UidValidity(place.uidvalidity + 1), [uid], lambda uid, header: None)


async def test_many_with_gaps_come_in_short_commands(alone: Bed, lone_account: Account) -> None:
    inbox = alone.sandbox.mailbox("anna")
    for number in range(3000):
        inbox.deliver(b"Message-ID: <%d@example.org>\r\n\r\n" % number)
    inbox.expunge(*range(2, 3000, 2))
    found = await by_watcher(lone_account, inbox.uids())
    assert found == {m.uid: m.octets for m in inbox}
    assert len(alone.sandbox.commands("UID FETCH")) >= 4


class Choking(FaultScript):
    """A server that cannot read some messages, whoever asks and with whatever others."""

    def __init__(self, fault: Fault, *uids: int) -> None:
        self._fault = fault
        self._uids = frozenset(uids)
        self.asked = 0

    def consider(self, moment: Moment) -> tuple[Fault, ...]:
        if moment.point != "command" or "HEADER" not in moment.arguments:
            return ()
        self.asked += 1
        uids = UidSet.parse(moment.arguments.partition(" ")[0])
        return (self._fault,) if any(uid in uids for uid in self._uids) else ()


async def test_a_message_that_is_refused_takes_no_other_along(alone: Bed, lone_account: Account) -> None:
    uids = fill(alone, 200)
    alone.sandbox.script = script = Choking(Answer("NO", "cannot read it"), 3, 150)
    found = await by_watcher(lone_account, uids)
    assert sorted(found) == [uid for uid in uids if uid not in {3, 150}]
    assert script.asked < 100


@pytest.mark.parametrize("messages", [1, 60, 600])
async def test_a_server_that_refuses_all_is_not_taken_at_its_word_at_once(
    alone: Bed, lone_account: Account, messages: int
) -> None:
    uids = fill(alone, messages)
    alone.sandbox.script = script = Choking(Answer("NO", "busy"), *uids)
    with pytest.raises(UpstreamRefused, match='the server would not give headers of messages \\("busy"\\)'):
        await by_watcher(lone_account, uids)
    assert script.asked <= 106
    alone.sandbox.script = None
    assert sorted(await by_watcher(lone_account, uids)) == uids


async def test_a_server_that_always_refuses_all_is_believed_in_the_end(alone: Bed, lone_account: Account) -> None:
    uids = fill(alone, 50)
    alone.sandbox.script = Choking(Answer("BAD", "no such item"), *uids)
    for _ in range(4):
        with pytest.raises(UpstreamRefused):
            await by_watcher(lone_account, uids)
    assert await by_watcher(lone_account, uids) == {}


@pytest.mark.parametrize("fault", [Close(), Answer("NO", "oops", "SERVERBUG")], ids=["closes", "calls it its own bug"])
async def test_a_message_that_ends_connections_does_so_only_a_few_times(
    alone: Bed, lone_account: Account, fault: Fault
) -> None:
    uids = fill(alone, 100)
    alone.sandbox.script = Choking(fault, 40)
    found: dict[int, bytes] = {}
    place = await alone.location(1)
    for _ in range(4):
        with pytest.raises(UpstreamUnavailable):
            await lone_account.headers(place.key, place.uidvalidity, uids, found.__setitem__)
    await lone_account.headers(place.key, place.uidvalidity, uids, found.__setitem__)
    assert sorted(found) == [uid for uid in uids if uid != 40]
    assert await by_watcher(lone_account, uids) == found


async def test_what_came_before_a_loss_is_given(alone: Bed, lone_account: Account) -> None:
    uids = fill(alone, 1200)
    alone.sandbox.script = Choking(Close(), 1100)
    found: dict[int, bytes] = {}
    place = await alone.location(1)
    with pytest.raises(UpstreamError, match="account mail: the server closed the connection"):
        await lone_account.headers(place.key, place.uidvalidity, uids, found.__setitem__)
    assert sorted(found) == uids[:1000]


async def test_a_reader_goes_first(alone: Bed) -> None:
    uids = fill(alone, 5000)
    place = await alone.location(1)
    came = array("I")
    begun = trio.Event()

    def take(uid: Uid, header: bytes) -> None:
        came.append(uid)
        begun.set()

    async with running(alone.settings(max_connections=1)) as account, trio.open_nursery() as nursery:
        nursery.start_soon(account.headers, place.key, place.uidvalidity, uids, take)
        await begun.wait()
        assert await read(account, place) == LETTER
        assert len(came) < 2000
    assert list(came) == uids


async def test_a_sink_that_fails_ends_it_and_the_connection_goes_on(alone: Bed, lone_account: Account) -> None:
    uids = fill(alone, 10)
    place = await alone.location(1)

    def fail(uid: Uid, header: bytes) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await lone_account.headers(place.key, place.uidvalidity, uids, fail)
    found: dict[int, bytes] = {}
    await lone_account.headers(place.key, place.uidvalidity, uids, found.__setitem__)
    assert len(found) == 10
