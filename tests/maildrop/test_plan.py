"""What QUIT promises, and what a drop leaves."""

from typing import Any

import pytest

from bridge.maildrop import DeviceRecord, Maildrop, build, unacknowledged_plan, update_plan
from bridge.model.devices import Admission, Announced, Announcement, StoredDevice
from bridge.model.names import DeviceId, EntrySeq, MsgNum, SessionId, Uid
from bridge.model.places import Location
from bridge.model.settings import DeviceSettings
from bridge.model.update import NewIntent, UpdatePlan
from tests.maildrop.support import FAX, FIRST, INBOX, device, extra, mailbox, message, source

NOW, UNDO = 5000.0, 3600.0
MAIL = mailbox([message(seq, seq + 10) for seq in range(1, 7)])


def opened(new: int = 0, *, first: bool = False, counts: bool = False) -> Maildrop:
    """A maildrop of six messages, of which the last `new` came in this session. Counting, the first is a stub."""
    rows = [Announced(EntrySeq(seq), seq - 1, 0) for seq in range(1, 7 - new)]
    known = frozenset() if first else frozenset([INBOX])
    stored = StoredDevice(FAX, rows, decided=[row.seq for row in rows], shown=known, next_position=len(rows))
    record = DeviceRecord(stored, counts)
    fresh = tuple(Announcement(EntrySeq(seq), 0) for seq in range(7 - new, 7))
    record.take_admission(Admission(FAX, SessionId("s"), 0, len(rows), fresh, shown=(INBOX,) if first else ()))
    mail = MAIL.without([Uid(11)]) if counts else MAIL
    return build(device(), record, [source(mail)], SessionId("s"), extra=extra, stub_octets=9)


def nums(*numbers: int) -> set[MsgNum]:
    return {MsgNum(number) for number in numbers}


def planned(settings: DeviceSettings, maildrop: Maildrop | None = None, **marks: Any) -> UpdatePlan:
    """What a QUIT of this device promises."""
    marks = {"deleted": set(), "sent": set(), **marks}
    return update_plan(settings, SessionId("s"), maildrop or opened(), at=NOW, undo_window=UNDO, **marks)


def intent(seq: int, action: str, state: str = "waiting", *, when_all: bool = False) -> NewIntent:
    location = Location(INBOX, FIRST, Uid(seq + 10))
    return NewIntent(EntrySeq(seq), location, action, 1000 + seq, NOW + UNDO, state, when_all)  # type: ignore[arg-type]


def test_what_was_deleted_is_hidden() -> None:
    plan = planned(device(), deleted=nums(5, 2), sent=nums(2, 1))
    assert plan == UpdatePlan(FAX, SessionId("s"), NOW, hide=(2, 5), sent=(1, 2))  # type: ignore[arg-type]


def test_a_session_that_did_nothing_has_nothing_to_write() -> None:
    assert planned(device(on_delete="expunge", on_retrieve="hide")).empty


@pytest.mark.parametrize("action", ["seen", "flag", "archive", "trash", "expunge"])
def test_what_was_deleted_is_acted_on_later(action: str) -> None:
    plan = planned(device(on_delete=action), deleted=nums(5, 2))
    assert plan.hide == (2, 5)
    assert plan.intents == (intent(2, action), intent(5, action))


def test_when_all_devices_must_agree_it_is_a_vote() -> None:
    settings = device(on_delete="trash", delete_when="all")
    electorate = (DeviceId("fax"), DeviceId("pda"))
    plan = planned(settings, deleted=nums(2), electorate=electorate)
    assert plan.intents == (intent(2, "trash", "voting", when_all=True),)
    assert plan.electorate == electorate


def test_what_was_fetched_is_marked_once() -> None:
    settings = device(on_retrieve="seen", on_delete="seen")
    plan = planned(settings, sent=nums(1, 2), deleted=nums(2, 3))
    assert plan.intents == (intent(1, "seen"), intent(2, "seen"), intent(3, "seen"))
    assert plan.retrieved == ()


