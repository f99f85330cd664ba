"""What is carried out is done to the very message that was promised, or to none."""

from dataclasses import replace

import pytest

from bridge.identity import content_identity
from bridge.model.names import UidValidity
from bridge.model.places import NO_IDENTITY
from bridge.model.update import Action
from bridge.sandbox.faults import Answer, Rule, Say, Script
from bridge.upstream import Account
from tests.upstream.beds import LETTER, Bed
from tests.upstream.promises import AT, NO_ID, OTHER, promise, texts


@pytest.mark.parametrize("action", ["seen", "flag", "archive", "trash", "expunge"])
async def test_the_message_that_was_promised_is_acted_on(bed: Bed, account: Account, action: Action) -> None:
    await bed.create("Trash", "Archive")
    intent = await promise(bed, action)
    [other] = await bed.deliver(OTHER)
    outcome = await account.carry_out(intent)
    assert outcome.settled == "done"
    inbox = await bed.flags()
    if action in {"seen", "flag"}:
        assert inbox == {
            intent.location.uid: frozenset({"\\Seen" if action == "seen" else "\\Flagged"}),
            other: frozenset(),
        }
        assert outcome.moved is None
        return
    assert list(inbox) == [other]
    target = {"archive": "Archive", "trash": "Trash"}.get(action, "")
    if target and outcome.moved is not None:
        # pymap tells of no COPYUID.
        status = await bed.status(target)
        assert outcome.moved == (target, status["UIDVALIDITY"], status["UIDNEXT"] - 1)
    assert target == "" or await texts(bed, target) == [LETTER]
    assert bed.kind == "pymap" or (outcome.moved is None) == (action == "expunge")


WRONG = [
    ("content", {"content": content_identity(OTHER, AT)}, "another header"),
    ("content without an id", {"content": content_identity(NO_ID, AT)}, "another header"),
    ("size", {"size": len(LETTER) + 1}, "another size"),
    ("message-id", {"message_id": "<other@example.org>", "content": ""}, "another Message-ID"),
]


@pytest.mark.parametrize(("name", "change", "note"), WRONG, ids=[name for name, _, _ in WRONG])
@pytest.mark.parametrize("action", ["seen", "archive", "expunge"])
async def test_another_message_is_left_alone(
    bed: Bed, account: Account, action: Action, name: str, change: dict[str, str], note: str
) -> None:
    await bed.create("Trash", "Archive")
    intent = await promise(bed, action)
    outcome = await account.carry_out(replace(intent, **change))  # type: ignore[arg-type]
    assert outcome.settled == "refused"
    assert note in outcome.note
    assert await bed.flags() == {intent.location.uid: frozenset()}
    assert await texts(bed, "Archive") == []


async def test_a_mailbox_numbered_anew_is_left_alone(bed: Bed, account: Account) -> None:
    await bed.create("Trash")
    intent = await promise(bed, "trash")
    elsewhere = intent.location._replace(uidvalidity=UidValidity(intent.location.uidvalidity + 1))
    outcome = await account.carry_out(replace(intent, location=elsewhere))
    assert (outcome.settled, outcome.note) == ("elsewhere", "INBOX was numbered anew since")
    assert await bed.flags() == {intent.location.uid: frozenset()}


@pytest.mark.parametrize(
    "change",
    [{"content": ""}, {"content": NO_IDENTITY}, {"content": "", "message_id": " <letter@example.org>"}],
    ids=["unknown", "not to be had", "Message-ID alone"],
)
async def test_without_a_content_identity_size_decides(bed: Bed, account: Account, change: dict[str, str]) -> None:
    intent = await promise(bed, "seen")
    assert (await account.carry_out(replace(intent, **change))).settled == "done"  # type: ignore[arg-type]


async def test_without_a_message_id_internaldate_counts(bed: Bed, account: Account) -> None:
    intent = await promise(bed, "seen", NO_ID)
    assert intent.content.startswith("d")
    assert (await account.carry_out(intent)).settled == "done"
    later = replace(intent, content=content_identity(NO_ID, AT + 1))
    assert (await account.carry_out(later)).settled == "refused"


async def test_a_message_that_went_by_itself(bed: Bed, account: Account) -> None:
    await bed.create("Trash")
    intent = await promise(bed, "trash")
    await bed.expunge(intent.location.uid)
    assert (await account.carry_out(intent)).settled == "gone"


async def test_a_message_that_was_rewritten_in_its_place(alone: Bed, lone_account: Account) -> None:
    intent = await promise(alone, "expunge")
    alone.sandbox.mailbox("anna").rewrite(1, OTHER[: len(LETTER)])
    assert (await lone_account.carry_out(intent)).settled == "refused"
    assert alone.sandbox.mailbox("anna").uids() == [1]


async def test_a_server_that_gives_no_header_is_asked_again_later(alone: Bed, lone_account: Account) -> None:
    intent = await promise(alone, "seen")
    facts = Say(b"* 1 FETCH (UID 1 RFC822.SIZE %d FLAGS ())\r\n" % intent.size)
    alone.sandbox.script = Script([Rule("command", (facts, Answer("OK", "fetched")), "UID FETCH")])
    assert (await lone_account.carry_out(intent)).settled == "later"
    assert alone.sandbox.mailbox("anna")[1].flags == set()
