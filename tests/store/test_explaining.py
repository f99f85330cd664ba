"""What is told of a device and of a message: all that is known, and no more."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.model.names import DeviceId, EntrySeq, MailboxName, Uid, Uidl, UidValidity
from bridge.model.places import Location, MailboxKey
from bridge.model.update import MovedTo
from bridge.store import Store
from tests.store.device_support import (
    WINDOW,
    admission,
    done,
    filled,
    hiding,
    quitting,
    seqs,
    show,
    vote,
    waiting,
)
from tests.store.support import DEN, FAMILY, FAX, INBOX, JUNK, fill, measure, namer, place, session, vanish


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with filled(tmp_path, 1, 2, 3) as opened:
        yield opened


def own(seq: int) -> Uidl:
    return namer()(Uid(seq), 0)


async def test_a_message_that_was_shown_deleted_and_moved(store: Store) -> None:
    await measure(store, {place(1): 107})
    await show(store, (DEN,), 1)
    await store.commit_admission(admission(FAX, 10.0, 0, 2, 1))
    await store.commit_update(quitting(FAX, 20.0, 1, action="trash", sent=seqs(1)))
    [intent] = await waiting(store)
    await store.settle_intent(intent.id, "done", "done: moved", MovedTo(MailboxName("Trash"), UidValidity(5), Uid(50)))
    await vanish(store, 1)
    facts = await store.explain(FAX, own(1))
    assert json.loads(json.dumps(facts)) == facts
    assert facts == {
        "device": "fax",
        "asked": own(1),
        "entries": [
            {
                "seq": 1,
                "uidl": own(1),
                "alias": None,
                "first_seen": 500.0,
                "gone_at": 500.0,
                "locations": [
                    {
                        "account": "family",
                        "mailbox": "INBOX",
                        "uid": 1,
                        "uidvalidity": 1,
                        "size": 101,
                        "measured": 107,
                        "date": 1_700_000_001,
                        "gone_at": 500.0,
                    }
                ],
                "announced_at": 10.0,
                "announced_in": "in10",
                "position": 1,
                "sent_at": 20.0,
                "acknowledged_at": 20.0,
                "hide": {"rule": "delete", "at": 20.0, "session": "out20"},
                "duplicate_of": None,
                "intents": [
                    {
                        "device": "fax",
                        "action": "trash",
                        "state": "done",
                        "due": 20.0 + WINDOW,
                        "note": "done: moved",
                        "made_at": 20.0,
                        "settled_at": 500.0,
                        "when_all": False,
                        "tries": 0,
                        "moved_to": "Trash",
                    }
                ],
                "others": [{"device": "den", "announced_at": 1.0, "hidden": None}],
            }
        ],
    }


async def test_a_message_that_the_device_never_had_to_do_with(store: Store) -> None:
    [fact] = await store.explain_entries(FAX, seqs(3))
    told = ("announced_at", "announced_in", "position", "sent_at", "acknowledged_at", "hide", "duplicate_of", "alias")
    assert [fact[key] for key in told] == [None] * 8
    assert (fact["intents"], fact["others"], fact["gone_at"]) == ([], [], None)
    assert fact["locations"][0]["measured"] is None


async def test_a_copy_names_what_is_shown_in_its_place(store: Store) -> None:
    await store.save_aliases(FAX, [(EntrySeq(1), Uidl("former"))])
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1), duplicates=((EntrySeq(2), EntrySeq(1)),)))
    original, copy = await store.explain_entries(FAX, seqs(1, 2))
    assert (original["alias"], original["uidl"]) == ("former", own(1))
    assert (copy["duplicate_of"], copy["position"]) == ("former", None)


async def test_in_the_order_asked_for_and_only_what_there_is(store: Store) -> None:
    found = await store.explain_entries(FAX, seqs(3, 99, 1))
    assert [fact["seq"] for fact in found] == [3, 1]
    assert (await store.explain(FAX, "unknown"))["entries"] == []


async def test_a_unique_id_is_first_what_the_device_knows_by_it(store: Store) -> None:
    await store.save_aliases(FAX, [(EntrySeq(3), Uidl("former"))])
    assert await store.find_uidl(FAX, "former") == [3]
    assert await store.find_uidl(DEN, "former") == []
    assert await store.find_uidl(FAX, own(3)) == [3]
    assert (await store.explain(FAX, "former"))["entries"][0]["alias"] == "former"


async def test_entries_by_place_and_by_content(store: Store) -> None:
    await fill(store, 1, 2, key=JUNK)
    await store._run("UPDATE locations SET content_identity = 'm5' WHERE entry IN (2, 5)")
    await store._run("UPDATE locations SET content_identity = '-' WHERE entry = 3")
    await vanish(store, 1)
    assert await store.find_entries([place(1), place(2, JUNK), place(77)]) == [1, 5]
    assert await store.find_entries(contents=["m5", "-", "", "m6"]) == [2, 5]
    assert await store.find_entries() == []


async def test_a_message_that_was_expunged_is_found_by_what_was_done_to_it(store: Store) -> None:
    await show(store, [FAX], 1)
    await store.commit_update(quitting(FAX, 10.0, 1, action="expunge"))
    await done(store, message_id="<a@example.org>")
    assert await store.find_message_id("<a@example.org>") == [1]
    assert await store.find_message_id(" a@example.org ") == [1]
    assert await store.find_message_id("example.org") == await store.find_message_id("<>") == []


async def test_a_message_is_found_where_it_was_moved_to(store: Store) -> None:
    trash = Location(MailboxKey(FAMILY, MailboxName("Trash")), UidValidity(7), Uid(70))
    assert (await store.moved_to(), await store.find_entries([trash])) == ([], [])
    await show(store, [FAX], 1)
    await store.commit_update(quitting(FAX, 10.0, 1, action="trash"))
    await done(store, moved=MovedTo(trash.key.mailbox, trash.uidvalidity, trash.uid))
    assert (await store.moved_to(), await store.find_entries([trash])) == ([trash.key], [1])
    assert await store.find_entries([trash._replace(uid=Uid(71))]) == []


# --- a device


async def test_a_device_that_lived(store: Store) -> None:
    await store.save_aliases(FAX, [(EntrySeq(1), Uidl("former"))])
    await store.commit_admission(replace(admission(FAX, 10.0, 0, 1, 2), duplicates=((EntrySeq(3), EntrySeq(2)),)))
    await fill(store, 1, 2, key=JUNK)
    await store.commit_admission(hiding(FAX, 12.0, 2, "search", 4))
    await store.commit_admission(admission(FAX, 13.0, 2, 5))
    await store.commit_update(quitting(FAX, 20.0, 1, action="trash", state="held", sent=seqs(1, 2)))
    await store.commit_update(replace(vote(FAX, 30.0, "flag", 5), sent=seqs(5), acknowledged=False))
    await store.undo(FAX, 1, 40.0)
    for ended in range(31, 40):
        await store.record_sessions([session(FAX, float(ended))])
    facts = await store.show_device(FAX)
    assert json.loads(json.dumps(facts)) == facts
    assert [row["ended"] for row in facts.pop("sessions")] == [39.0, 38.0, 37.0, 36.0, 35.0]
    assert facts == {
        "name": "fax",
        "first_login": 10.0,
        "last_login": 37.0,
        "announced": 2,
        "sent": 3,
        "acknowledged": 2,
        "duplicates": 1,
        "aliases": 1,
        "held_since": 20.0,
        "next_position": 3,
        "hidden": {"delete": 1, "search": 1},
        "intents": {"cancelled": 1, "held": 1},
        "pending": [
            {
                "uidl": "former",
                "action": "trash",
                "state": "held",
                "due": 20.0 + WINDOW,
                "tries": 0,
                "note": "",
                "made_at": 20.0,
                "session": "out20",
            }
        ],
        "shown": [{"account": "family", "mailbox": "INBOX", "first_shown": 10.0}],
        "hid": [
            {"session": "out30", "at": 30.0, "hidden": 0, "undone": True},
            {"session": "out20", "at": 20.0, "hidden": 1, "undone": False},
        ],
    }


async def test_a_device_that_never_was(store: Store) -> None:
    facts = await store.show_device(DeviceId("nobody"))
    assert facts["first_login"] is None
    assert (facts["announced"], facts["hidden"], facts["intents"], facts["sessions"]) == (0, {}, {}, [])
    assert {*facts} == {*await store.show_device(FAX)}


async def test_who_holds_whom_back(store: Store) -> None:
    await show(store, (FAX, DEN), 1, 2)
    await store.commit_update(vote(FAX, 10.0, "trash", 1))
    await store.commit_update(vote(FAX, 20.0, "trash", 2))
    await store.commit_admission(hiding(DEN, 30.0, 2, "window", 3))
    den, fax = (await store.overview([FAX, DEN]))["devices"]
    assert den["holds_back"] == {"messages": 2, "since": 10.0, "devices": ["fax"]}
    assert fax["held_back"] == {"messages": 2, "since": 10.0, "devices": ["den"]}
    assert (fax["voting"], den["announced"], fax["announced"]) == (2, 2, 0)
    assert (den["hidden_by"], fax["hidden_by"]) == ({"window": 1}, {"delete": 2})
    # What is gone needs nobody's vote any more.
    await vanish(store, 1, 2)
    den, fax = (await store.overview())["devices"]
    assert (den["holds_back"]["messages"], fax["held_back"]["messages"], den["announced"]) == (0, 0, 0)
    facts = await store.show_device(FAX)
    assert (fax["voting"], facts["pending"], facts["intents"]) == (0, [], {"voting": 2})
    assert INBOX in (await store.load_device(DEN)).shown
