"""What a login takes for copies, and which of several is shown."""

import pytest

from bridge.maildrop import DeviceRecord
from bridge.model.devices import StoredDevice
from bridge.model.names import EntrySeq, Uid
from bridge.model.places import NO_IDENTITY
from bridge.model.settings import Span
from tests.maildrop.support import DAY, FAX, INBOX, JUNK, OFFICE, identity, mailbox, message
from tests.maildrop.test_admission import BOTH, NOW, announced, life, same, searched

HEAD = same(1)
COPY = same(2, key=JUNK)
UNKNOWN = message(2, key=JUNK, content="")


def test_a_copy_in_another_mailbox_is_no_second_message() -> None:
    fax = life(*BOTH, deduplicate="account")
    admission = fax.login(mailbox([HEAD]), mailbox([COPY], JUNK))
    assert (announced(admission), admission.duplicates) == ([1], ((2, 1),))
    assert fax.decide(mailbox([HEAD]), mailbox([COPY], JUNK)).empty


def test_a_copy_that_comes_later() -> None:
    fax = life(*BOTH, deduplicate="account")
    junk = mailbox([], JUNK)
    fax.login(mailbox([HEAD]), junk)
    admission = fax.login(mailbox([HEAD]), junk.with_appended([COPY]))
    assert (announced(admission), admission.duplicates) == ([], ((2, 1),))


def test_without_the_search_for_copies_all_are_shown() -> None:
    assert announced(life(*BOTH, deduplicate="off").login(mailbox([HEAD]), mailbox([COPY], JUNK))) == [1, 2]


def test_messages_of_one_mailbox_are_no_copies() -> None:
    fax = life(*BOTH, deduplicate="account")
    admission = fax.login(mailbox([same(1), same(3)]), mailbox([COPY, same(4, key=JUNK), same(5, key=JUNK)], JUNK))
    assert announced(admission) == [1, 3, 5]
    assert admission.duplicates == ((2, 1), (4, 3))


def test_a_device_with_one_mailbox_waits_for_no_identity() -> None:
    assert announced(life(deduplicate="all").login(mailbox([message(1, content="")]))) == [1]


def test_what_a_message_is_must_be_known_before_it_is_shown() -> None:
    fax = life(*BOTH, deduplicate="account")
    inbox, junk = mailbox([HEAD]), mailbox([UNKNOWN], JUNK)
    assert announced(fax.login(inbox, junk)) == [1]
    assert fax.decide(inbox, junk).empty
    admission = fax.login(inbox, junk.with_identities({Uid(2): identity("same")}))
    assert (announced(admission), admission.duplicates) == ([], ((2, 1),))


def test_what_waits_is_one_of_the_newest() -> None:
    fax = life(*BOTH, deduplicate="account", start=Span("newest", 1))
    inbox, junk = mailbox([message(1, date=1)]), mailbox([UNKNOWN._replace(date=2)], JUNK)
    admission = fax.login(inbox, junk)
    assert (announced(admission), admission.hide) == ([], ((1, "start"),))
    assert announced(fax.login(inbox, junk.with_identities({Uid(2): identity("2")}))) == [2]


def test_a_source_that_is_not_listed_yet_counts_as_a_mailbox() -> None:
    fax = life(*BOTH, deduplicate="account")
    assert announced(fax.login(mailbox([message(1, content="")]))) == []


@pytest.mark.parametrize("content", [NO_IDENTITY, "d" + "0" * 32])
def test_what_has_no_message_id_is_no_copy(content: str) -> None:
    fax = life(*BOTH, deduplicate="all")
    inbox, junk = mailbox([message(1, content=content)]), mailbox([message(2, key=JUNK, content=content)], JUNK)
    assert announced(fax.login(inbox, junk)) == [1, 2]


def test_the_provider_knows_its_copies_at_once() -> None:
    fax = life(*BOTH, deduplicate="account")
    inbox = mailbox([message(1, content="", provider="gmail:1"), message(3, content="", provider="gmail:3")])
    junk = mailbox([message(2, key=JUNK, content="", provider="gmail:1")], JUNK)
    admission = fax.login(inbox, junk)
    assert (announced(admission), admission.duplicates) == ([1, 3], ((2, 1),))


def test_the_provider_knows_better_than_the_content() -> None:
    fax = life(*BOTH, deduplicate="account")
    inbox, junk = mailbox([same(1, provider="gmail:1")]), mailbox([same(2, key=JUNK, provider="gmail:2")], JUNK)
    assert announced(fax.login(inbox, junk)) == [1, 2]


