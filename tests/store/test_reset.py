"""Beginning anew with a device: reset shows it all again, forget knows nothing of it any more."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.model.admin import ForgetDone, ResetDone
from bridge.model.devices import Admission
from bridge.model.failures import StoreUnavailable
from bridge.model.names import DeviceId, EntrySeq, MailboxName, SessionId, Uid, Uidl, UidValidity
from bridge.model.places import ListedMessage, ListingChange
from bridge.model.update import MovedTo
from bridge.store import Store, open_store
from tests.store.device_support import (
    admission,
    all_rows,
    done,
    hides,
    hiding,
    intents,
    quitting,
    seqs,
    show,
    shown,
    vote,
    waiting,
)
from tests.store.support import DEN, FAX, INBOX, JUNK, ONE, fill, namer, session, vanish, whole

NOW = 1_700_100_000.0
"""After the dates of what is listed, 1,700,000,000 and the UID."""


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path, now=lambda: NOW) as opened:
        await fill(opened, 1, 2, 3, 4)
        yield opened


async def seen_at(store: Store, first_seen: float, *entries: int) -> None:
    for seq in entries:
        await store._run("UPDATE entries SET first_seen = ? WHERE seq = ?", first_seen, seq)


# --- reset


async def test_all_that_is_upstream_is_shown_again_numbered_anew(store: Store) -> None:
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1, 2), duplicates=((EntrySeq(3), EntrySeq(1)),)))
    await store.commit_admission(hiding(FAX, 11.0, 2, "search", 4))
    await store.commit_update(quitting(FAX, 12.0, 2, sent=seqs(1, 2)))
    assert await store.reset(FAX, None) == ResetDone(shown=4, ruled={"search": 1})
    found = await store.load_device(FAX)
    assert (list(found.announced), found.next_position, found.duplicates) == ([], 0, {})
    assert (list(found.decided), list(found.hidden)) == ([], [])
    assert found.shown == {INBOX}
    await store.commit_admission(admission(FAX, 20.0, 0, 2, 1, 4, 3))
    assert await shown(store, FAX) == [2, 1, 4, 3]
    [fact] = await store.explain_entries(FAX, seqs(2))
    assert (fact["announced_at"], fact["sent_at"], fact["acknowledged_at"], fact["position"]) == (10.0, 12.0, 12.0, 0)


async def test_it_is_known_that_the_device_was_shown_messages_before(store: Store) -> None:
    assert not (await store.load_device(FAX)).anew
    await store.commit_admission(admission(FAX, 10.0, 0, 1, 2))
    assert not (await store.load_device(FAX)).anew
    await store.reset(FAX, None)
    assert (await store.load_device(FAX)).anew == {INBOX: 10.0}
    await store.commit_admission(admission(FAX, 20.0, 0, 2))
    assert not (await store.load_device(FAX)).anew
    await store.forget(FAX)
    assert not (await store.load_device(FAX)).anew


async def test_unique_ids_and_aliases_stay(store: Store) -> None:
    await store.save_aliases(FAX, [(EntrySeq(1), Uidl("former"))])
    await store.commit_admission(admission(FAX, 10.0, 0, 1))
    await store.reset(FAX, None)
    assert (await store.load_device(FAX)).aliases == {1: "former"}


async def test_what_is_promised_of_it_is_called_off(store: Store) -> None:
    await show(store, (FAX, DEN), 1, 2, 3, 4)
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    await store.commit_update(quitting(FAX, 11.0, 2, action="trash", state="held"))
    await store.commit_update(vote(FAX, 12.0, "trash", 3))
    await store.commit_update(vote(FAX, 13.0, "trash", 4))
    await store.commit_update(vote(DEN, 14.0, "trash", 4))
    assert await store.reset(FAX, None) == ResetDone(shown=4, cancelled=4)
    assert [state for _, _, state in await intents(store, FAX)] == ["cancelled"] * 4
    # The other still wants it gone, and the fax is to be asked again.
    assert await intents(store, DEN) == [(4, "trash", "voting")]
    assert await waiting(store) == []


async def test_what_was_done_stays_done_and_can_be_undone(store: Store) -> None:
    await show(store, (FAX,), 1)
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    moved = MovedTo(MailboxName("Trash"), UidValidity(5), Uid(50))
    [intent] = await done(store, moved=moved)
    await store.reset(FAX, None)
    assert [one.intent for one in (await store.undo(FAX, 1, 50.0)).back] == [intent.id]


async def test_since_a_moment(store: Store) -> None:
    """What is older stays out: what was deleted as deleted, all else by the rule `start`."""
    await seen_at(store, NOW - 9e7, 1, 2, 3)
    await seen_at(store, 1_700_050_000.0, 4)
    await store._run("UPDATE locations SET date = 1700060000 WHERE uid = 3")
    await store.commit_admission(admission(FAX, 10.0, 0, 1, 2, 3, 4))
    await store.commit_update(quitting(FAX, 11.0, 2, 3, 4, action="trash"))
    assert await store.reset(FAX, 1_700_050_000.0) == ResetDone(shown=2, hidden=2, cancelled=2)
    assert await hides(store, FAX) == {1: "start", 2: "delete"}
    found = await store.load_device(FAX)
    assert (list(found.decided), found.next_position) == ([1, 2], 0)
    assert [intent.seq for intent in await waiting(store)] == [2]


async def test_age_is_by_date_for_what_was_there_at_first_and_by_its_coming_afterwards(store: Store) -> None:
    """However short popbridge has been there: what it listed first is as old as its server says."""
    await store._run("UPDATE locations SET date = 1600000000 WHERE uid <> 1")
    await store.commit_admission(hiding(FAX, NOW + 1, 0, "search", 1, 2, 3, 4))
    await seen_at(store, NOW + 2, 3)
    assert await store.reset(FAX, NOW - 86400 * 30) == ResetDone(shown=2, hidden=2, ruled={"search": 2})
    assert await hides(store, FAX) == {2: "search", 4: "search"}
    # Again, though no date is remembered any more.
    await store.commit_admission(admission(FAX, NOW + 9, 0, 1, 3))
    assert await store.reset(FAX, None) == ResetDone(shown=4, ruled={"search": 2})
    assert await store.reset(FAX, NOW - 86400 * 30) == ResetDone(shown=2, hidden=2)


async def test_since_a_moment_what_the_device_never_decided_on_is_older_too(store: Store) -> None:
    await seen_at(store, NOW - 9e7, 1, 2, 3, 4)
    await store.commit_admission(admission(FAX, 10.0, 0, 1))
    await vanish(store, 1, 2)
    assert await store.reset(FAX, NOW) == ResetDone(hidden=2)
    # What it was shown and is gone would otherwise be new, should it come back.
    assert await hides(store, FAX) == {1: "start", 3: "start", 4: "start"}


async def test_a_reset_is_of_one_device(store: Store) -> None:
    await show(store, (FAX, DEN), 1, 2)
    await store.commit_update(quitting(DEN, 10.0, 1, action="trash"))
    before = await store.show_device(DEN)
    await store.reset(FAX, None)
    assert await store.show_device(DEN) == before


async def test_a_reset_twice_is_one(store: Store) -> None:
    await show(store, (FAX,), 1, 2)
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    await store.reset(FAX, None)
    before = await all_rows(store)
    assert await store.reset(FAX, None) == ResetDone(shown=4)
    assert await all_rows(store) == before
    assert await store.reset(DeviceId("new"), None) == ResetDone()


async def test_a_login_that_was_decided_before_the_reset_is_refused(store: Store) -> None:
    await show(store, (FAX,), 1, 2)
    late = admission(FAX, 20.0, 2, 3)
    await store.reset(FAX, None)
    with pytest.raises(StoreUnavailable, match="0 is the next"):
        await store.commit_admission(late)


# --- forget


async def test_nothing_is_known_of_a_forgotten_device(store: Store) -> None:
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1, 2), duplicates=((EntrySeq(3), EntrySeq(1)),)))
    await store.save_aliases(FAX, [(EntrySeq(1), Uidl("former"))])
    await store.commit_update(quitting(FAX, 11.0, 2, sent=seqs(1, 2)))
    await store.undo(FAX, 1, 12.0)
    await store.commit_update(quitting(FAX, 13.0, 2))
    await store.record_sessions([session(FAX, 13.0)])
    assert await store.forget(FAX) == ForgetDone(announced=2, hidden=1)
    nothing = await store.show_device(DeviceId("nobody"))
    assert await store.show_device(FAX) == {**nothing, "name": "fax"}
    assert (await store.overview())["devices"] == []
    assert await store.forget(FAX) == ForgetDone()
    # Unique-ids are for ever, and a new device of that name begins like any other.
    assert await store.find_uidl(FAX, namer()(Uid(1), 0)) == [1]
    await store.commit_admission(admission(FAX, 20.0, 0, 3, 2, 1))
    assert await shown(store, FAX) == [3, 2, 1]


async def test_what_was_promised_is_done_all_the_same(store: Store) -> None:
    await show(store, (FAX, DEN), 1, 2, 3, 4)
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    await store.commit_update(quitting(FAX, 11.0, 2, action="trash", state="held"))
    await store.commit_update(vote(FAX, 12.0, "trash", 3, 4))
    await store.commit_update(vote(DEN, 13.0, "trash", 4))
    await store.record_sessions([session(FAX, 13.0)])
    assert await store.forget(FAX) == ForgetDone(announced=4, hidden=4, votes=2, promised=1)
    assert [(intent.device, intent.seq) for intent in await waiting(store)] == [(FAX, 1), (DEN, 4)]
    assert await intents(store, FAX) == [(1, "trash", "waiting")]
    facts = next(row for row in (await store.overview())["devices"] if row["name"] == "fax")
    assert (facts["pending_intents"], facts["announced"], facts["last_session"]) == (1, 0, None)
    assert (await store.show_device(FAX))["last_login"] is None


async def test_a_forgotten_devices_promise_is_the_others_to_take_back(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(DEN, 10.0, "trash", 1))
    await store.commit_update(vote(FAX, 20.0, "trash", 1))
    await store.forget(FAX)
    assert [intent.device for intent in await waiting(store)] == [FAX]
    await store.undo(DEN, 1, 50.0)
    assert await intents(store, FAX) == [(1, "trash", "cancelled")]


async def test_a_message_whose_promise_outlives_its_device_is_shown_until_it_is_done(store: Store) -> None:
    await show(store, (FAX,), 1)
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    await store.forget(FAX)
    found = await store.load_device(FAX)
    assert (list(found.decided), found.next_position) == ([], 0)


async def test_what_another_mailbox_has_is_nothing_of_the_devices(store: Store) -> None:
    """A reset since a moment hides what lies in the device's mailboxes, not in all there are."""
    await store.apply_listing(
        ListingChange(JUNK, ONE, (ListedMessage(Uid(9), 1, 5, ""),), state=whole(1, 10)), namer(JUNK)
    )
    await seen_at(store, 5.0, 1, 2, 3, 4, 5)
    await store.commit_admission(Admission(FAX, SessionId("s"), 10.0, shown=(INBOX,)))
    assert await store.reset(FAX, NOW) == ResetDone(hidden=4)
    assert await hides(store, FAX) == {1: "start", 2: "start", 3: "start", 4: "start"}
