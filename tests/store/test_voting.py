"""`delete_when = "all"`: nothing is done upstream before all devices that were shown a message have let it go."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from bridge.model.names import DeviceId, EntrySeq, Uid, UidValidity
from bridge.model.places import Location
from bridge.model.update import Action, NewIntent, UpdatePlan
from bridge.store import Store
from tests.store.device_support import (
    ALL,
    SCANNER,
    WINDOW,
    agree,
    done,
    filled,
    hiding,
    intents,
    quitting,
    seqs,
    show,
    vote,
    waiting,
)
from tests.store.support import DEN, FAX, JUNK, fill, measure, place, vanish


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with filled(tmp_path, 1, 2, 3, 4) as opened:
        yield opened


async def promised(store: Store) -> list[tuple[int, str, float]]:
    """Give what waits to be done: entry, action, when."""
    return [(intent.seq, intent.action, intent.due) for intent in await waiting(store)]


async def notes(store: Store, seq: int) -> dict[str, tuple[str, str]]:
    """Give how each device's intent stands, and what is noted of it."""
    [fact] = await store.explain_entries(FAX, seqs(seq))
    return {intent["device"]: (intent["state"], intent["note"]) for intent in fact["intents"]}


async def test_nothing_is_done_before_both_have_deleted_it(store: Store) -> None:
    await show(store, (FAX, DEN), 1, 2)
    await store.commit_update(vote(FAX, 10.0, "trash", 1, 2))
    assert await promised(store) == []
    await store.commit_update(vote(DEN, 500.0, "trash", 1))
    assert await promised(store) == [(1, "trash", 500.0 + WINDOW)]
    assert await intents(store, FAX) == [(1, "trash", "lapsed"), (2, "trash", "voting")]
    assert (await notes(store, 1))["fax"] == ("lapsed", "all devices have let the message go, and agree on: trash")


@pytest.mark.parametrize(
    ("first", "second"),
    [("trash", "flag"), ("flag", "trash"), ("expunge", "flag"), ("flag", "archive"), ("flag", "flag")],
)
async def test_the_mildest_wish_wins(store: Store, first: Action, second: Action) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(FAX, 10.0, first, 1))
    await store.commit_update(vote(DEN, 20.0, second, 1))
    assert await promised(store) == [(1, "flag", 20.0 + WINDOW)]
    states = [state for device in (FAX, DEN) for _, _, state in await intents(store, device)]
    assert sorted(states) == ["lapsed", "waiting"]


async def test_from_seen_to_expunge(store: Store) -> None:
    order: list[Action] = ["seen", "flag", "archive", "trash", "expunge"]
    await show(store, (FAX, DEN), 1, 2, 3, 4)
    for seq, (mild, strong) in enumerate(pairwise(order), 1):
        await store.commit_update(vote(FAX, 10.0 + seq, strong, seq))
        await store.commit_update(vote(DEN, 20.0 + seq, mild, seq))
    assert [action for _, action, _ in await promised(store)] == order[:-1]