def test_where_one_has_no_providers_identity_the_content_decides() -> None:
    fax = life(*BOTH, deduplicate="account")
    admission = fax.login(mailbox([same(1, provider="gmail:1")]), mailbox([COPY], JUNK))
    assert admission.duplicates == ((2, 1),)


@pytest.mark.parametrize(("scope", "shown"), [("account", [1, 2]), ("all", [1])])
def test_across_accounts(scope: str, shown: list[int]) -> None:
    fax = life(INBOX, OFFICE, deduplicate=scope)
    inbox, office = mailbox([same(1, provider="gmail:1")]), mailbox([same(2, key=OFFICE, provider="gmail:2")], OFFICE)
    assert announced(fax.login(inbox, office)) == shown


def test_across_accounts_the_content_must_be_known() -> None:
    fax = life(INBOX, OFFICE, deduplicate="all")
    inbox = mailbox([message(1, content="", provider="gmail:1")])
    assert announced(fax.login(inbox, mailbox([], OFFICE))) == []


def test_a_copy_of_what_was_deleted_is_not_shown() -> None:
    fax = life(*BOTH, deduplicate="account")
    junk = mailbox([], JUNK)
    fax.login(mailbox([HEAD]), junk)
    fax.hide(1)
    admission = fax.login(mailbox([HEAD]), junk.with_appended([COPY]))
    assert (announced(admission), admission.duplicates) == ([], ((2, 1),))


def test_a_copy_may_be_found_where_its_original_was_not() -> None:
    """The search decides for each place: what it did not find hides no copy that it found."""
    fax = life(*BOTH, deduplicate="account", search="UNSEEN")
    admission = fax.login(searched(mailbox([HEAD]), 1), searched(mailbox([COPY], JUNK), 2, 2))
    assert (announced(admission), admission.hide, admission.duplicates) == ([2], ((1, "search"),), ())


def test_two_copies_that_come_together_are_one_message() -> None:
    fax = life(*BOTH, deduplicate="account")
    inbox, junk = mailbox([message(9)]), mailbox([], JUNK)
    fax.login(inbox, junk)
    admission = fax.login(inbox.with_appended([same(10)]), junk.with_appended([same(11, key=JUNK)]))
    assert (announced(admission), admission.duplicates) == ([10], ((11, 10),))


def test_many_copies_at_once() -> None:
    fax = life(*BOTH, deduplicate="account")
    inbox, junk = mailbox([same(seq, f"{seq}") for seq in range(1, 101)]), mailbox([], JUNK)
    fax.login(inbox, junk)
    copies = [same(seq + 100, f"{seq}", key=JUNK) for seq in range(1, 102)]
    admission = fax.login(inbox, junk.with_appended(copies))
    assert announced(admission) == [201]
    assert admission.duplicates == tuple((seq + 100, seq) for seq in range(1, 101))


def test_thousands_of_equal_messages_pair_one_by_one() -> None:
    """As somebody makes them who sends the same again and again: each is looked at a few times, not thousands."""
    fax = life(*BOTH, deduplicate="account")
    inbox, junk = mailbox([same(seq) for seq in range(1, 5001)]), mailbox([], JUNK)
    fax.login(inbox, junk)
    admission = fax.login(inbox, junk.with_appended([same(seq, key=JUNK) for seq in range(5001, 10002)]))
    assert announced(admission) == [10001]
    assert admission.duplicates == tuple((seq + 5000, seq) for seq in range(1, 5001))


def test_the_search_for_copies_ends() -> None:
    """Many messages of one content that their provider tells apart, each with a copy in another account: rather than
    compare a message with all of them, it is shown.
    """
    fax = life(INBOX, JUNK, OFFICE, deduplicate="all")
    many = mailbox([same(seq, provider=f"gmail:{seq}") for seq in range(1, 1001)])
    junk, office = mailbox([], JUNK), mailbox([same(seq, key=OFFICE) for seq in range(1001, 2002)], OFFICE)
    assert fax.login(many, junk, office).duplicates == tuple((seq + 1000, seq) for seq in range(1, 1001))
    # The last one in the office, which has no copy yet, is too far away.
    later = junk.with_appended([same(3000, key=JUNK, provider="gmail:x")])
    assert announced(fax.login(many, later, office)) == [3000]


def test_a_copy_takes_the_place_of_its_original() -> None:
    fax = life(*BOTH, deduplicate="account")
    inbox, junk = mailbox([HEAD, message(3)]), mailbox([COPY], JUNK)
    fax.login(inbox, junk)
    admission = fax.login(inbox.without([Uid(1)]), junk)
    assert admission.succeed == ((1, 2, HEAD.uidl),)
    assert list(fax.record.order) == [2, 3]
    assert (fax.record.name(EntrySeq(2)), fax.record.name(EntrySeq(1))) == (HEAD.uidl, COPY.uidl)
    assert fax.decide(inbox.without([Uid(1)]), junk).empty


