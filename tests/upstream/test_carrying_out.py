"""What each promised action leaves upstream: in the mailbox, where it moved to, and of other people's mail."""

from dataclasses import dataclass

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import UpstreamUnavailable
from bridge.model.names import Uid, UidValidity
from bridge.model.places import Location
from bridge.model.update import Action, Intent
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Chatter, Fault, Hang
from bridge.upstream import Account
from tests.support.imap_reference import Imap, append, fetch_all, flags
from tests.upstream.beds import LETTER, Bed, key, place_of, promise_of, running, status, store_flags

OTHERS = b"Message-ID: <others@example.org>\r\nSubject: somebody else's\r\n\r\nKeep me\r\n"
MOVES: dict[Action, str] = {"archive": "Archive", "trash": "Trash"}
ACTIONS: list[Action] = ["seen", "flag", "archive", "trash", "expunge"]


@dataclass
class Furnished:
    """A letter at a place, between two messages of others that somebody marked, and empty mailboxes to move it to."""

    place: Location
    neighbours: dict[int, frozenset[str]]

    def promise(self, action: Action, size: int = len(LETTER)) -> Intent:
        """Promise something about the letter."""
        return promise_of(self.place, action, size)


async def furnish(bed: Bed, mailbox: str = "INBOX") -> Furnished:
    """Have all that; Archive and Trash are marked by their use where the server knows such marks."""
    if bed.kind == "sandbox":
        for name in ("Archive", "Trash"):
            bed.sandbox.users["anna"].create(name, f"\\{name}")

    def work(imap: Imap) -> Furnished:
        for name in {"Archive", "Trash", mailbox} - {"INBOX"}:
            imap.create(name)
        before, uid, after = [append(imap, mailbox, text) for text in (OTHERS, LETTER, OTHERS)]
        for each in (before, after):
            store_flags(imap, mailbox, each, "\\Deleted")
        uidvalidity = UidValidity(status(imap, mailbox)["UIDVALIDITY"])
        marked = frozenset({"\\Deleted"})
        return Furnished(Location(key(mailbox), uidvalidity, Uid(uid)), {before: marked, after: marked})

    return await bed.ask(work)


@dataclass
class Left:
    """What there is afterwards: the flags in the letter's mailbox, and the texts in the others."""

    flags: dict[int, frozenset[str]]
    archive: list[bytes]
    trash: list[bytes]

    @property
    def moved(self) -> dict[str, list[bytes]]:
        """What is in Archive and Trash, where there is anything."""
        return {name: texts for name, texts in (("Archive", self.archive), ("Trash", self.trash)) if texts}


async def look(bed: Bed, mailbox: str = "INBOX") -> Left:
    """See what there is."""

    def work(imap: Imap) -> Left:
        archive, trash = (list(fetch_all(imap, name).values()) for name in ("Archive", "Trash"))
        return Left(flags(imap, mailbox), archive, trash)

    return await bed.ask(work)


def moved_by(action: Action) -> dict[str, list[bytes]]:
    """Give where the letter should be after its action, if it went anywhere."""
    return {MOVES[action]: [LETTER]} if action in MOVES else {}


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_is_left(bed: Bed, account: Account, action: Action) -> None:
    made = await furnish(bed)
    assert (await account.carry_out(made.promise(action))).settled == "done"
    stays = {"seen": frozenset({"\\Seen"}), "flag": frozenset({"\\Flagged"})}
    left = await look(bed)
    assert left.flags == made.neighbours | ({made.place.uid: stays[action]} if action in stays else {})
    assert left.moved == moved_by(action)
    again = await account.carry_out(made.promise(action))
    assert again.settled == ("done" if action in stays else "gone")
    assert await look(bed) == left


@pytest.mark.parametrize("action", ACTIONS)
async def test_another_size_is_refused(bed: Bed, account: Account, action: Action) -> None:
    made = await furnish(bed)
    before = await look(bed)
    outcome = await account.carry_out(made.promise(action, len(LETTER) + 1))
    assert outcome.settled == "refused"
    assert "another size" in outcome.note
    assert await look(bed) == before


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_is_gone_is_gone(bed: Bed, account: Account, action: Action) -> None:
    made = await furnish(bed)
    await bed.expunge(made.place.uid)
    assert (await account.carry_out(made.promise(action))).settled == "gone"
    left = await look(bed)
    assert (left.flags, left.moved) == (made.neighbours, {})


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_mailbox_made_anew_is_not_touched(bed: Bed, account: Account, action: Action) -> None:
    made = await furnish(bed, "Box")
    await bed.create_anew("Box")
    [other] = await bed.deliver(LETTER, mailbox="Box")
    outcome = await account.carry_out(made.promise(action))
    assert (outcome.settled, outcome.note) == ("elsewhere", "Box was numbered anew since")
    left = await look(bed, "Box")
    assert (left.flags, left.moved) == ({other: frozenset()}, {})


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_mailbox_that_is_missing_may_come_back(bed: Bed, account: Account, action: Action) -> None:
    made = await furnish(bed, "Box")
    await bed.ask(lambda imap: imap.delete("Box"))
    outcome = await account.carry_out(made.promise(action))
    assert outcome.settled == "later"
    assert "Box" in outcome.note


