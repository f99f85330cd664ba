"""Moving back what an intent moved."""

import pytest

from bridge.identity import content_identity
from bridge.model.failures import UpstreamUnavailable
from bridge.model.names import Uid, UidValidity
from bridge.model.update import BringBack
from bridge.sandbox.faults import Answer, Close, Rule, Script
from bridge.upstream import Account
from tests.upstream.beds import LETTER, Bed, key, running
from tests.upstream.promises import AT, NO_ID, OTHER, brought, promise, sandbox, texts


async def test_a_message_is_moved_back(bed: Bed, account: Account) -> None:
    await bed.create("Trash")
    what = await brought(bed)
    outcome = await account.bring_back(what)
    assert outcome.settled == "done"
    assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([LETTER], [])
    if outcome.moved is not None:
        assert outcome.moved == ("INBOX", *[(await bed.location(1)).uidvalidity], next(iter(await bed.contents())))


async def test_there_and_back_again(bed: Bed, account: Account) -> None:
    await bed.create("Trash")
    intent = await promise(bed, "trash", NO_ID)
    moved = (await account.carry_out(intent)).moved
    if moved is None:
        assert bed.kind == "pymap"
        return
    what = BringBack(intent.id, intent.seq, key(), moved, intent.size, intent.content)
    assert (await account.bring_back(what)).settled == "done"
    assert await texts(bed, "INBOX") == [NO_ID]
    assert (await account.bring_back(what)).settled == "gone"


async def test_another_message_is_not_brought_back(bed: Bed, account: Account) -> None:
    await bed.create("Trash")
    what = await brought(bed)
    for wrong in (what._replace(content=content_identity(OTHER, AT)), what._replace(size=1)):
        assert (await account.bring_back(wrong)).settled == "refused"
    anew = what._replace(moved=what.moved._replace(uidvalidity=UidValidity(1)))
    assert (await account.bring_back(anew)).settled == "elsewhere"
    assert (await account.bring_back(what._replace(moved=what.moved._replace(uid=Uid(99))))).settled == "gone"
    assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])


async def test_back_in_two_steps(copier: Bed) -> None:
    async with running(copier.settings()) as account:
        outcome = await account.bring_back(await brought(copier))
    assert outcome.note == "copied to INBOX, and removed"
    assert outcome.moved == ("INBOX", *((await copier.status())["UIDVALIDITY"], 1))
    assert (await texts(copier, "INBOX"), await texts(copier, "Trash")) == ([LETTER], [])


async def test_back_once_however_often_it_breaks() -> None:
    async with sandbox("MOVE") as bed, running(bed.settings()) as account:
        what = await brought(bed)
        bed.sandbox.script = Script([Rule("command", Close(), "UID STORE")])
        with pytest.raises(UpstreamUnavailable):
            await account.bring_back(what)
        assert (await account.bring_back(what)).settled == "done"
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([LETTER], [])


async def test_back_is_back_though_a_copy_stays() -> None:
    async with sandbox("MOVE") as bed, running(bed.settings()) as account:
        what = await brought(bed)
        bed.sandbox.script = Script([Rule("command", Answer("NO", "no"), "UID STORE")])
        outcome = await account.bring_back(what)
        assert outcome.settled == "done"
        assert outcome.note == 'copied to INBOX; a copy stays in Trash: the server would not ("no")'
        assert await texts(bed, "INBOX") == [LETTER]


async def test_not_back_where_neither_can_be_done() -> None:
    async with sandbox("MOVE", "UIDPLUS") as bed, running(bed.settings()) as account:
        outcome = await account.bring_back(await brought(bed))
        assert outcome.settled == "hide-only"
        assert "stays in Trash" in outcome.note
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])
