"""Removing where servers lack what it takes to remove one message alone, and at Gmail, where it archives."""

from dataclasses import replace

import pytest

from bridge.model.failures import UpstreamUnavailable
from bridge.model.update import Action
from bridge.sandbox.faults import Close, Rule, Script
from tests.upstream.beds import LETTER, Changes, running
from tests.upstream.promises import Noted, done, promise, sandbox, texts


@pytest.mark.parametrize("action", ["trash", "archive", "expunge"])
async def test_neither_move_nor_uidplus_hides_only(action: Action) -> None:
    async with sandbox("MOVE", "UIDPLUS") as bed, running(bed.settings()) as account:
        intent = await promise(bed, action)
        assert (await account.carry_out(intent)).settled == "hide-only"
        assert await bed.flags() == {intent.location.uid: frozenset()}
        assert bed.sandbox.commands("UID COPY") == []


async def test_move_without_uidplus_serves_for_expunge_too() -> None:
    async with sandbox("UIDPLUS") as bed, running(bed.settings()) as account:
        intent = await promise(bed, "expunge")
        assert (await account.carry_out(intent))[:3] == ("done", "moved to Trash", None)
        assert await texts(bed, "Trash") == [LETTER]


async def test_a_mark_of_ours_is_cleared_where_nothing_can_be_removed_any_more() -> None:
    async with sandbox("MOVE") as bed:
        intent, noted = await promise(bed, "trash"), Noted()
        bed.sandbox.script = Script([Rule("command", Close(), "UID EXPUNGE")])
        async with running(bed.settings()) as account:
            with pytest.raises(UpstreamUnavailable):
                await account.carry_out(intent, noted)
        assert await bed.flags() == {intent.location.uid: frozenset({"\\Deleted"})}
        bed.sandbox.capabilities.discard("UIDPLUS")
        assert (await done(bed, replace(intent, copied=noted.moved[0]))).settled == "hide-only"
        assert await bed.flags() == {intent.location.uid: frozenset()}


async def test_a_mark_of_somebody_else_stays_where_nothing_can_be_removed() -> None:
    async with sandbox("MOVE", "UIDPLUS") as bed:
        intent = await promise(bed, "expunge")
        bed.sandbox.mailbox("anna").set_flags(intent.location.uid, ["\\Deleted"])
        assert (await done(bed, intent)).settled == "hide-only"
        assert await bed.flags() == {intent.location.uid: frozenset({"\\Deleted"})}


async def test_plain_expunge_only_where_it_is_allowed() -> None:
    allowed: Changes = {"allow_plain_expunge": True}
    async with sandbox("MOVE", "UIDPLUS") as bed, running(bed.settings(**allowed)) as account:
        intent = await promise(bed, "trash")
        assert (await account.carry_out(intent)).settled == "done"
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])
        assert len(bed.sandbox.commands("EXPUNGE")) == 1
        assert bed.sandbox.commands("CLOSE") == []


async def test_plain_expunge_after_a_drop_copies_once() -> None:
    allowed: Changes = {"allow_plain_expunge": True}
    async with sandbox("MOVE", "UIDPLUS") as bed, running(bed.settings(**allowed)) as account:
        intent = await promise(bed, "trash")
        bed.sandbox.script = Script([Rule("command", Close(), "UID STORE")])
        with pytest.raises(UpstreamUnavailable):
            await account.carry_out(intent)
        assert (await account.carry_out(intent)).settled == "done"
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])


# --- Gmail


async def test_expunge_at_gmail_says_that_it_archives() -> None:
    async with sandbox(extra="X-GM-EXT-1") as bed, running(bed.settings()) as account:
        outcome = await account.carry_out(await promise(bed, "expunge"))
        assert outcome.settled == "done"
        assert 'archives it, for it stays in All Mail: the way to delete there is on_delete = "trash"' in outcome.note
        bed.sandbox.users["anna"].create("Spam", "\\Junk")
        outcome = await account.carry_out(await promise(bed, "expunge", mailbox="Trash"))
        assert outcome[:3] == ("done", "removed", None)
        report = await account.probe()
        assert "archives" in report.uses["remove messages"]


async def test_archive_at_gmail_is_all_mail() -> None:
    async with sandbox(extra="X-GM-EXT-1") as bed, running(bed.settings()) as account:
        bed.sandbox.remove("anna", "Archive")
        bed.sandbox.users["anna"].create("[Gmail]/All Mail", "\\All")
        outcome = await account.carry_out(await promise(bed, "archive"))
        assert outcome.note.startswith("moved to [Gmail]/All Mail as UID 1 of ")


async def test_elsewhere_no_archive_is_worth_another_try() -> None:
    async with sandbox() as bed, running(bed.settings()) as account:
        bed.sandbox.remove("anna", "Archive")
        bed.sandbox.users["anna"].create("All", "\\All")
        assert (await account.carry_out(await promise(bed, "archive"))).settled == "later"