MOVE, UIDPLUS = "MOVE", "UIDPLUS"
LACKING = [
    # action, what the server lacks, whether plain EXPUNGE is allowed: how it ends, where the letter is, what is left
    ("trash", {MOVE}, False, "done", "Trash"),
    ("trash", {UIDPLUS}, False, "done", "Trash"),
    ("trash", {MOVE, UIDPLUS}, False, "hide-only", "INBOX"),
    ("trash", {MOVE, UIDPLUS}, True, "done", "Trash"),
    ("archive", {MOVE}, False, "done", "Archive"),
    ("archive", {MOVE, UIDPLUS}, False, "hide-only", "INBOX"),
    ("expunge", {MOVE}, False, "done", ""),
    ("expunge", {UIDPLUS}, False, "done", "Trash"),
    ("expunge", {UIDPLUS}, True, "done", ""),
    ("expunge", {MOVE, UIDPLUS}, False, "hide-only", "INBOX"),
    ("expunge", {MOVE, UIDPLUS}, True, "done", ""),
    ("seen", {MOVE, UIDPLUS}, False, "done", "INBOX"),
    ("flag", {MOVE, UIDPLUS}, False, "done", "INBOX"),
]


@pytest.mark.parametrize(("action", "lacks", "plain", "settled", "where"), LACKING)
async def test_servers_that_can_less(
    alone: Bed, action: Action, lacks: set[str], plain: bool, settled: str, where: str
) -> None:
    made = await furnish(alone)
    alone.sandbox.capabilities -= lacks
    async with running(alone.settings(allow_plain_expunge=plain)) as account:
        outcome = await account.carry_out(made.promise(action))
    left = await look(alone)
    found = [*(["INBOX"] if made.place.uid in left.flags else []), *left.moved]
    assert (outcome.settled, found) == (settled, [where] if where else [])
    assert "\\Deleted" not in left.flags.get(made.place.uid, frozenset())
    if alone.sandbox.commands("EXPUNGE"):
        assert plain, "a plain EXPUNGE removes what others marked, and only the owner may allow that"
    else:
        assert made.neighbours.items() <= left.flags.items()


@pytest.mark.parametrize("action", ACTIONS)
async def test_without_a_place_to_go_it_waits(alone: Bed, action: Action) -> None:
    """No Trash and no Archive: what stays needs none, and what is to be expunged needs none either."""
    [uid] = await alone.deliver(LETTER)
    async with running(alone.settings()) as account:
        outcome = await account.carry_out(await alone.intent(action, uid, len(LETTER)))
    assert outcome.settled == ("later" if action in MOVES else "done")
    if action in MOVES:
        assert outcome.note == f"account mail: there is no mailbox '\\\\{MOVES[action]}'; name the mailbox instead"
        assert await alone.contents() == {uid: LETTER}


async def test_an_archive_by_name(bed: Bed) -> None:
    await bed.create("Old", "Old/Faxes")
    [uid] = await bed.deliver(LETTER)
    async with running(bed.settings(archive="Old/Faxes")) as account:
        outcome = await account.carry_out(await bed.intent("archive", uid, len(LETTER)))
    assert outcome.settled == "done"
    assert (await bed.contents(), list((await bed.contents("Old/Faxes")).values())) == ({}, [LETTER])


@pytest.mark.parametrize("action", ["archive", "trash"])
async def test_what_is_there_already_stays(bed: Bed, account: Account, action: Action) -> None:
    made = await furnish(bed, MOVES[action])
    before = await look(bed, MOVES[action])
    outcome = await account.carry_out(made.promise(action))
    assert (outcome.settled, outcome.note) == ("done", f"it is in {MOVES[action]} already")
    assert await look(bed, MOVES[action]) == before


@pytest.mark.parametrize("command", ["SELECT", "UID FETCH", "UID MOVE"])
@pytest.mark.parametrize("faults", [Hang(), Chatter(every=1)])
async def test_every_step_has_a_deadline(autojump_clock: MockClock, alone: Bed, command: str, faults: Fault) -> None:
    alone.sandbox.users["anna"].create("Trash", "\\Trash")
    uid = alone.sandbox.deliver("anna", LETTER)
    intent = promise_of(place_of(alone, uid), "trash", len(LETTER))
    alone.sandbox.script = Script([Rule("command", faults, command)])
    async with running(alone.settings(), timeout=20) as account:
        began = trio.current_time()
        with pytest.raises(UpstreamUnavailable, match="account mail: the server took longer than 20 s"):
            await account.carry_out(intent)
        assert trio.current_time() - began == pytest.approx(20, abs=1)
        assert (await account.carry_out(intent)).settled == "done"
    assert [message.octets for message in alone.sandbox.mailbox("anna", "Trash")] == [LETTER]
