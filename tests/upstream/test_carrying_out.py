"""What each promised action leaves upstream: in the mailbox, where it moved to, and of other people's mail."""

import pytest
import trio
from trio.testing import MockClock

from bridge.model.failures import UpstreamUnavailable
from bridge.model.update import Action
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Chatter, Fault, Hang
from bridge.upstream import Account
from tests.upstream.beds import LETTER, Bed, place_of, promise_of, running, store_flags

OTHERS = b"Message-ID: <others@example.org>\r\nSubject: somebody else's\r\n\r\nKeep me\r\n"
MOVES: dict[Action, str] = {"archive": "Archive", "trash": "Trash"}
ACTIONS: list[Action] = ["seen", "flag", "archive", "trash", "expunge"]


async def furnish(bed: Bed) -> None:
    """Have an Archive and a Trash, marked by their use where the server knows such marks."""
    if bed.kind == "sandbox":
        for name in ("Archive", "Trash"):
            bed.sandbox.users["anna"].create(name, f"\\{name}")
    else:
        await bed.create("Archive", "Trash")


async def with_neighbours(bed: Bed) -> tuple[int, dict[int, frozenset[str]]]:
    """Deliver a letter between two messages of others, both of which somebody has marked; gives it and their flags."""
    before, uid, after = await bed.deliver(OTHERS, LETTER, OTHERS)
    await bed.ask(lambda imap: store_flags(imap, "INBOX", before, "\\Deleted"))
    await bed.ask(lambda imap: store_flags(imap, "INBOX", after, "\\Deleted"))
    return uid, {before: frozenset({"\\Deleted"}), after: frozenset({"\\Deleted"})}


async def texts(bed: Bed, mailbox: str) -> list[bytes]:
    """Give what is in a mailbox."""
    return list((await bed.contents(mailbox)).values())


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_is_left(bed: Bed, account: Account, action: Action) -> None:
    await furnish(bed)
    uid, neighbours = await with_neighbours(bed)
    outcome = await account.carry_out(await bed.intent(action, uid, len(LETTER)))
    assert outcome.settled == "done"
    stays = {"seen": {uid: frozenset({"\\Seen"})}, "flag": {uid: frozenset({"\\Flagged"})}}.get(action, {})
    assert await bed.flags() == neighbours | stays
    for name in ("Archive", "Trash"):
        assert await texts(bed, name) == ([LETTER] if MOVES.get(action) == name else [])


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_second_time_it_is_gone_or_done(bed: Bed, account: Account, action: Action) -> None:
    await furnish(bed)
    uid, neighbours = await with_neighbours(bed)
    intent = await bed.intent(action, uid, len(LETTER))
    await account.carry_out(intent)
    again = await account.carry_out(intent)
    assert again.settled == ("done" if action in {"seen", "flag"} else "gone")
    assert neighbours.items() <= (await bed.flags()).items()
    for name in ("Archive", "Trash"):
        assert await texts(bed, name) == ([LETTER] if MOVES.get(action) == name else [])


@pytest.mark.parametrize("action", ACTIONS)
async def test_another_size_is_refused(bed: Bed, account: Account, action: Action) -> None:
    await furnish(bed)
    uid, neighbours = await with_neighbours(bed)
    outcome = await account.carry_out(await bed.intent(action, uid, len(LETTER) + 1))
    assert outcome.settled == "refused"
    assert "another size" in outcome.note
    assert await bed.flags() == neighbours | {uid: frozenset()}


@pytest.mark.parametrize("action", ACTIONS)
async def test_what_is_gone_is_gone(bed: Bed, account: Account, action: Action) -> None:
    await furnish(bed)
    uid, neighbours = await with_neighbours(bed)
    intent = await bed.intent(action, uid, len(LETTER))
    await bed.expunge(uid)
    assert (await account.carry_out(intent)).settled == "gone"
    assert await bed.flags() == neighbours


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_mailbox_made_anew_is_not_touched(bed: Bed, account: Account, action: Action) -> None:
    await furnish(bed)
    await bed.create("Box")
    [uid] = await bed.deliver(LETTER, mailbox="Box")
    intent = await bed.intent(action, uid, len(LETTER), "Box")
    await bed.create_anew("Box")
    [other] = await bed.deliver(LETTER, mailbox="Box")
    outcome = await account.carry_out(intent)
    assert (outcome.settled, outcome.note) == ("refused", "Box was numbered anew since")
    assert await bed.flags("Box") == {other: frozenset()}


@pytest.mark.parametrize("action", ACTIONS)
async def test_a_mailbox_that_is_missing_may_come_back(bed: Bed, account: Account, action: Action) -> None:
    await furnish(bed)
    await bed.create("Box")
    [uid] = await bed.deliver(LETTER, mailbox="Box")
    intent = await bed.intent(action, uid, len(LETTER), "Box")
    await bed.ask(lambda imap: imap.delete("Box"))
    outcome = await account.carry_out(intent)
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
    await furnish(alone)
    uid, neighbours = await with_neighbours(alone)
    alone.sandbox.capabilities -= lacks
    async with running(alone.settings(allow_plain_expunge=plain)) as account:
        outcome = await account.carry_out(await alone.intent(action, uid, len(LETTER)))
    found = [name for name in ("INBOX", "Archive", "Trash") if LETTER in await texts(alone, name)]
    flags = await alone.flags()
    plainly = alone.sandbox.commands("EXPUNGE")
    assert (outcome.settled, found) == (settled, [where] if where else [])
    assert "\\Deleted" not in flags.get(uid, frozenset())
    if plainly:
        assert plain, "a plain EXPUNGE removes what others marked, and only the owner may allow that"
    else:
        assert neighbours.items() <= flags.items()


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
    assert (await bed.contents(), await texts(bed, "Old/Faxes")) == ({}, [LETTER])


@pytest.mark.parametrize("action", ["archive", "trash"])
async def test_what_is_there_already_stays(bed: Bed, account: Account, action: Action) -> None:
    await furnish(bed)
    [uid] = await bed.deliver(LETTER, mailbox=MOVES[action])
    outcome = await account.carry_out(await bed.intent(action, uid, len(LETTER), MOVES[action]))
    assert (outcome.settled, outcome.note) == ("done", f"it is in {MOVES[action]} already")
    assert await bed.contents(MOVES[action]) == {uid: LETTER}


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
