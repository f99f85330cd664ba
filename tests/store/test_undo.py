"""Undoing what a device's last sessions did, also what was agreed on with others and what is being carried out."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.model.admin import Lost, Undone
from bridge.model.names import DeviceId, EntrySeq, MailboxName, Uid, Uidl, UidValidity
from bridge.model.update import BringBack, Intent, MovedTo
from bridge.store import Store
from tests.store.device_support import (
    ALL,
    SCANNER,
    agree,
    all_rows,
    done,
    filled,
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
from tests.store.support import DEN, FAX, INBOX, fill, namer, session, vanish

TRASH = MovedTo(MailboxName("Trash"), UidValidity(5), Uid(50))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with filled(tmp_path, 1, 2, 3, 4) as opened:
        await show(opened, (FAX, DEN), 1, 2, 3, 4)
        yield opened


async def test_what_waits_is_cancelled_and_what_was_hidden_is_shown_where_it_was(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 2, 3, action="trash"))
    assert await shown(store, FAX) == [1, 4]
    assert await store.undo(FAX, 1, 50.0) == Undone(sessions=1, cancelled=2, unhidden=[*seqs(2, 3)])
    assert await shown(store, FAX) == [1, 2, 3, 4]
    assert await waiting(store) == []
    assert await intents(store, FAX) == [(2, "trash", "cancelled"), (3, "trash", "cancelled")]


async def test_held_and_voting_is_cancelled_too(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash", state="held"))
    await store.commit_update(vote(FAX, 20.0, "trash", 2))
    undone = await store.undo(FAX, 2, 50.0)
    assert (undone.cancelled, undone.unhidden) == (2, [1, 2])
    assert await store.confirm(FAX, 99.0) == 0
    await store.commit_update(vote(DEN, 60.0, "trash", 2))
    assert await waiting(store) == []


async def test_the_last_sessions_that_hid_something(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1))
    await store.commit_update(quitting(FAX, 20.0, 2))
    await store.commit_update(quitting(DEN, 25.0, 1, 4))
    await store.commit_update(quitting(FAX, 30.0, sent=seqs(3)))
    await store.commit_admission(hiding(FAX, 40.0, 4, "window", 4))
    assert (await store.undo(FAX, 1, 50.0)).unhidden == [2]
    assert await hides(store, FAX) == {1: "delete", 4: "window"}
    assert await hides(store, DEN) == {1: "delete", 4: "delete"}


async def test_undoing_twice_is_undoing_once(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1))
    await store.commit_update(quitting(FAX, 20.0, 2, action="trash"))
    await store.undo(FAX, 1, 50.0)
    before = await all_rows(store)
    assert await store.undo(FAX, 1, 60.0) == Undone(sessions=1)
    assert await all_rows(store) == before
    assert (await store.undo(FAX, 2, 70.0)).unhidden == [1]
    assert await store.undo(FAX, 99, 80.0) == Undone(sessions=2)


async def test_what_is_deleted_again_is_the_last_session_again(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    await store.undo(FAX, 1, 20.0)
    await store.commit_update(quitting(FAX, 30.0, 1, action="trash"))
    assert len(await waiting(store)) == 1
    assert await store.undo(FAX, 1, 40.0) == Undone(sessions=1, cancelled=1, unhidden=[*seqs(1)])


async def test_sessions_of_one_name_are_two(store: Store) -> None:
    for at, seq in ((10.0, 1), (20.0, 2)):
        await store.commit_update(replace(quitting(FAX, at, seq, action="trash"), session=session(FAX, 1).session))
    assert await store.undo(FAX, 1, 50.0) == Undone(sessions=1, cancelled=1, unhidden=[*seqs(2)])


async def test_what_was_hidden_once_fetched(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1, retrieved=seqs(1, 2), sent=seqs(1, 2)))
    assert await hides(store, FAX) == {1: "delete", 2: "retrieve"}
    assert (await store.undo(FAX, 1, 50.0)).unhidden == [1, 2]


async def test_what_left_the_window_at_the_same_moment_stays_out(store: Store) -> None:
    quit_ = quitting(FAX, 10.0, 1)
    await store.commit_update(quit_)
    await store.commit_admission(replace(hiding(FAX, 10.0, 4, "window", 2), session=quit_.session))
    assert (await store.undo(FAX, 1, 50.0)).unhidden == [1]
    assert await hides(store, FAX) == {2: "window"}


async def test_nothing_and_nobody(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1))
    assert await store.undo(FAX, 0, 50.0) == Undone()
    assert await store.undo(FAX, -1, 50.0) == Undone()
    assert await store.undo(DeviceId("nobody"), 1, 50.0) == Undone()
    assert await store.undo(DEN, 1, 50.0) == Undone()
    assert await shown(store, FAX) == [2, 3, 4]


# --- what was carried out


def back(intent: Intent) -> BringBack:
    return BringBack(intent.id, intent.seq, INBOX, TRASH, intent.size, "")


async def test_what_was_moved_is_to_be_moved_back(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    await store.commit_update(quitting(FAX, 20.0, 2, action="archive"))
    await store.commit_update(quitting(FAX, 30.0, 3, action="expunge"))
    moved = await done(store, moved=TRASH)
    undone = await store.undo(FAX, 3, 50.0)
    assert undone.back == [back(intent) for intent in moved]
    assert (undone.cancelled, undone.lost, undone.unhidden) == (0, [], [1, 2, 3])
    # It lasts until it is done, whoever asks.
    assert await store.returning() == undone.back
    assert (await store.undo(FAX, 1, 60.0)).back == undone.back[2:]
    for one in undone.back:
        await store.brought_back(one.intent)
    assert await store.returning() == []
    assert [state for _, _, state in await intents(store, FAX)] == ["cancelled"] * 3
    assert await store.undo(FAX, 3, 70.0) == Undone(sessions=3)


async def test_what_could_not_be_moved_back_is_tried_again_when_asked_again(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    [moved] = await done(store, moved=TRASH)
    await store.undo(FAX, 1, 50.0)
    await store.not_brought_back(moved.id, "the server would not")
    assert await store.returning() == []
    assert (await store.undo(FAX, 1, 60.0)).back == [back(moved)]


async def test_what_was_expunged_is_told_as_lost(store: Store) -> None:
    await store.save_aliases(FAX, [(EntrySeq(2), Uidl("former"))])
    await store.commit_update(quitting(FAX, 10.0, 1, 2, action="expunge"))
    await done(store)
    await vanish(store, 1, 2)
    undone = await store.undo(FAX, 1, 50.0)
    named = (namer()(Uid(1), 0), Uidl("former"))
    assert undone.lost == [Lost(uidl, "expunge", "done: as asked") for uidl in named]
    assert (undone.unhidden, undone.back) == ([1, 2], [])
    assert (await store.undo(FAX, 1, 60.0)).lost == undone.lost
    assert [state for _, _, state in await intents(store, FAX)] == ["done", "done"]


async def test_a_flag_is_neither_lost_nor_brought_back(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1, action="flag"))
    await done(store)
    assert await store.undo(FAX, 1, 50.0) == Undone(sessions=1, unhidden=[*seqs(1)])


async def test_what_is_undone_while_it_is_carried_out_is_brought_back(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1, 2, action="trash"))
    first, second = await waiting(store)
    assert (await store.undo(FAX, 1, 50.0)).cancelled == 2
    await store.settle_intent(first.id, "done", "done: moved", TRASH)
    await store.settle_intent(second.id, "lapsed", "refused: no")
    assert await store.returning() == [back(first)]
    assert await intents(store, FAX) == [(1, "trash", "returning"), (2, "trash", "cancelled")]
    assert (await store.undo(FAX, 1, 60.0)).back == [back(first)]


async def test_where_a_copy_is_is_known_after_a_crash(store: Store) -> None:
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    [intent] = await waiting(store)
    assert intent.copied is None
    await store.note_copied(intent.id, TRASH)
    assert await waiting(store) == [replace(intent, copied=TRASH)]
    await store.settle_intent(intent.id, "done", "done: moved")
    assert (await store.undo(FAX, 1, 50.0)).back == [back(intent)]


# --- what was agreed on


async def test_who_undoes_a_vote_lets_the_others_wait_again(store: Store) -> None:
    await store.commit_update(vote(FAX, 10.0, "flag", 1))
    await store.commit_update(vote(DEN, 20.0, "trash", 1))
    assert [intent.device for intent in await waiting(store)] == [FAX]
    undone = await store.undo(DEN, 1, 50.0)
    assert (undone.cancelled, undone.unhidden) == (1, [1])
    assert await waiting(store) == []
    assert await intents(store, FAX) == [(1, "flag", "voting")]
    assert await intents(store, DEN) == [(1, "trash", "cancelled")]
    await store.commit_update(vote(DEN, 60.0, "trash", 1))
    assert [(intent.action, intent.due) for intent in await waiting(store)] == [("flag", 160.0)]


async def test_also_when_what_is_done_is_its_own(store: Store) -> None:
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(vote(DEN, 20.0, "flag", 1))
    assert (await store.undo(DEN, 1, 50.0)).cancelled == 1
    assert await intents(store, FAX) == [(1, "trash", "voting")]
    await store.commit_update(quitting(DEN, 60.0, retrieved=seqs(1), electorate=(FAX, DEN)))
    assert [intent.action for intent in await waiting(store)] == ["trash"]


async def test_also_when_it_only_hid(store: Store) -> None:
    await store.commit_update(vote(FAX, 10.0, "trash", 1, 2))
    await store.commit_update(quitting(DEN, 20.0, 2, retrieved=seqs(1), electorate=(FAX, DEN)))
    assert await intents(store, FAX) == [(1, "trash", "waiting"), (2, "trash", "lapsed")]
    assert (await store.undo(DEN, 1, 50.0)).cancelled == 0
    assert await intents(store, FAX) == [(1, "trash", "voting"), (2, "trash", "voting")]


async def test_a_vote_that_came_to_nothing_is_withdrawn_and_was_nothing_to_call_off(store: Store) -> None:
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(agree(DEN, 20.0, 1))
    assert await store.undo(FAX, 1, 50.0) == Undone(sessions=1, unhidden=[*seqs(1)])
    assert await intents(store, FAX) == [(1, "trash", "cancelled")]


async def test_a_copy_that_was_made_for_an_agreement_counts_for_the_next_no_more(store: Store) -> None:
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(vote(DEN, 20.0, "expunge", 1))
    [intent] = await waiting(store)
    await store.note_copied(intent.id, TRASH)
    await store.retry_intent(intent.id, 300.0, "no answer")
    await store.undo(DEN, 1, 50.0)
    await store.commit_update(vote(DEN, 60.0, "expunge", 1))
    assert await waiting(store) == [replace(intent, due=160.0)]


async def test_votes_on_a_forgotten_account_can_be_taken_back_too(store: Store) -> None:
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(vote(DEN, 20.0, "trash", 1))
    await store.forget_account(INBOX.account)
    await fill(store, 1, 2, 3, 4)
    await store.undo(DEN, 1, 50.0)
    assert await intents(store, FAX) == [(1, "trash", "voting")]


async def test_what_all_agreed_on_is_brought_back_for_whoever_asks(store: Store) -> None:
    await show(store, (SCANNER,), 1)
    await store.commit_update(vote(FAX, 10.0, "trash", 1, electorate=ALL))
    await store.commit_update(vote(DEN, 20.0, "trash", 1, electorate=ALL))
    await store.commit_update(quitting(SCANNER, 30.0, retrieved=seqs(1), electorate=ALL))
    [moved] = await done(store, moved=TRASH)
    assert moved.device == DEN
    assert (await store.undo(FAX, 1, 50.0)).back == [back(moved)]
    await store.brought_back(moved.id)
    # Both others still want it gone: their votes are as before, and the fax is to be asked.
    assert await intents(store, FAX) == [(1, "trash", "cancelled")]
    assert await intents(store, DEN) == [(1, "trash", "voting")]
    await store.commit_update(vote(FAX, 60.0, "flag", 1, electorate=ALL))
    assert [(intent.device, intent.action) for intent in await waiting(store)] == [(FAX, "flag")]


async def test_an_agreement_withdrawn_while_it_is_carried_out(store: Store) -> None:
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(quitting(DEN, 20.0, retrieved=seqs(1), electorate=(FAX, DEN)))
    [intent] = await waiting(store)
    await store.undo(DEN, 1, 50.0)
    await store.settle_intent(intent.id, "done", "done: moved", TRASH)
    assert await store.returning() == [back(intent)]
    await store.brought_back(intent.id)
    assert await intents(store, FAX) == [(1, "trash", "voting")]


async def test_undoing_one_that_hid_after_the_message_was_moved_by_its_own_intent(store: Store) -> None:
    """What another device did by itself is not this one's to undo."""
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    await store.commit_update(agree(DEN, 20.0, 1))
    await done(store, moved=TRASH)
    assert (await store.undo(DEN, 1, 50.0)).back == []
    assert len((await store.undo(FAX, 1, 50.0)).back) == 1
