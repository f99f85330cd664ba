"""What sessions leave behind: hides, receipts, intents, history."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bridge.model.failures import StoreUnavailable
from bridge.model.names import DeviceId, EntrySeq, SessionId
from bridge.model.update import Intent
from bridge.store import Store, open_store
from tests.store.support import DEN, FAX, fill, place, plan, session, trash


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path, now=lambda: 500.0) as opened:
        await fill(opened, 1, 2, 3)
        yield opened


async def device(store: Store, name: DeviceId) -> dict[str, Any]:
    devices: list[dict[str, Any]] = (await store.overview())["devices"]
    return next(row for row in devices if row["name"] == name)


async def test_hides_are_for_one_device_and_written_once(store: Store) -> None:
    await store.commit_update(plan(FAX, 1.0, [EntrySeq(3), EntrySeq(1)]))
    await store.commit_update(plan(FAX, 2.0, [EntrySeq(1)]))
    assert await store.load_hides(FAX) == [1, 3]
    assert await store.load_hides(DEN) == []


async def test_a_plan_is_written_whole_or_not_at_all(store: Store) -> None:
    unknown = EntrySeq(99)
    for bad in (
        plan(FAX, 1.0, [EntrySeq(1), unknown], [EntrySeq(1)]),
        plan(FAX, 1.0, [EntrySeq(1)], [EntrySeq(1), unknown]),
        replace(plan(FAX, 1.0, [EntrySeq(1)]), intents=(trash(EntrySeq(1), 1, 2.0), trash(unknown, 9, 2.0))),
    ):
        with pytest.raises(StoreUnavailable, match="does not take the change"):
            await store.commit_update(bad)
    assert await store.load_hides(FAX) == []
    assert await store.due_intents(9e9, 10) == []
    assert (await store.overview())["devices"] == []


async def test_a_receipt_is_acknowledged_once_any_quit_said_so(store: Store) -> None:
    sent = plan(FAX, 1.0, [], [EntrySeq(1), EntrySeq(2)])
    await store.commit_update(replace(sent, acknowledged=False))
    await store.commit_update(replace(sent, at=2.0, sent=(EntrySeq(1),)))
    await store.commit_update(replace(sent, at=3.0, acknowledged=False))
    fax = await device(store, FAX)
    assert (fax["receipts"], fax["acknowledged"]) == (2, 1)


async def test_intents_come_when_they_are_due_the_longest_due_first(store: Store) -> None:
    late, early = trash(EntrySeq(1), 1, 20.0), trash(EntrySeq(2), 2, 10.0)
    await store.commit_update(replace(plan(FAX, 1.0, []), intents=(late, early)))
    assert await store.due_intents(9.0, 10) == []
    first, second = await store.due_intents(20.0, 10)
    assert second == Intent(second.id, FAX, EntrySeq(1), place(1), "trash", 101, 20.0, 0)
    assert first.seq == 2
    assert await store.due_intents(20.0, 1) == [first]


async def test_an_intent_is_put_off_and_settled(store: Store) -> None:
    await store.commit_update(replace(plan(FAX, 1.0, []), intents=(trash(EntrySeq(1), 1, 10.0),)))
    [intent] = await store.due_intents(10.0, 10)
    await store.note_message_id(intent.id, "<a@b>")
    await store.retry_intent(intent.id, 60.0, "the server said \udce4 later")
    assert await store.due_intents(59.0, 10) == []
    assert await store.due_intents(60.0, 10) == [replace(intent, due=60.0, tries=1, message_id="<a@b>")]
    assert (await device(store, FAX))["pending_intents"] == 1
    await store.settle_intent(intent.id, "done", "moved")
    # A second look that was under way changes nothing any more.
    await store.retry_intent(intent.id, 0.0, "again")
    await store.settle_intent(intent.id, "lapsed", "again")
    assert await store.due_intents(9e9, 10) == []
    assert (await device(store, FAX))["pending_intents"] == 0


async def test_history_is_bounded_by_age_and_keeps_sessions_of_one_name(store: Store) -> None:
    for ended in (10.0, 30.0, 20.0):
        await store.record_sessions([session(FAX, ended, f"quit at {ended}")])
    assert await last_reason(store) == "quit at 30.0"
    await store.forget_sessions(30.0)
    assert await last_reason(store) == "quit at 30.0"
    await store.forget_sessions(30.5)
    assert (await device(store, FAX))["last_session"] is None


async def last_reason(store: Store) -> object:
    return (await device(store, FAX))["last_session"]["reason"]


async def test_hides_and_intents_outlive_the_process(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, 1)
        promise = replace(plan(FAX, 1.0, [EntrySeq(1)], [EntrySeq(1)]), intents=(trash(EntrySeq(1), 1, 2.0),))
        await store.commit_update(replace(promise, session=SessionId("gone")))
    async with open_store(tmp_path) as store:
        assert await store.load_hides(FAX) == [1]
        [intent] = await store.due_intents(2.0, 10)
        assert intent.location == place(1)
