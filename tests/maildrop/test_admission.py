"""What a login shows, hides and takes for copies, rule by rule."""

from collections.abc import Sequence
from typing import Any

import pytest

from bridge.maildrop import DeviceRecord, MailboxSnapshot, SourceView, decide
from bridge.model.devices import Admission, Announcements, StoredDevice
from bridge.model.names import EntrySeq, SessionId, Uid
from bridge.model.places import MailboxKey, StoredMessage
from bridge.model.settings import DeviceSettings, Span
from bridge.model.update import UpdatePlan
from tests.maildrop.support import DAY, FAX, INBOX, JUNK, device, identity, mailbox, message, source

NOW = 1000 * DAY
BOTH = (INBOX, JUNK)


class Life:
    """One device from login to login. `login` commits what is decided."""

    def __init__(self, settings: DeviceSettings) -> None:
        self.settings = settings
        self.record = DeviceRecord(StoredDevice(FAX))
        self.now = float(NOW)

    def decide(self, *sources: SourceView | MailboxSnapshot) -> Admission:
        views = [each if isinstance(each, SourceView) else source(each) for each in sources]
        return decide(self.settings, self.record, views, SessionId("s"), self.now)

    def login(self, *sources: SourceView | MailboxSnapshot) -> Admission:
        admission = self.decide(*sources)
        self.record.take_admission(admission)
        assert not self.record.incomplete
        return admission

    def hide(self, *seqs: int) -> None:
        self.record.take_update(UpdatePlan(FAX, SessionId("s"), self.now, hide=tuple(map(EntrySeq, seqs))))


def announced(admission: Admission) -> list[int]:
    return [one.seq for one in admission.announce]


def life(*keys: MailboxKey, **more: Any) -> Life:
    return Life(device(*keys, **more))


def same(seq: int, name: str = "same", **more: Any) -> StoredMessage:
    return message(seq, content=identity(name), **more)


# --- order


def test_a_first_listing_comes_source_by_source_and_by_uid() -> None:
    inbox = mailbox([message(1, 20), message(4, 10)])
    junk = mailbox([message(2, 7, key=JUNK), message(3, 5, key=JUNK)], JUNK)
    admission = life(JUNK, INBOX).login(junk, inbox)
    assert announced(admission) == [3, 2, 4, 1]
    assert (admission.first_position, admission.shown) == (0, (JUNK, INBOX))


def test_later_messages_come_by_first_seen() -> None:
    fax = life(*BOTH)
    inbox, junk = mailbox([message(1)]), mailbox([message(2, key=JUNK)], JUNK)
    fax.login(inbox, junk)
    later = fax.login(inbox.with_appended([message(4, 9)]), junk.with_appended([message(3, 99, key=JUNK)]))
    assert (announced(later), later.first_position, later.shown) == ([3, 4], 2, ())


def test_a_source_that_is_listed_later_is_appended() -> None:
    fax = life(*BOTH)
    inbox, junk = mailbox([message(2)]), mailbox([message(1, key=JUNK)], JUNK)
    assert announced(fax.login(inbox)) == [2]
    later = fax.login(inbox.with_appended([message(3)]), junk)
    assert (announced(later), later.shown) == ([3, 1], (JUNK,))


def test_nothing_new_is_nothing_to_write() -> None:
    fax = life()
    inbox = mailbox([message(1)])
    fax.login(inbox)
    assert fax.decide(inbox).empty
    assert fax.decide(inbox.at_version(9)).empty


def test_an_empty_mailbox_is_shown_and_that_is_written() -> None:
    fax = life()
    assert fax.login(mailbox([])).shown == (INBOX,)
    assert fax.decide(mailbox([])).empty


def test_what_was_moved_keeps_its_place() -> None:
    fax = life(*BOTH)
    fax.login(mailbox([message(1), message(2)]), mailbox([], JUNK))
    assert fax.login(mailbox([message(2)]), mailbox([message(1, 5, key=JUNK)], JUNK)).empty


def test_what_was_moved_into_a_source_is_new_there_whatever_its_number() -> None:
    """Messages that are moved keep their numbers: an old one among those known is new to this device all the same."""
    fax = life(INBOX)
    inbox = mailbox([message(2), message(8)])
    fax.login(inbox)
    inbox = inbox.with_appended([message(5, 30)])
    assert announced(fax.login(inbox)) == [5]
    assert fax.decide(inbox).empty


def test_after_a_failed_commit_the_same_is_decided_again() -> None:
    fax = life()
    inbox = mailbox([message(1), message(2)])
    first = fax.decide(inbox)
    assert fax.decide(inbox) == first
    inbox = inbox.with_appended([message(3)])
    assert announced(fax.decide(inbox)) == [1, 2, 3]
    assert announced(fax.login(inbox)) == [1, 2, 3]