def test_what_was_fetched_and_deleted_is_marked_first() -> None:
    plan = planned(device(on_retrieve="seen", on_delete="trash"), sent=nums(2), deleted=nums(2))
    assert plan.intents == (intent(2, "seen"), intent(2, "trash"))


@pytest.mark.parametrize("rule", ["hide", "hide-unacknowledged"])
def test_what_was_fetched_is_hidden(rule: str) -> None:
    plan = planned(device(on_retrieve=rule), sent=nums(1, 2), deleted=nums(2))
    assert (plan.hide, plan.retrieved, plan.sent) == ((2,), (1,), (1, 2))


# --- the guard against mass deletion

GUARD = [
    # max_deletes, new in this session, first session, deleted, held
    (2, 0, False, (1, 2), False),
    (2, 0, False, (1, 2, 3), True),
    (0, 0, False, (1, 2, 3, 4, 5, 6), False),
    (2, 3, False, (4, 5, 6), False),
    (2, 3, False, (2, 3, 4, 5, 6), False),
    (2, 3, False, (1, 2, 3, 4), True),
    (2, 6, True, (4, 5, 6), True),
    (2, 6, True, (5, 6), False),
    (2, 6, False, (1, 2, 3, 4, 5, 6), False),
]


@pytest.mark.parametrize(("most", "new", "first", "deleted", "held"), GUARD)
def test_the_guard(most: int, new: int, first: bool, deleted: tuple[int, ...], held: bool) -> None:
    """What came in this session does not count: to fetch and delete it is what devices do. In the first it does."""
    settings = device(on_delete="expunge", max_deletes=most)
    plan = planned(settings, opened(new, first=first), deleted=nums(*deleted))
    assert plan.hide == deleted
    assert plan.intents == tuple(intent(seq, "expunge", "held" if held else "waiting") for seq in deleted)


def test_the_guard_holds_votes_too_and_no_marks() -> None:
    settings = device(on_delete="seen", delete_when="all", on_retrieve="seen", max_deletes=1)
    plan = planned(settings, deleted=nums(1, 2), sent=nums(1))
    held = [intent(seq, "seen", "held", when_all=True) for seq in (1, 2)]
    assert plan.intents == (intent(1, "seen"), *held)


def test_nothing_is_held_where_nothing_would_be_done() -> None:
    assert planned(device(max_deletes=1), deleted=nums(1, 2, 3)).intents == ()


# --- stubs


def test_a_stub_is_neither_deleted_nor_sent() -> None:
    settings = device(on_delete="trash", on_retrieve="hide", counts=True)
    plan = planned(settings, opened(counts=True), deleted=nums(1, 2), sent=nums(1, 3))
    assert (plan.hide, plan.retrieved, plan.sent) == ((2,), (3,), (3,))
    assert plan.intents == (intent(2, "trash"),)


def test_stubs_do_not_count_against_the_guard() -> None:
    settings = device(on_delete="trash", max_deletes=1, counts=True)
    assert planned(settings, opened(counts=True), deleted=nums(1, 2)).intents == (intent(2, "trash"),)


# --- without QUIT


@pytest.mark.parametrize(
    ("rule", "retrieved"), [("none", ()), ("seen", ()), ("hide", ()), ("hide-unacknowledged", (1, 2))]
)
def test_a_drop_leaves_what_was_sent(rule: str, retrieved: tuple[int, ...]) -> None:
    settings = device(on_retrieve=rule, on_delete="expunge")
    plan = unacknowledged_plan(settings, SessionId("s"), opened(), sent=nums(2, 1), at=NOW)
    assert (plan.sent, plan.retrieved, plan.acknowledged, plan.at) == ((1, 2), retrieved, False, NOW)
    assert (plan.hide, plan.intents) == ((), ())