def test_an_original_that_comes_back_is_a_copy_then() -> None:
    fax = life(*BOTH, deduplicate="account")
    inbox, junk = mailbox([HEAD]), mailbox([COPY], JUNK)
    fax.login(inbox, junk)
    fax.login(mailbox([]), junk)
    admission = fax.login(inbox, junk)
    assert (announced(admission), admission.duplicates) == ([], ((1, 2),))
    assert list(fax.record.order) == [2]


def test_of_several_copies_the_first_takes_over_and_the_others_are_its_copies() -> None:
    fax = life(INBOX, JUNK, OFFICE, deduplicate="all")
    junk, office = mailbox([same(3, key=JUNK)], JUNK), mailbox([same(2, key=OFFICE)], OFFICE)
    fax.login(mailbox([HEAD]), junk, office)
    assert fax.login(mailbox([]), junk, office).succeed == ((1, 3, HEAD.uidl),)
    again = fax.login(mailbox([]), mailbox([], JUNK), office)
    assert again.succeed == ((3, 2, HEAD.uidl),)
    assert list(fax.record.order) == [2]


def test_what_takes_over_is_no_copy_any_more_when_another_comes() -> None:
    fax = life(INBOX, JUNK, OFFICE, deduplicate="all")
    junk, office = mailbox([COPY], JUNK), mailbox([], OFFICE)
    fax.login(mailbox([HEAD]), junk, office)
    admission = fax.login(mailbox([]), junk, office.with_appended([same(5, key=OFFICE)]))
    assert (admission.succeed, admission.duplicates) == (((1, 2, HEAD.uidl),), ((5, 2),))


def test_a_copy_that_is_hidden_itself_takes_nothing_over() -> None:
    fax = life(*BOTH, deduplicate="account")
    stored = {"decided": [1, 2], "hidden": [2], "duplicates": {EntrySeq(2): EntrySeq(1)}, "next_position": 1}
    fax.record = DeviceRecord(StoredDevice(FAX, shown=frozenset(BOTH), **stored))  # type: ignore[arg-type]
    assert fax.login(mailbox([]), mailbox([COPY], JUNK)).empty


def test_what_was_hidden_has_no_heir() -> None:
    fax = life(*BOTH, deduplicate="account")
    junk = mailbox([COPY], JUNK)
    fax.login(mailbox([HEAD]), junk)
    fax.hide(1)
    assert fax.login(mailbox([]), junk).empty


def test_what_leaves_the_window_has_no_heir() -> None:
    fax = life(*BOTH, deduplicate="account", window=Span("age", DAY))
    inbox, junk = mailbox([HEAD._replace(date=NOW)]), mailbox([COPY._replace(date=NOW)], JUNK)
    fax.login(inbox, junk)
    fax.now += 2 * DAY
    admission = fax.login(mailbox([]), junk)
    assert (admission.hide, admission.succeed) == (((1, "window"),), ())
    assert fax.login(mailbox([]), junk).empty


def test_an_heir_that_leaves_the_window_at_once() -> None:
    """The window of the newest: what the copy would take over goes with its original."""
    fax = life(*BOTH, deduplicate="account", window=Span("newest", 1))
    inbox, junk = mailbox([HEAD]), mailbox([COPY], JUNK)
    fax.login(inbox, junk)
    admission = fax.login(mailbox([message(3, seen=NOW)]), junk)
    assert (announced(admission), admission.hide, admission.succeed) == ([3], ((1, "window"),), ())


def test_copies_of_what_leaves_the_window_with_its_heir_are_copies_of_it() -> None:
    fax = life(INBOX, JUNK, OFFICE, deduplicate="all", window=Span("newest", 1))
    inbox, junk, office = mailbox([HEAD]), mailbox([COPY], JUNK), mailbox([], OFFICE)
    fax.login(inbox, junk, office)
    admission = fax.login(mailbox([message(3, seen=NOW)]), junk, mailbox([same(4, key=OFFICE)], OFFICE))
    assert (admission.hide, admission.succeed, admission.duplicates) == (((1, "window"),), (), ((4, 1),))


def test_what_comes_back_though_it_was_gone_when_the_record_was_made() -> None:
    """Only the store knows its position then."""
    fax = life()
    fax.record = DeviceRecord(StoredDevice(FAX, decided=[1], shown=frozenset([INBOX]), next_position=1))
    assert fax.decide(mailbox([])).empty
    assert not fax.record.incomplete
    fax.decide(mailbox([message(1)]))
    assert fax.record.incomplete
