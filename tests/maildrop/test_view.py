"""A maildrop as a session sees it: whose columns it has, its numbers, sizes, names and stubs."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.maildrop import DeviceRecord, MailboxSnapshot, Maildrop, SourceEdit, SourceView, build, decide
from bridge.maildrop.edits import LONGEST, header_text
from bridge.model.devices import Admission, Announced, Announcement, StoredDevice
from bridge.model.names import EntrySeq, MsgNum, SessionId, Uid, Uidl
from bridge.model.places import Location, MeasuredMessage
from bridge.model.settings import DeviceSettings
from bridge.model.update import UpdatePlan
from tests.maildrop.support import FAX, FIRST, INBOX, JUNK, device, extra, mailbox, message, source

STUB = 333
NUM = MsgNum(1)


def shown(*seqs: int, **more: Any) -> StoredDevice:
    """A device that was shown these, in this order, in an earlier session."""
    announced = [Announced(EntrySeq(seq), at, 0) for at, seq in enumerate(seqs)]
    return StoredDevice(
        FAX, announced=announced, decided=sorted(seqs), shown=frozenset([INBOX]), next_position=len(seqs), **more
    )


def viewed(
    record: DeviceRecord,
    *sources: SourceView | MailboxSnapshot,
    settings: DeviceSettings | None = None,
    previous: Maildrop | None = None,
    session: str = "s",
) -> Maildrop:
    """The maildrop of a session."""
    views = [each if isinstance(each, SourceView) else source(each) for each in sources]
    how = settings or device(INBOX, JUNK)
    return build(how, record, views, SessionId(session), extra=extra, stub_octets=STUB, previous=previous)


def announce(record: DeviceRecord, *seqs: int, session: str = "s") -> None:
    """Show these to the device."""
    rows = tuple(Announcement(EntrySeq(seq), 0) for seq in seqs)
    record.take_admission(Admission(FAX, SessionId(session), 0, record.next_position, rows, shown=(INBOX,)))


def hide(record: DeviceRecord, *seqs: int, sent: Iterable[int] = ()) -> None:
    """End a session that deleted these and had others sent."""
    plan = UpdatePlan(FAX, SessionId("s"), 0, hide=tuple(map(EntrySeq, seqs)), sent=tuple(map(EntrySeq, sent)))
    record.take_update(plan)


INBOX_OF_THREE = mailbox([message(1, 11), message(4, 12), message(5, 13)])
PLACES = ((INBOX, ((1, 11), (4, 12))), (JUNK, ((2, 7), (3, 8))))
JUNK_OF_TWO = mailbox([message(2, 7, key=JUNK), message(3, 8, key=JUNK)], JUNK)


def test_one_mailbox_whole_is_not_copied() -> None:
    maildrop = viewed(DeviceRecord(shown(1, 4, 5)), INBOX_OF_THREE)
    assert maildrop.seqs is INBOX_OF_THREE.seqs
    assert maildrop.sizes is INBOX_OF_THREE.sizes
    assert maildrop.measured is INBOX_OF_THREE.measured
    assert maildrop.uidls is INBOX_OF_THREE.uidls
    assert (len(maildrop), maildrop.total) == (3, 1001 + 1004 + 1005)
    assert maildrop.location(MsgNum(2)) == Location(INBOX, FIRST, Uid(12))
    assert (maildrop.seq(MsgNum(3)), maildrop.edit(NUM), maildrop.stub(NUM)) == (5, None, False)


def test_several_mailboxes_in_the_order_of_positions() -> None:
    maildrop = viewed(DeviceRecord(shown(4, 3, 1, 2)), INBOX_OF_THREE, JUNK_OF_TWO)
    assert list(maildrop.seqs) == [4, 3, 1, 2]
    assert list(maildrop.sizes) == [1004, 1003, 1001, 1002]
    in_inbox, in_junk = ([message(*one, key=key).uidl for one in rows] for key, rows in PLACES)
    assert maildrop.uidls[:] == [in_inbox[1], in_junk[1], in_inbox[0], in_junk[0]]
    assert maildrop.location(MsgNum(2)) == Location(JUNK, FIRST, Uid(8))


def test_a_message_in_two_sources_is_at_the_first() -> None:
    junk = mailbox([message(4, 99, key=JUNK)], JUNK)
    assert viewed(DeviceRecord(shown(4)), INBOX_OF_THREE, junk).location(NUM).key == INBOX
    assert viewed(DeviceRecord(shown(4)), junk, INBOX_OF_THREE).location(NUM).key == JUNK


def test_what_is_hidden_gone_or_undecided_is_not_there() -> None:
    record = DeviceRecord(shown(1, 4, 9))
    hide(record, 1)
    assert list(viewed(record, INBOX_OF_THREE).seqs) == [4]


def test_nothing_changed_nothing_made() -> None:
    record = DeviceRecord(shown(4, 1))
    first = viewed(record, INBOX_OF_THREE)
    again = viewed(record, INBOX_OF_THREE, previous=first)
    assert again.seqs is first.seqs
    assert again.uidls is first.uidls
    hide(record, 1)
    assert list(viewed(record, INBOX_OF_THREE, previous=again).seqs) == [4]


def test_an_empty_maildrop() -> None:
    record = DeviceRecord(shown())
    first = viewed(record, mailbox([]))
    again = viewed(record, mailbox([]), previous=first)
    for maildrop in (first, again, viewed(record, INBOX_OF_THREE, JUNK_OF_TWO, previous=again)):
        assert (len(maildrop), maildrop.total, maildrop.uidls[:], maildrop.familiar) == (0, 0, [], 0)


def test_what_is_measured_meanwhile_is_seen_by_the_next_session() -> None:
    record = DeviceRecord(shown(4, 1))
    first = viewed(record, INBOX_OF_THREE)
    counted = INBOX_OF_THREE.with_measured({Uid(12): MeasuredMessage(77, True)})
    second = viewed(record, counted, previous=first)
    assert (list(second.sizes), [flag != 0 for flag in second.measured], second.total) == ([77, 1001], [1, 0], 1078)
    assert list(first.sizes) == [1004, 1001]


def test_what_came_back_has_its_old_number() -> None:
    """It stands behind the others in its mailbox now, but not in the device's order."""
    record = DeviceRecord(shown(9, 1))
    inbox = mailbox([message(1, 11)])
    first = viewed(record, inbox)
    assert list(first.seqs) == [1]
    assert list(viewed(record, inbox.with_appended([message(9, 20)]), previous=first).seqs) == [9, 1]


