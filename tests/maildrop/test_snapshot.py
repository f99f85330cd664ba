"""A mailbox's columns stay what building them anew would give, whatever is added, taken away or learnt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.identity import content_digest, provider_digest
from bridge.maildrop import MailboxSnapshot, from_messages, in_one
from bridge.maildrop.snapshot import COUNTED, SUBJECT_UNKNOWN, WITH_SUBJECT
from bridge.model.devices import LATEST
from bridge.model.names import Uid
from bridge.model.places import NO_IDENTITY, MeasuredMessage, StoredMessage
from tests.maildrop.support import FIRST, INBOX, identity, mailbox, message

identities = st.sampled_from(["", NO_IDENTITY, identity("a"), identity("b"), "d" + "0" * 32])
providers = st.sampled_from(["", "gmail:1", "emailid:x"])


@st.composite
def rows(draw: st.DrawFn, most: int = 12) -> list[StoredMessage]:
    """Messages in first-seen order, with any UIDs, some measured, some identified."""
    seqs = sorted(draw(st.sets(st.integers(1, 50), max_size=most)))
    uids = draw(st.permutations(range(1, 51)))
    return [
        message(
            seq,
            uid,
            measured=draw(st.integers(-1, 3)),
            subject=draw(st.integers(-1, 1)),
            date=draw(st.integers(0, 9)),
            seen=draw(st.integers(0, 9)),
            content=draw(identities),
            provider=draw(providers),
        )
        for seq, uid in zip(seqs, uids, strict=False)
    ]


def columns(snapshot: MailboxSnapshot) -> list[object]:
    """All that a snapshot says, but its version."""
    size = len(snapshot)
    return [
        snapshot.key,
        snapshot.uidvalidity,
        list(snapshot.seqs),
        list(snapshot.uids),
        list(snapshot.sizes),
        snapshot.measured,
        snapshot.uidls[:],
        list(snapshot.dates),
        list(snapshot.seen),
        [snapshot.content(at) for at in range(size)] if snapshot.contents else [bytes(16)] * size,
        [snapshot.provider(at) for at in range(size)] if snapshot.providers else [bytes(16)] * size,
        snapshot.identified,
    ]


def test_what_is_stored_is_what_is_shown() -> None:
    shown = mailbox([message(3, 9, date=5, seen=6, provider="gmail:1"), message(8, 2, measured=77, subject=1)])
    assert columns(shown) == [
        INBOX,
        FIRST,
        [3, 8],
        [9, 2],
        [1003, 77],
        bytes([0, WITH_SUBJECT]),
        [message(3, 9).uidl, message(8, 2).uidl],
        [5, 0],
        [6, 0],
        [content_digest(identity("3")), content_digest(identity("8"))],
        [provider_digest("gmail:1"), bytes(16)],
        bytes([1, 1]),
    ]


@pytest.mark.parametrize(
    ("measured", "subject", "wanted"),
    [(-1, -1, 0), (-1, 1, 0), (9, -1, SUBJECT_UNKNOWN), (9, 0, COUNTED), (9, 1, WITH_SUBJECT)],
)
def test_what_counting_told(measured: int, subject: int, wanted: int) -> None:
    assert mailbox([message(1, measured=measured, subject=subject)]).measured == bytes([wanted])


@given(rows(), st.data())
def test_appending_in_any_order_gives_the_whole(found: list[StoredMessage], data: st.DataObject) -> None:
    """Also old sequence numbers, which come with messages that were moved here."""
    later = data.draw(st.lists(st.sampled_from(found), unique=True) if found else st.just([]))
    first = [row for row in found if row not in later]
    grown = mailbox(first).with_appended(later)
    assert columns(grown) == columns(mailbox(found))
    assert grown.version == (2 if later else 1)


@given(rows(), st.sets(st.integers(1, 60).map(Uid)))
def test_without_gives_the_rest(found: list[StoredMessage], gone: set[Uid]) -> None:
    rest = [row for row in found if row.uid not in gone]
    assert columns(mailbox(found).without(gone)) == columns(mailbox(rest))


@given(
    rows(), st.dictionaries(st.integers(1, 60).map(Uid), st.builds(MeasuredMessage, st.integers(0, 99), st.booleans()))
)
def test_measuring(found: list[StoredMessage], told: dict[Uid, MeasuredMessage]) -> None:
    wanted = [
        row._replace(measured=told[row.uid].octets, subject=int(told[row.uid].subject)) if row.uid in told else row
        for row in found
    ]
    assert columns(mailbox(found).with_measured(told)) == columns(mailbox(wanted))


@given(rows(), st.dictionaries(st.integers(1, 60).map(Uid), identities))
def test_identifying(found: list[StoredMessage], told: dict[Uid, str]) -> None:
    wanted = [row._replace(content=told.get(row.uid, row.content)) for row in found]
    assert columns(mailbox(found).with_identities(told)) == columns(mailbox(wanted))


@given(rows(), st.integers(0, 12))
def test_what_is_left_to_ask_for_is_newest_first(found: list[StoredMessage], limit: int) -> None:
    shown = mailbox(found)
    unmeasured = [row.uid for row in found if row.measured < 0]
    unidentified = [row.uid for row in found if row.content == ""]
    assert (shown.unmeasured, shown.unidentified) == (len(unmeasured), len(unidentified))
    assert shown.newest_unmeasured(limit) == unmeasured[::-1][:limit]
    assert shown.newest_unidentified(limit) == unidentified[::-1][:limit]


def test_dates_that_no_column_holds_are_bent() -> None:
    shown = mailbox([message(1, date=-5, seen=2**40), message(2, date=2**40)])
    assert (list(shown.dates), list(shown.seen)) == ([0, LATEST], [LATEST, 0])


def test_what_continues_a_snapshot_has_its_rows_first() -> None:
    first = mailbox([message(1), message(5)])
    grown = first.with_appended([message(6)])
    counted = grown.with_measured({Uid(1): MeasuredMessage(1, True)}).with_identities({Uid(1): "-"}).at_version(9)
    assert grown.continues(first)
    assert counted.continues(first)
    assert first.continues(first)
    assert not first.continues(grown)
    assert not grown.without([Uid(6)]).continues(first)
    assert not first.with_appended([message(3)]).continues(first)
    assert not mailbox([message(1), message(5)]).continues(first)


def test_a_published_snapshot_never_changes() -> None:
    shown = mailbox([message(1), message(2)])
    before = columns(shown)
    shown.with_appended([message(3)])
    shown.with_measured({Uid(1): MeasuredMessage(1, True)})
    shown.with_identities({Uid(1): identity("x")})
    shown.without([Uid(1)])
    assert columns(shown) == before


def test_a_message_costs_about_sixty_octets() -> None:
    many = from_messages(INBOX, FIRST, [message(seq) for seq in range(1, 1001)])
    octets = [
        len(column.tobytes()) if hasattr(column, "tobytes") else len(column)
        for column in (
            *(many.seqs, many.uids, many.sizes, many.dates, many.seen),
            *(many.measured, many.uidls.raw, many.contents, many.providers, many.identified),
        )
    ]
    assert sum(octets) <= 62 * 1000


@given(rows(), st.data())
def test_parts_in_one(found: list[StoredMessage], data: st.DataObject) -> None:
    """As built at once, in whatever order the parts came."""
    numbers = [data.draw(st.integers(0, 2)) for _ in found]
    parts = [[row for row, number in zip(found, numbers, strict=True) if number == part] for part in range(3)]
    assert columns(in_one(list(map(mailbox, parts)))) == columns(mailbox(found))