def test_each_mailbox_is_shown_once() -> None:
    fax = life(INBOX, INBOX)
    assert announced(fax.login(mailbox([message(1)]), mailbox([message(1)]))) == [1]


def test_what_lingers_of_an_older_uidvalidity_is_shown() -> None:
    fax = life()
    now, before = mailbox([message(9)]), mailbox([message(1)], uidvalidity=3)
    assert announced(fax.login(source(now, before))) == [9, 1]


def test_what_lingered_may_go() -> None:
    fax = life()
    now, before = mailbox([message(9)]), mailbox([message(1)], uidvalidity=3)
    fax.login(source(now, before))
    assert fax.login(source(now)).empty
    assert announced(fax.login(source(now.with_appended([message(10)])))) == [10]


# --- start

START = [
    (Span(), [1, 2, 3, 4], []),
    (Span("now"), [], [1, 2, 3, 4]),
    (Span("age", 2 * DAY), [2, 3], [1, 4]),
    (Span("newest", 2), [2, 3], [1, 4]),
    (Span("newest", 1), [2], [1, 3, 4]),
    (Span("newest", 0), [], [1, 2, 3, 4]),
    (Span("newest", 9), [1, 2, 3, 4], []),
]
AGES = {1: 3, 2: 0, 3: 2, 4: 4}
"""Days since each of four messages came to its mailbox."""


def aged(seq: int, **more: Any) -> StoredMessage:
    """A message of those days, first seen just now."""
    return message(seq, date=NOW - AGES[seq] * DAY, seen=NOW, **more)


@pytest.mark.parametrize(("start", "shown", "hidden"), START)
def test_start_is_about_the_first_contact(start: Span, shown: list[int], hidden: list[int]) -> None:
    fax = life(start=start)
    inbox = mailbox([aged(seq) for seq in AGES])
    admission = fax.login(inbox)
    assert announced(admission) == shown
    assert sorted(admission.hide) == [(seq, "start") for seq in hidden]
    later = fax.login(inbox.with_appended([message(5, date=1, seen=NOW)]))
    assert (announced(later), later.hide) == ([5], ())


def test_start_counts_over_all_sources_of_a_login() -> None:
    fax = life(*BOTH, start=Span("newest", 2))
    admission = fax.login(mailbox([aged(1), aged(3)]), mailbox([aged(2, key=JUNK), aged(4, key=JUNK)], JUNK))
    assert announced(admission) == [3, 2]


def test_start_is_for_each_source_once() -> None:
    fax = life(*BOTH, start=Span("now"))
    inbox = mailbox([message(1)])
    assert fax.login(inbox).hide == ((1, "start"),)
    admission = fax.login(inbox.with_appended([message(3)]), mailbox([message(2, key=JUNK)], JUNK))
    assert (announced(admission), admission.hide) == ([3], ((2, "start"),))


# --- window


def test_a_window_goes_by_internaldate_first_and_by_first_seen_later() -> None:
    fax = life(window=Span("age", 10 * DAY))
    old, new = NOW - 11 * DAY, NOW - DAY
    inbox = mailbox([message(1, date=old, seen=new), message(2, date=new, seen=old)])
    admission = fax.login(inbox)
    assert (admission.announce, admission.hide) == (((2, new),), ((1, "window"),))
    later = fax.login(inbox.with_appended([message(3, date=old, seen=new), message(4, date=new, seen=old)]))
    assert (later.announce, later.hide) == (((3, new),), ((4, "window"),))


def test_after_a_reset_a_window_goes_by_internaldate_for_what_was_there_at_first() -> None:
    fax = life(window=Span("age", 10 * DAY))
    stored = StoredDevice(FAX, shown=frozenset([INBOX]), anew={INBOX: NOW - 5 * DAY})
    fax.record = DeviceRecord(stored)
    old, recent = NOW - 90 * DAY, NOW - 3 * DAY
    rows = [
        message(1, date=old, seen=NOW - 6 * DAY),
        message(2, date=recent, seen=NOW - 6 * DAY),
        message(3, date=old, seen=NOW - 4 * DAY),
    ]
    admission = fax.login(mailbox(rows))
    assert (announced(admission), admission.hide) == ([2, 3], ((1, "window"),))


def test_a_window_moves_on() -> None:
    fax = life(window=Span("age", 10 * DAY))
    inbox = mailbox([message(1, date=NOW - 9 * DAY), message(2, date=NOW)])
    fax.login(inbox)
    fax.now += DAY
    assert fax.login(inbox).empty
    fax.now += 1
    assert fax.login(inbox).hide == ((1, "window"),)
    fax.now -= 5 * DAY
    assert fax.login(inbox).empty


