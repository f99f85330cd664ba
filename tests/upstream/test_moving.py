"""Carrying out moves and removals in one step or two: whatever breaks in between, nothing is lost."""

from dataclasses import replace

import pytest

from bridge.model.failures import UpstreamUnavailable
from bridge.model.names import MailboxName, Uid, UidValidity
from bridge.model.update import Action, MovedTo
from bridge.sandbox.faults import Answer, Close, Do, Rule, Script
from tests.upstream.beds import LETTER, Bed, running
from tests.upstream.promises import DATE, NO_ID, OTHER, Noted, done, promise, sandbox, texts


@pytest.mark.parametrize(("action", "target"), [("archive", "Archive"), ("trash", "Trash")])
async def test_a_copy_is_noted_before_the_original_goes(copier: Bed, action: Action, target: str) -> None:
    intent, noted = await promise(copier, action), Noted()
    [other] = await copier.deliver(OTHER, flags=("\\Deleted",))
    outcome = await done(copier, intent, noted)
    [uid] = await copier.contents(target)
    assert noted.moved == [(target, (await copier.status(target))["UIDVALIDITY"], uid)]
    assert outcome[:3] == ("done", f"copied to {target}, and removed", noted.moved[0])
    # Somebody else's mark is not touched.
    assert await copier.flags() == {other: frozenset({"\\Deleted"})}


async def test_what_cannot_be_noted_is_not_removed(copier: Bed) -> None:
    intent, noted = await promise(copier, "trash"), Noted()
    async with running(copier.settings()) as account:
        with pytest.raises(OSError, match="disk full"):
            await account.carry_out(intent, Noted(fails=True))
        assert await copier.flags() == {intent.location.uid: frozenset()}
        assert (await account.carry_out(intent, noted)).settled == "done"
    assert noted.moved == []
    assert await texts(copier, "Trash") == [LETTER]
    assert await texts(copier, "INBOX") == []


async def test_after_a_crash_it_goes_on_from_the_copy(copier: Bed) -> None:
    intent, noted = await promise(copier, "trash"), Noted()
    [uid] = await copier.deliver(LETTER, mailbox="Trash")
    status = await copier.status("Trash")
    moved = MovedTo(MailboxName("Trash"), UidValidity(status["UIDVALIDITY"]), uid)
    ended = await done(copier, replace(intent, copied=moved), noted)
    assert ended[:3] == ("done", "copied to Trash, and removed", moved)
    assert noted.moved == []
    assert (await texts(copier, "Trash"), await texts(copier, "INBOX")) == ([LETTER], [])


async def test_a_copy_that_went_is_made_again(copier: Bed) -> None:
    intent, noted = await promise(copier, "trash"), Noted()
    status = await copier.status("Trash")
    for lost in (
        MovedTo(MailboxName("Trash"), UidValidity(status["UIDVALIDITY"]), Uid(999)),
        MovedTo(MailboxName("Trash"), UidValidity(status["UIDVALIDITY"] + 1), Uid(1)),
        MovedTo(MailboxName("Nowhere"), UidValidity(1), Uid(1)),
    ):
        outcome = await done(copier, replace(intent, copied=lost), noted)
        assert outcome.settled == "done"
        assert outcome.moved == noted.moved[-1]
        assert await texts(copier, "INBOX") == []
        [uid] = await copier.deliver(LETTER, date=DATE)
        intent = replace(intent, location=await copier.location(uid))
    assert len(await texts(copier, "Trash")) == 3


async def test_another_message_in_the_copys_place_is_no_copy(copier: Bed) -> None:
    intent = await promise(copier, "trash")
    [uid] = await copier.deliver(OTHER, mailbox="Trash")
    status = await copier.status("Trash")
    moved = MovedTo(MailboxName("Trash"), UidValidity(status["UIDVALIDITY"]), uid)
    assert (await done(copier, replace(intent, copied=moved))).settled == "done"
    assert await texts(copier, "Trash") == [OTHER, LETTER]


async def test_the_original_went_behind_the_copy(copier: Bed) -> None:
    intent = await promise(copier, "trash")
    [uid] = await copier.deliver(LETTER, mailbox="Trash")
    await copier.expunge(intent.location.uid)
    status = await copier.status("Trash")
    moved = MovedTo(MailboxName("Trash"), UidValidity(status["UIDVALIDITY"]), uid)
    assert (await done(copier, replace(intent, copied=moved)))[:3] == ("done", "moved to Trash", moved)


async def test_a_copy_may_have_another_date(copier: Bed) -> None:
    intent = await promise(copier, "trash", NO_ID)
    [uid] = await copier.deliver(NO_ID, mailbox="Trash", date="02-Mar-2026 00:00:00 +0000")
    place = await copier.location(uid, "Trash")
    moved = MovedTo(MailboxName("Trash"), place.uidvalidity, uid)
    assert (await done(copier, replace(intent, copied=moved))).moved == moved
    assert (await texts(copier, "Trash"), await texts(copier, "INBOX")) == ([NO_ID], [])