# --- names


def test_a_device_may_know_messages_by_other_names() -> None:
    record = DeviceRecord(shown(1, 4, 5, aliases={EntrySeq(4): Uidl("UID4-former"), EntrySeq(9): Uidl("gone")}))
    first = viewed(record, INBOX_OF_THREE)
    assert first.uidls[:] == [message(1, 11).uidl, "UID4-former", message(5, 13).uidl]
    assert (first.uidls[1], first.uidls[-2], first.uidls[0]) == ("UID4-former", "UID4-former", message(1, 11).uidl)
    assert first.uidls[1:] == first.uidls[:][1:]
    assert list(first.uidls) == first.uidls[:]
    record.aliases[EntrySeq(6)] = Uidl("six")
    announce(record, 6)
    second = viewed(record, INBOX_OF_THREE.with_appended([message(6)]), JUNK_OF_TWO, previous=first)
    assert second.uidls[:] == [*first.uidls[:], "six"]


@pytest.mark.parametrize("counts", [False, True])
def test_a_copy_that_took_over_is_there_at_once(counts: bool) -> None:
    """Also when the maildrop was built without either in between, as after a commit that failed."""
    settings = device(INBOX, JUNK, deduplicate="account", counts=counts)
    record = DeviceRecord(StoredDevice(FAX), counts)
    row, copy = message(1), message(2, key=JUNK, content=message(1).content)
    inbox, empty, junk = mailbox([row]), mailbox([]), mailbox([copy], JUNK)
    record.take_admission(decide(settings, record, [source(inbox), source(junk)], SessionId("s"), 0))
    admission = decide(settings, record, [source(empty), source(junk)], SessionId("t"), 0)
    between = viewed(record, empty, junk, settings=settings)
    record.take_admission(admission)
    maildrop = viewed(record, empty, junk, settings=settings, previous=between)
    assert (list(maildrop.seqs), maildrop.uidls[:], maildrop.stub(NUM)) == ([2], [row.uidl], False)
    if counts:
        assert record.uidls.hex() == copy.uidl


# --- what a session knows of earlier ones


def test_what_was_announced_earlier_is_familiar() -> None:
    record = DeviceRecord(shown(1, 9, 4))
    announce(record, 5, session="today")
    assert viewed(record, INBOX_OF_THREE, session="today").familiar == 2
    assert viewed(record, INBOX_OF_THREE, session="tomorrow").familiar == 3


def test_the_first_session_knows_none() -> None:
    record = DeviceRecord(StoredDevice(FAX))
    announce(record, 1, 4, 5, session="first")
    first = viewed(record, INBOX_OF_THREE, session="first")
    assert (first.familiar, first.first_session) == (0, True)
    second = viewed(record, INBOX_OF_THREE, session="second", previous=first)
    assert (second.familiar, second.first_session) == (3, False)
    assert second.seqs is first.seqs