async def test_one_that_only_hides_is_the_mildest_of_all(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(agree(DEN, 20.0, 1))
    assert await promised(store) == []
    assert await intents(store, FAX) == [(1, "trash", "lapsed")]
    assert "one of them only hides it: nothing is done" in (await notes(store, 1))["fax"][1]


async def test_two_that_vote_and_one_that_acts_by_itself(store: Store) -> None:
    """The third device's own policy is carried out whatever the others do, and its wish counts with theirs."""
    await show(store, ALL, 1, 2)
    await store.commit_update(vote(FAX, 10.0, "trash", 1, 2, electorate=ALL))
    await store.commit_update(vote(DEN, 20.0, "expunge", 1, 2, electorate=ALL))
    assert await promised(store) == []
    await store.commit_update(quitting(SCANNER, 30.0, 1, action="flag", electorate=ALL))
    assert await promised(store) == [(1, "flag", 30.0 + WINDOW)]
    await store.commit_update(quitting(SCANNER, 40.0, 2, action="expunge", electorate=ALL))
    assert await promised(store) == [(1, "flag", 130.0), (2, "trash", 140.0), (2, "expunge", 140.0)]
    assert await intents(store, DEN) == [(1, "expunge", "lapsed"), (2, "expunge", "lapsed")]


async def test_one_that_hides_what_it_fetched_agrees_to_whatever_the_others_want(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(agree_by_fetching(DEN, 500.0, 1))
    # Its QUIT says nothing of when: as long after it as the vote itself would have waited.
    assert await promised(store) == [(1, "trash", 500.0 + WINDOW)]


def agree_by_fetching(
    device: DeviceId, at: float, *fetched: int, electorate: Sequence[DeviceId] = (FAX, DEN)
) -> UpdatePlan:
    return quitting(device, at, retrieved=seqs(*fetched), sent=seqs(*fetched), electorate=tuple(electorate))


async def test_also_without_a_quit(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(replace(agree_by_fetching(DEN, 500.0, 1), acknowledged=False))
    assert len(await promised(store)) == 1


async def test_marking_what_was_fetched_as_seen_is_no_milder_vote(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    seen = NewIntent(EntrySeq(1), place(1), "seen", 101, 110.0)
    for device in (FAX, DEN):
        plan = vote(device, 10.0, "trash", 1)
        await store.commit_update(replace(plan, intents=(*plan.intents, seen)))
    assert sorted(action for _, action, _ in await promised(store)) == ["seen", "seen", "trash"]


async def test_a_device_that_was_never_shown_it_has_no_vote(store: Store) -> None:
    await show(store, (FAX,), 1)
    await show(store, (DEN,), 2)
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    assert await promised(store) == [(1, "trash", 110.0)]


async def test_what_was_sent_and_never_announced_is_no_vote(store: Store) -> None:
    await show(store, (FAX,), 1)
    await store.commit_update(quitting(DEN, 5.0, sent=seqs(1)))
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    assert await promised(store) == [(1, "trash", 110.0)]


async def test_one_that_is_shown_it_before_the_others_agree_has_one(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(FAX, 10.0, "trash", 1, electorate=ALL))
    await show(store, (SCANNER,), 1)
    await store.commit_update(vote(DEN, 20.0, "trash", 1, electorate=ALL))
    assert await promised(store) == []


async def test_what_left_a_window_was_not_let_go(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_admission(hiding(DEN, 20.0, 1, "window", 1))
    assert await store.evaluate_votes([FAX, DEN], 99.0) == 0
    assert await promised(store) == []
    den = next(row for row in (await store.overview([FAX, DEN]))["devices"] if row["name"] == "den")
    assert den["holds_back"]["messages"] == 1


async def test_a_device_that_is_not_configured_holds_nothing_back(store: Store) -> None:
    await show(store, ALL, 1)
    await store.commit_update(vote(FAX, 10.0, "trash", 1, electorate=ALL))
    await store.commit_update(vote(DEN, 20.0, "trash", 1, electorate=ALL))
    assert await store.evaluate_votes(ALL, 99.0) == 0
    assert await store.evaluate_votes([FAX, DEN], 99.0) == 1
    assert await promised(store) == [(1, "trash", 99.0)]
    assert await store.evaluate_votes([FAX, DEN], 99.0) == 0


async def test_nor_has_it_a_say_in_what_is_done(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(FAX, 10.0, "flag", 1))
    # Alone it decides nothing either, and its vote waits for its return.
    assert await store.evaluate_votes([DEN], 99.0) == 0
    await store.commit_update(agree(DEN, 20.0, 1, electorate=[DEN]))
    assert await intents(store, FAX) == [(1, "flag", "voting")]
    await store.undo(DEN, 1, 25.0)
    await store.commit_update(vote(DEN, 30.0, "trash", 1, electorate=[DEN]))
    assert await promised(store) == [(1, "trash", 130.0)]
    assert await intents(store, FAX) == [(1, "flag", "lapsed")]


async def test_forgetting_a_silent_device_lets_the_others_go_on(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.forget(DEN)
    assert await store.evaluate_votes([FAX, DEN], 99.0) == 1
    assert await promised(store) == [(1, "trash", 99.0)]


async def test_an_intent_that_waits_for_all_is_never_written_as_waiting(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash", when_all=True, electorate=(FAX, DEN)))
    assert await promised(store) == []


async def test_what_is_listed_no_more_is_looked_for_where_the_last_vote_saw_it(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await vanish(store, 1)
    await store.commit_update(vote(FAX, 10.0, "flag", 1))
    moved = Location(JUNK, UidValidity(1), Uid(77))
    last = vote(DEN, 20.0, "trash", 1)
    await store.commit_update(replace(last, intents=(replace(last.intents[0], location=moved, size=7),)))
    [intent] = await waiting(store)
    assert (intent.device, intent.action, intent.location, intent.size) == (FAX, "flag", moved, 7)


async def test_thousands_at_once(store: Store) -> None:
    rows = await fill(store, *range(1, 5001), key=JUNK)
    entries = [row.seq for row in rows]
    await show(store, ALL, *entries)
    for at, device in enumerate(ALL, 10):
        plan = vote(device, at, "trash", *entries, electorate=ALL)
        await store.commit_update(plan)
    assert len(await store.due_intents(9e9, 9000)) == 5000


# --- the guard


async def test_what_the_guard_holds_waits_for_its_owner(store: Store) -> None:
    await show(store, (FAX,), 1, 2)
    await store.commit_update(quitting(FAX, 10.0, 1, 2, action="trash", state="held"))
    assert await promised(store) == []
    assert await store.confirm(DEN, 700.0) == 0
    assert await store.confirm(FAX, 700.0) == 2
    assert await promised(store) == [(1, "trash", 700.0), (2, "trash", 700.0)]
    assert await store.confirm(FAX, 900.0) == 0


async def test_what_nobody_confirms_lapses_to_hidden(store: Store) -> None:
    await show(store, (FAX,), 1, 2)
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash", state="held"))
    await store.commit_update(quitting(FAX, 20.0, 2, action="trash", state="held"))
    assert await store.lapse_held(20.0) == 1
    assert await store.lapse_held(20.0) == 0
    assert await intents(store, FAX) == [(1, "trash", "lapsed"), (2, "trash", "held")]
    assert (await notes(store, 1))["fax"][1] == "nobody confirmed it: the message is only hidden"
    assert await store.load_hides(FAX) == [1, 2]
    assert await store.confirm(FAX, 700.0) == 1


async def test_a_vote_that_is_held_is_none_yet(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(replace(held(FAX, 10.0, 1), electorate=(FAX, DEN)))
    await store.commit_update(vote(DEN, 20.0, "trash", 1))
    assert await store.evaluate_votes([FAX, DEN], 99.0) == 0
    fax = next(row for row in (await store.overview([FAX, DEN]))["devices"] if row["name"] == "fax")
    assert (fax["holds_back"]["messages"], fax["held"]) == (1, 1)
    assert await store.confirm(FAX, 700.0) == 1
    assert await intents(store, FAX) == [(1, "trash", "voting")]
    assert await store.evaluate_votes([FAX, DEN], 99.0) == 1
    assert await promised(store) == [(1, "trash", 99.0)]


def held(device: DeviceId, at: float, *hide: int) -> UpdatePlan:
    return quitting(device, at, *hide, action="trash", when_all=True, state="held")


async def test_a_vote_that_lapsed_only_hides(store: Store) -> None:
    await show(store, (FAX, DEN), 1)
    await store.commit_update(held(FAX, 10.0, 1))
    await store.commit_update(vote(DEN, 20.0, "trash", 1))
    await store.lapse_held(99.0)
    assert await store.evaluate_votes([FAX, DEN], 99.0) == 0
    assert await intents(store, DEN) == [(1, "trash", "lapsed")]


# --- what intents remember


async def test_an_intent_knows_the_message_as_it_was_listed(store: Store) -> None:
    await measure(store, {place(1): 777})
    await store._run("UPDATE locations SET content_identity = 'm' || hex(uid), size = 4000 + uid")
    await store._run("UPDATE locations SET content_identity = '-' WHERE uid = 2")
    await vanish(store, 3)
    await store.commit_update(quitting(FAX, 10.0, 1, 2, 3, action="trash"))
    found = [(intent.size, intent.content) for intent in await waiting(store)]
    assert found == [(4001, "m31"), (4002, ""), (103, "")]


async def test_a_message_is_not_known_by_what_another_has_at_its_place(store: Store) -> None:
    await store._run("UPDATE locations SET content_identity = 'm' || hex(uid)")
    plan = quitting(FAX, 10.0, 1, action="trash")
    await store.commit_update(replace(plan, intents=(replace(plan.intents[0], location=place(2)),)))
    [intent] = await waiting(store)
    assert (intent.location, intent.size, intent.content) == (place(1), 101, "m31")
    await vanish(store, 1)
    [intent] = await waiting(store)
    assert (intent.location, intent.size, intent.content) == (place(2), 101, "")


async def test_a_vote_waits_again_when_what_was_to_be_done_for_it_is_called_off(store: Store) -> None:
    """Though another device had the same done before."""
    await show(store, ALL, 1)
    await store.commit_update(quitting(FAX, 10.0, 1, action="flag"))
    await done(store)
    await store.commit_update(quitting(DEN, 20.0, 1, action="flag"))
    await store.commit_update(vote(SCANNER, 30.0, "trash", 1, electorate=ALL))
    assert await intents(store, SCANNER) == [(1, "trash", "lapsed")]
    await store.undo(DEN, 1, 40.0)
    assert await intents(store, SCANNER) == [(1, "trash", "voting")]