async def test_a_server_that_tells_other_sizes_of_copies_copies_once() -> None:
    async with sandbox("MOVE") as bed, running(bed.settings()) as account:
        intent = await promise(bed, "trash")
        inflate = Do(lambda: bed.sandbox.mailbox("anna", "Trash").announce_size(1, 5))
        bed.sandbox.script = Script([Rule("tagged", inflate, "UID COPY")])
        assert (await account.carry_out(intent)).settled == "done"
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])


@pytest.mark.parametrize("command", ["UID STORE", "UID EXPUNGE"])
async def test_a_connection_lost_between_the_steps(command: str) -> None:
    async with sandbox("MOVE") as bed, running(bed.settings()) as account:
        intent, noted = await promise(bed, "trash"), Noted()
        bed.sandbox.script = Script([Rule("command", Close(), command)])
        with pytest.raises(UpstreamUnavailable):
            await account.carry_out(intent, noted)
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([LETTER], [LETTER])
        # Another process, which knows what was written down.
        again = await done(bed, replace(intent, copied=noted.moved[0]), noted)
        assert again[:3] == ("done", "copied to Trash, and removed", noted.moved[0])
        assert len(noted.moved) == 1
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])


async def test_a_connection_lost_behind_the_copy() -> None:
    async with sandbox("MOVE") as bed, running(bed.settings()) as account:
        intent = await promise(bed, "trash")
        bed.sandbox.script = Script([Rule("tagged", Close(), "UID COPY")])
        with pytest.raises(UpstreamUnavailable):
            await account.carry_out(intent)
        assert (await account.carry_out(intent)).settled == "done"
        # Nobody heard of the copy, but it is there.
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])


async def test_an_ok_to_a_copy_is_not_believed_alone() -> None:
    async with sandbox("MOVE") as bed, running(bed.settings()) as account:
        intent = await promise(bed, "trash")
        bed.sandbox.script = Script([Rule("command", Answer("OK", "copied"), "UID COPY")])
        outcome = await account.carry_out(intent)
        assert outcome[:3] == ("later", "the server said OK to a copy that is not in Trash", None)
        assert await texts(bed, "INBOX") == [LETTER]
        assert (await account.carry_out(intent)).settled == "done"
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])


async def test_no_to_store_is_tried_again_and_not_copied_again() -> None:
    async with sandbox("MOVE") as bed, running(bed.settings()) as account:
        intent, noted = await promise(bed, "trash"), Noted()
        bed.sandbox.script = Script([Rule("command", Answer("NO", "try later"), "UID STORE", times=2)])
        for _ in range(2):
            outcome = await account.carry_out(intent, noted)
            assert (outcome)[:3] == ("later", 'copied to Trash, and the server would not ("try later")', None)
        assert (await account.carry_out(intent, noted))[:3] == ("done", "copied to Trash, and removed", noted.moved[0])
        assert (await texts(bed, "INBOX"), await texts(bed, "Trash")) == ([], [LETTER])


async def test_no_to_expunge_leaves_no_mark() -> None:
    async with sandbox() as bed, running(bed.settings()) as account:
        intent = await promise(bed, "expunge")
        bed.sandbox.script = Script([Rule("command", Answer("NO", "not today"), "UID EXPUNGE")])
        assert (await account.carry_out(intent)).settled == "later"
        assert await bed.flags() == {intent.location.uid: frozenset()}
        assert (await account.carry_out(intent)).settled == "done"


async def test_a_server_that_says_ok_and_removes_nothing() -> None:
    async with sandbox() as bed, running(bed.settings()) as account:
        intent = await promise(bed, "expunge")
        bed.sandbox.script = Script([Rule("command", Answer("OK", "done"), "UID EXPUNGE")])
        assert (await account.carry_out(intent))[:3] == ("refused", "the server removes nothing here", None)
        assert await bed.flags() == {intent.location.uid: frozenset()}


@pytest.mark.parametrize("lacks", [(), ("MOVE",)], ids=["MOVE", "COPY"])
async def test_a_target_that_went_is_looked_for_anew(lacks: tuple[str, ...]) -> None:
    async with sandbox(*lacks) as bed, running(bed.settings()) as account:
        first = await promise(bed, "trash")
        assert (await account.carry_out(first)).settled == "done"
        intent = await promise(bed, "trash", OTHER)
        bed.sandbox.remove("anna", "Trash")
        outcome = await account.carry_out(intent)
        assert outcome[:3] == ("later", "the mailbox Trash is not there any more", None)
        assert (await account.carry_out(intent)).settled == "later"
        assert await texts(bed, "INBOX") == [OTHER]