@pytest.mark.parametrize(("accessed", "wanted"), [(-1, 0), (0, 1), (1, 1), (2, 2), (3, 3)])
def test_how_far_the_device_has_read(accessed: int, wanted: int) -> None:
    """Position 1 is of a message that is gone."""
    record = DeviceRecord(shown(1, 9, 4, 5, accessed=accessed))
    assert viewed(record, INBOX_OF_THREE).accessed == wanted


def test_reading_on() -> None:
    record = DeviceRecord(shown(1, 4, 5))
    hide(record, sent=[4])
    assert viewed(record, INBOX_OF_THREE).accessed == 2
    hide(record, 1, sent=[1])
    assert viewed(record, INBOX_OF_THREE).accessed == 1
    hide(record, 4)
    assert viewed(record, INBOX_OF_THREE).accessed == 0


# --- stubs


def test_a_device_that_counts_keeps_every_number() -> None:
    own = [message(1, 11).uidl, Uidl("a" * 32), message(4, 12).uidl, message(5, 13).uidl]
    record = DeviceRecord(shown(1, 9, 4, 5, uidls=own), counts=True)
    hide(record, 4)
    maildrop = viewed(record, INBOX_OF_THREE, settings=device(counts=True))
    assert [maildrop.stub(MsgNum(num)) for num in (1, 2, 3, 4)] == [False, True, True, False]
    assert list(maildrop.sizes) == [1001, STUB, STUB, 1005]
    assert [flag != 0 for flag in maildrop.measured] == [False, True, True, False]
    assert maildrop.uidls[:] == own
    assert maildrop.total == 1001 + 1005 + 2 * STUB
    assert maildrop.edit(MsgNum(2)) is None
    with pytest.raises(ValueError, match="stub"):
        maildrop.location(MsgNum(2))
    assert maildrop.location(MsgNum(4)).uid == 13


def test_a_number_that_is_kept_has_a_unique_id_in_any_case() -> None:
    record = DeviceRecord(shown(9, 8), counts=True)
    uidls = viewed(record, INBOX_OF_THREE, settings=device(counts=True)).uidls[:]
    assert len(set(uidls)) == 2
    assert all(len(uidl) == 32 for uidl in uidls)


# --- edits

MARKED = SourceEdit("[Junk]", "")


def test_marks_are_counted_in() -> None:
    junk = JUNK_OF_TWO.with_measured({Uid(7): MeasuredMessage(50, False), Uid(8): MeasuredMessage(60, True)})
    junk = junk.with_appended([message(6, 9, key=JUNK), message(7, 10, key=JUNK, measured=70)])
    record = DeviceRecord(shown(1, 2, 3, 6, 7))
    maildrop = viewed(record, INBOX_OF_THREE, source(junk, mark="[Junk]"))
    assert list(maildrop.sizes) == [1001, 50 + 600, 60 + 6, 1006 + 6, 70 + 6]
    # Of the last it is not known whether it has a Subject, so its size may still turn out wrong.
    assert [flag != 0 for flag in maildrop.measured] == [False, True, True, False, False]
    assert [maildrop.edit(MsgNum(num)) for num in (1, 2, 5)] == [None, MARKED, MARKED]


def test_where_a_message_is_from_is_counted_in() -> None:
    inbox = INBOX_OF_THREE.with_measured({Uid(11): MeasuredMessage(40, False)})
    record, settings = DeviceRecord(shown(1, 4, 5)), device(provenance=True)
    maildrop = viewed(record, inbox, settings=settings)
    assert maildrop.edit(NUM) == SourceEdit("", "family/INBOX")
    assert list(maildrop.sizes) == [40 + 12, 1004 + 12, 1005 + 12]
    assert [flag != 0 for flag in maildrop.measured] == [True, False, False]
    assert maildrop.seqs is inbox.seqs


def test_another_mark_is_noticed() -> None:
    record = DeviceRecord(shown(4, 1))
    first = viewed(record, source(INBOX_OF_THREE, mark="[A]"))
    second = viewed(record, source(INBOX_OF_THREE, mark="[AB]"), previous=first)
    assert (second.sizes[0], second.edit(NUM)) == (1004 + 4, SourceEdit("[AB]", ""))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("family/INBOX", "family/INBOX"),
        ("family/Entwürfe", "=?utf-8?b?ZmFtaWx5L0VudHfDvHJmZQ==?="),
        ("a/b\r\nBcc: c", "=?utf-8?b?YS9iDQpCY2M6IGM=?="),
        ("a/=?b", "=?utf-8?b?YS89P2I=?="),
    ],
)
def test_provenance_is_header_text(text: str, wanted: str) -> None:
    assert header_text(text) == wanted


@given(st.text(max_size=600))
def test_any_mailbox_has_a_provenance(text: str) -> None:
    found = header_text(text)
    assert len(found) <= LONGEST
    assert all(" " <= char <= "~" for char in found)
    assert found == text or all(len(word) <= 75 for word in found.split(" ") if word.startswith("=?")) or text.isascii()