def test_a_window_of_the_newest() -> None:
    fax = life(window=Span("newest", 2))
    inbox = mailbox([aged(seq) for seq in AGES])
    admission = fax.login(inbox)
    assert announced(admission) == [2, 3]
    assert sorted(admission.hide) == [(1, "window"), (4, "window")]
    inbox = inbox.with_appended([message(5, seen=NOW + 1)])
    admission = fax.login(inbox)
    assert (announced(admission), admission.hide) == ([5], ((3, "window"),))
    # What went upstream makes no room for what left the window: it only moves forward.
    inbox = inbox.without([Uid(5)])
    assert fax.login(inbox).empty
    assert announced(fax.login(inbox.with_appended([message(6, seen=NOW + 2)]))) == [6]
    assert list(fax.record.order) == [2, 5, 6]


def test_a_window_counts_what_is_shown_and_nothing_else() -> None:
    fax = life(window=Span("newest", 3))
    inbox = mailbox([message(seq, date=seq) for seq in (1, 2, 3)])
    fax.login(inbox)
    fax.hide(2)
    admission = fax.login(inbox.with_appended([message(4, seen=9)]))
    assert (announced(admission), admission.hide) == ([4], ())


def test_more_than_a_window_at_once() -> None:
    fax = life(window=Span("newest", 2))
    inbox = mailbox([message(1, date=NOW)])
    fax.login(inbox)
    admission = fax.login(inbox.with_appended([message(seq, seen=NOW + seq) for seq in (2, 3, 4)]))
    assert announced(admission) == [3, 4]
    assert sorted(admission.hide) == [(1, "window"), (2, "window")]


# --- search


def searched(found: MailboxSnapshot, upto: int, *matched: int, lingering: Sequence[MailboxSnapshot] = ()) -> SourceView:
    return source(found, *lingering, matched=frozenset(matched), searched=upto)


def test_a_search_decides_once() -> None:
    fax = life(search="UNSEEN")
    inbox = mailbox([message(1), message(2)])
    admission = fax.login(searched(inbox, 2, 2))
    assert (announced(admission), admission.hide) == ([2], ((1, "search"),))
    assert fax.login(searched(inbox, 2, 1)).empty


def test_what_was_not_searched_yet_waits() -> None:
    fax = life(search="UNSEEN")
    inbox = mailbox([message(1), message(2)])
    assert announced(fax.login(searched(inbox, 1, 1))) == [1]
    assert fax.login(searched(inbox, 1, 1)).empty
    assert announced(fax.login(searched(inbox, 2, 1, 2))) == [2]


def test_a_source_whose_search_was_not_answered_is_not_shown_yet() -> None:
    """Else what it has would not be its first contact any more when the answer comes."""
    fax = life(search="UNSEEN", start=Span("newest", 1))
    inbox = mailbox([message(1, date=NOW), message(2, date=NOW - 1)])
    assert fax.login(searched(inbox, 0)).empty
    admission = fax.login(searched(inbox, 2, 1, 2))
    assert (announced(admission), admission.hide, admission.shown) == ([1], ((2, "start"),), (INBOX,))


def test_start_is_not_for_what_was_not_searched_yet() -> None:
    fax = life(search="UNSEEN", start=Span("now"))
    inbox = mailbox([message(1)])
    assert fax.login(searched(inbox, 0)).empty
    assert fax.login(searched(inbox, 1, 1)).hide == ((1, "start"),)


def test_start_counts_what_the_search_found() -> None:
    fax = life(search="UNSEEN", start=Span("newest", 1))
    inbox = mailbox([message(1, date=1), message(2, date=2)])
    admission = fax.login(searched(inbox, 2, 1))
    assert (announced(admission), admission.hide) == ([1], ((2, "search"),))


def test_what_lingers_cannot_be_searched() -> None:
    fax = life(search="UNSEEN")
    inbox, before = mailbox([message(9, 1)]), mailbox([message(1)], uidvalidity=3)
    assert announced(fax.login(searched(inbox, 5, 1, lingering=[before]))) == [9]


def test_a_first_contact_without_rules_is_decided_in_columns() -> None:
    """Not message by message: there may be 100,000."""
    inbox = mailbox([message(1, 20, date=5), message(4, 10, date=6)])
    admission = life(deduplicate="account").login(inbox)
    assert isinstance(admission.announce, Announcements)
    assert list(admission.announce) == [(4, 6), (1, 5)]
    assert admission.announce[1:] == [(1, 5)]
    assert admission.announce[0] == (4, 6)
