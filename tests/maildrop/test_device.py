"""The memory of a device: compact, and what it was told."""

from array import array
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.maildrop.device import LATE_MARKS, Bitmap, Copies, DeviceRecord
from bridge.model.devices import Admission, Announced, Announcement, HideRule, StoredDevice, Succession
from bridge.model.names import EntrySeq, SessionId, Uidl
from bridge.model.update import UpdatePlan
from tests.maildrop.support import FAX, INBOX, JUNK

NOW = 1_000_000.0
numbers = st.integers(1, 3000)


def seqs(*given_: int) -> tuple[EntrySeq, ...]:
    return tuple(EntrySeq(seq) for seq in given_)


def stored(*announced: int, decided: Iterable[int] = (), hidden: Iterable[int] = ()) -> StoredDevice:
    """A device that was shown these, in this order."""
    return StoredDevice(
        FAX,
        announced=[Announced(EntrySeq(seq), at, 100 + seq) for at, seq in enumerate(announced)],
        decided=sorted({*announced, *decided, *hidden}),
        hidden=sorted(hidden),
        shown=frozenset([INBOX]) if announced else frozenset(),
        next_position=len(announced),
    )


def admission(record: DeviceRecord, session: str = "s", **more: object) -> Admission:
    values: dict[str, object] = {"first_position": record.next_position, **more}
    return Admission(FAX, SessionId(session), NOW, **values)  # type: ignore[arg-type]


def plan(*hide: int, retrieved: Iterable[int] = (), sent: Iterable[int] = ()) -> UpdatePlan:
    return UpdatePlan(FAX, SessionId("s"), NOW, hide=seqs(*hide), retrieved=seqs(*retrieved), sent=seqs(*sent))


@given(st.lists(st.tuples(st.sampled_from(["add", "update", "discard"]), numbers), max_size=60))
def test_a_bitmap_is_a_set(steps: list[tuple[str, int]]) -> None:
    bitmap, wanted = Bitmap(), set[int]()
    for step, number in steps:
        if step == "discard":
            bitmap.discard(number)
            wanted.discard(number)
        else:
            added = [number] if step == "add" else [number, number + 7, 1]
            bitmap.add(number) if step == "add" else bitmap.update(added)
            wanted.update(added)
    assert {number for number in range(3100) if number in bitmap} == wanted
    assert len(bitmap) == len(wanted)


def test_a_bitmap_of_a_hundred_thousand_is_small() -> None:
    bitmap = Bitmap(range(1, 100_001))
    assert len(bitmap) == 100_000
    assert len(bitmap._bits) < 14_000


@given(
    st.dictionaries(numbers, numbers, max_size=20),
    st.lists(st.tuples(st.booleans(), numbers, numbers), max_size=20),
)
def test_copies_are_a_dictionary(first: dict[int, int], steps: list[tuple[bool, int, int]]) -> None:
    copies, wanted = Copies({EntrySeq(c): EntrySeq(o) for c, o in first.items()}), dict(first)
    for succeed, copy, original in steps:
        if succeed and wanted:
            heir, gone = sorted(wanted.items())[copy % len(wanted)]
            copies.succeed(gone, heir)
            wanted = {c: heir if o == gone else o for c, o in wanted.items() if c != heir}
        else:
            copies.mark([(copy, original)])
            wanted[copy] = original
    assert dict(copies.pairs()) == wanted
    assert {c for c in range(3001) if c in copies} == set(wanted)
    assert all(copies.original(c) == o for c, o in wanted.items())
    assert copies.original(4000) is None


def test_many_marks_become_columns() -> None:
    copies = Copies({})
    copies.mark((copy, copy + 5000) for copy in range(1, LATE_MARKS + 2))
    copies.mark([(3, 9), (4000, 4)])
    assert not copies._late.keys() & set(copies._copies)
    assert (copies.original(2), copies.original(3), copies.original(4000)) == (5002, 9, 4)
    assert len(dict(copies.pairs())) == LATE_MARKS + 2


def test_what_is_announced_stands_behind_what_was() -> None:
    record = DeviceRecord(stored(5, 3))
    before = record.version
    record.take_admission(admission(record, announce=(Announcement(EntrySeq(9), 7), Announcement(EntrySeq(2), 8))))
    assert (list(record.order), list(record.dates), record.next_position) == ([5, 3, 9, 2], [105, 103, 7, 8], 4)
    assert all(seq in record.decided and seq in record.listed for seq in (5, 3, 9, 2))
    assert record.version is not before


def test_a_session_knows_what_is_new_in_it() -> None:
    record = DeviceRecord(StoredDevice(FAX))
    first, second = SessionId("first"), SessionId("second")
    record.take_admission(admission(record, "first", announce=(Announcement(EntrySeq(9), 7),), shown=(INBOX,)))
    assert (record.first_session(first), record.new_in(first), record.new_in(second)) == (True, 1, 0)
    record.take_admission(admission(record, "second", announce=(Announcement(EntrySeq(10), 7),), shown=(JUNK,)))
    assert (record.first_session(second), record.new_in(first), record.new_in(second)) == (False, 0, 1)
    assert record.shown == {INBOX, JUNK}
    assert not DeviceRecord(stored(1)).first_session(first)


def test_a_record_made_anew_in_a_session_goes_on() -> None:
    record = DeviceRecord(StoredDevice(FAX))
    record.take_admission(admission(record, "first", announce=(Announcement(EntrySeq(9), 7),), shown=(INBOX,)))
    again = DeviceRecord(stored(9), former=record)
    assert (again.first_session(SessionId("first")), again.new_in(SessionId("first"))) == (True, 1)
    assert (again.first_session(SessionId("other")), again.new_in(SessionId("other"))) == (False, 0)


@pytest.mark.parametrize("hidden", [(3,), (1, 4), (1, 2, 3, 4)])
def test_what_is_hidden_is_in_the_list_no_more(hidden: tuple[int, ...]) -> None:
    """Deleted, hidden after it was fetched, or out of the window: the order of the rest stays."""
    rules: tuple[tuple[EntrySeq, HideRule], ...] = tuple((EntrySeq(seq), "window") for seq in hidden)
    ways = [DeviceRecord(stored(4, 2, 1, 3)) for _ in range(3)]
    ways[0].take_update(plan(*hidden))
    ways[1].take_update(plan(retrieved=hidden))
    ways[2].take_admission(admission(ways[2], hide=rules))
    rest = [seq for seq in (4, 2, 1, 3) if seq not in hidden]
    for record in ways:
        assert (list(record.order), list(record.dates)) == (rest, [100 + seq for seq in rest])
        assert all(seq in record.hidden and seq in record.decided and seq not in record.listed for seq in hidden)
        assert record.next_position == 4


def test_what_is_sent_again_changes_nothing() -> None:
    record = DeviceRecord(stored(4, 2, 1))
    record.take_update(plan(sent=(4, 2)))
    before = record.version
    record.take_update(plan(sent=(2, 4)))
    assert (record.version, record.accessed) == (before, 2)
    record.take_update(plan(sent=(1,)))
    assert record.version is not before
    assert record.accessed == 3


def test_a_device_that_counts_keeps_every_position() -> None:
    record = DeviceRecord(stored(4, 2, 1), counts=True)
    record.take_update(plan(2))
    assert list(record.order) == [4, 2, 1]
    assert record.oldest == 101
    record.take_update(plan(1))
    assert record.oldest == 104


def test_the_oldest_is_of_what_is_shown() -> None:
    record = DeviceRecord(stored(4, 2))
    assert record.oldest == 102
    record.take_admission(admission(record, announce=(Announcement(EntrySeq(9), 7),)))
    assert record.oldest == 7
    record.take_update(plan(9))
    assert record.oldest == 102


def test_a_copy_that_takes_over_needs_what_only_the_store_knows() -> None:
    """The original was gone when the record was made: neither its position nor its name is here."""
    record = DeviceRecord(stored(4, decided=[2, 3]))
    record.take_admission(admission(record, succeed=(Succession(EntrySeq(2), EntrySeq(3), Uidl("")),)))
    assert record.incomplete
    assert list(record.order) == [4]


def test_a_hundred_thousand_messages_take_about_a_megabyte() -> None:
    record = DeviceRecord(stored(*range(1, 100_001)))
    bitmaps = (record.decided, record.hidden, record.listed)
    octets = record.order.itemsize * len(record.order) + record.dates.itemsize * len(record.dates)
    assert octets + sum(len(bitmap._bits) for bitmap in bitmaps) < 1_300_000


def test_the_first_session_after_a_reset_is_taken_for_the_first() -> None:
    """What it shows was shown before: it counts for the guard against mass deletion."""
    reset = DeviceRecord(StoredDevice(FAX, shown=frozenset([INBOX]), anew={INBOX: 5.0}))
    first, second = SessionId("first"), SessionId("second")
    reset.take_admission(Admission(FAX, first, 0, 0, (Announcement(EntrySeq(1), 0),)))
    assert reset.first_session(first)
    reset.take_admission(Admission(FAX, second, 0, 1, (Announcement(EntrySeq(2), 0),)))
    assert not reset.first_session(second)


@pytest.mark.parametrize("numbers", [range(1, 2000), range(7, 9), range(900, 1300), [*range(3, 600, 2)], [5, 3000]])
def test_numbers_taken_in_together(numbers: Sequence[int]) -> None:
    bitmap = Bitmap([1, 700])
    bitmap.update(array("q", numbers))
    assert [number for number in range(4000) if number in bitmap] == sorted({1, 700, *numbers})
