"""An owner's commands on a real database, with a popbridge running and without one."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio.testing

from bridge.model.devices import Admission
from bridge.model.failures import WrongRequest
from bridge.model.names import AccountId, EntrySeq
from bridge.model.settings import Settings, Span
from bridge.serve.admin import Administration, NotNow, Running
from bridge.serve.known import find_account, find_device
from bridge.serve.progress import unwatched
from bridge.serve.requests import UnknownCommand
from bridge.serve.requests import carry_out as carry_out_request
from bridge.serve.returns import Returns
from bridge.store import Store
from tests.serve.live import FakeLive
from tests.serve.lived import (
    ARCHIVE,
    DEN,
    FAMILY,
    FAX,
    INBOX,
    LOGIN,
    NOW,
    WINDOW,
    carry_out,
    deleting,
    fill,
    lived,
    place,
    show,
)
from tests.serve.support import device, settings


class Owner:
    """Gives commands, as the command line does: to a running popbridge where there is a `live`."""

    def __init__(self, store: Store, loaded: Settings, live: FakeLive | None = None) -> None:
        running = Running(live, Returns(store, live)) if live else None
        self._admin = Administration(store, loaded, running, lambda: NOW)

    async def __call__(self, command: str, **arguments: object) -> Mapping[str, Any]:
        return await carry_out_request(self._admin, command, arguments, unwatched)


@pytest.fixture
def loaded(tmp_path: Path) -> Settings:
    """Give a configuration with two devices on one inbox."""
    return settings(tmp_path, device("fax", on_delete="trash"), device("den", on_delete="trash"))


async def shown(store: Store, which: Any = FAX) -> list[int]:
    """Give what a device is shown."""
    return [one.seq for one in (await store.load_device(which)).announced]


# --- device undo


async def test_undo_shows_again_and_calls_off(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2))
        live = FakeLive()
        assert await Owner(store, loaded, live)("device_undo", device="fax") == {
            "device": "fax",
            "sessions": 1,
            "cancelled": 2,
            "shown_again": 2,
            "brought_back": 0,
            "to_bring_back": 0,
            "problem": "",
            "lost": [],
        }
        assert await shown(store) == [1, 2, 3, 4, 5]
        assert await store.due_intents(NOW, 10) == []
        assert live.reloaded == [FAX]


async def test_undo_moves_back_what_was_moved(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2))
        await carry_out(store)
        live = FakeLive()
        found = await Owner(store, loaded, live)("device_undo", device="fax")
        assert (found["brought_back"], found["to_bring_back"], found["lost"]) == (2, 0, [])
        assert live.back == [1, 2]
        assert await store.returning() == []


async def test_undo_says_what_cannot_come_back(loaded: Settings) -> None:
    async with lived(loaded) as store:
        rows = await store.load_messages(INBOX)
        await store.commit_update(deleting(FAX, "trash", 1))
        await carry_out(store)
        await store.commit_update(deleting(FAX, "expunge", 2, at=30.0))
        await carry_out(store, moved=False)
        live = FakeLive()
        live.emptied = {1}
        found = await Owner(store, loaded, live)("device_undo", device="fax", sessions=2)
        assert found["lost"] == [
            {"uidl": rows[1].uidl, "action": "expunge", "note": "done: moved to Trash"},
            {"uidl": rows[0].uidl, "action": "move", "note": "the message is not in Trash any more"},
        ]
        assert (found["brought_back"], found["to_bring_back"]) == (0, 0)


async def test_undo_keeps_what_an_upstream_that_is_down_cannot_move_now(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2))
        await carry_out(store)
        live = FakeLive()
        live.down = {FAMILY}
        found = await Owner(store, loaded, live)("device_undo", device="fax")
        assert (found["brought_back"], found["to_bring_back"]) == (0, 2)
        assert found["problem"] == "account family-id cannot be reached"
        assert len(await store.returning()) == 2
        # Once more, and it is there.
        live.down = set()
        again = await Owner(store, loaded, live)("device_undo", device="fax")
        assert (again["brought_back"], again["to_bring_back"], again["shown_again"]) == (2, 0, 0)


async def test_undo_without_a_daemon_leaves_the_moving_to_one(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2))
        await carry_out(store)
        found = await Owner(store, loaded)("device_undo", device="fax")
        assert (found["shown_again"], found["brought_back"], found["to_bring_back"]) == (2, 0, 2)
        live = FakeLive()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Returns(store, live).run)
            while await store.returning():
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert live.back == [1, 2]


async def test_a_device_is_left_alone_while_it_is_in_a_session(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await store.commit_update(deleting(FAX, "trash", 1))
        live = FakeLive()
        live.inside = {FAX}
        for command in ("device_undo", "device_reset", "device_forget"):
            with pytest.raises(NotNow, match="device fax is in a session just now"):
                await Owner(store, loaded, live)(command, device="fax")
        assert await shown(store) == [2, 3, 4, 5]


# --- device reset, forget, confirm


async def test_reset_shows_everything_again(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2))
        live = FakeLive()
        assert await Owner(store, loaded, live)("device_reset", device="fax") == {
            "device": "fax",
            "shown_again": 5,
            "up_to_rules": 0,
            "hidden": 0,
            "cancelled": 2,
        }
        assert (await store.load_device(FAX)).next_position == 0
        assert live.reloaded == [FAX]


@pytest.mark.parametrize("more", [{"search": "UNSEEN"}, {"window": Span("newest", 2)}, {}])
async def test_reset_tells_what_its_rules_may_hide_again(tmp_path: Path, more: dict[str, Any]) -> None:
    loaded = settings(tmp_path, replace(device("fax"), **more))
    async with lived(loaded) as store:
        rule: Any = next(iter(more), "search")
        await store.commit_admission(Admission(FAX, LOGIN, 30.0, 5, hide=((EntrySeq(2), rule), (EntrySeq(3), rule))))
        found = await Owner(store, loaded)("device_reset", device="fax")
        assert (found["shown_again"], found["up_to_rules"]) == ((3, 2) if more else (5, 0))


async def test_reset_since_hides_what_is_older(loaded: Settings) -> None:
    async with lived(loaded) as store:
        # Everything came after the device was first shown its mailbox, and just now.
        found = await Owner(store, loaded)("device_reset", device="fax", since=0)
        assert (found["shown_again"], found["hidden"]) == (5, 0)


async def test_a_device_that_is_not_configured_is_not_reset(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await show(store, DEN, 1)
        only = settings(Path(loaded.server.state_dir), device("fax"))
        with pytest.raises(NotNow, match="den-id is not in the configuration"):
            await Owner(store, only)("device_reset", device="den-id")


async def test_forget_gives_up_the_say_of_a_device(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await show(store, DEN, 1)
        await store.commit_update(deleting(FAX, "trash", 1, state="voting", when_all=True))
        assert await store.due_intents(9e9, 10) == []
        live = FakeLive()
        found = await Owner(store, loaded, live)("device_forget", device="den")
        assert found == {
            "device": "den",
            "configured": True,
            "passed": False,
            "announced": 1,
            "hidden": 0,
            "votes": 0,
            "promised": 0,
            "released": 1,
        }
        (intent,) = await store.due_intents(9e9, 10)
        assert (intent.device, intent.due) == (FAX, NOW + WINDOW)
        assert (live.reloaded, live.releases) == ([DEN], 1)


async def test_a_device_that_left_the_configuration_can_be_forgotten(loaded: Settings) -> None:
    async with lived(loaded) as store:
        only = settings(Path(loaded.server.state_dir), device("den"))
        found = await Owner(store, only)("device_forget", device="fax-id")
        assert (found["device"], found["configured"], found["announced"]) == ("fax-id", False, 5)


async def test_confirm_lets_held_deletions_go_after_the_undo_window(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2, 3, state="held"))
        live = FakeLive()
        found = await Owner(store, loaded, live)("device_confirm", device="fax")
        assert found == {"device": "fax", "confirmed": 3, "voting": 0, "due": NOW + WINDOW}
        assert [intent.due for intent in await store.due_intents(9e9, 10)] == [NOW + WINDOW] * 3
        assert live.releases == 1


# --- device show


async def test_show_tells_what_is_configured_and_what_is_remembered(loaded: Settings) -> None:
    async with lived(loaded) as store:
        await store.commit_update(deleting(FAX, "trash", 1, 2))
        live = FakeLive()
        live.inside = {FAX}
        found = await Owner(store, loaded, live)("device_show", device="fax")
        told = {key: found[key] for key in ("device", "id", "configured", "login", "sources", "in_session")}
        assert told == {
            "device": "fax",
            "id": "fax-id",
            "configured": True,
            "login": "fax",
            "sources": ["family/INBOX"],
            "in_session": True,
        }
        assert (found["announced"], found["hidden"], found["intents"]) == (3, {"delete": 2}, {"waiting": 2})
        assert [one["uidl"] for one in found["pending"]] == [row.uidl for row in await store.load_messages(INBOX)][:2]
        assert found["shown"] == [{"account": "family", "mailbox": "INBOX", "first_shown": 11.0}]


# --- explain


async def why(store: Store, loaded: Settings, uidl: str, live: FakeLive | None = None) -> Any:
    found = await Owner(store, loaded, live)("explain", device="fax", what=uidl)
    (entry,) = found["entries"]
    return entry["why"]


async def test_explain_says_why(loaded: Settings) -> None:
    async with lived(loaded) as store:
        rows = await store.load_messages(INBOX)
        await store.commit_update(deleting(FAX, "trash", 1))
        (late,) = await fill(store, INBOX, 6)
        (elsewhere,) = await fill(store, ARCHIVE, 1)
        found = [await why(store, loaded, row.uidl) for row in (rows[0], rows[1], late, elsewhere)]
        assert found == ["deleted", "shown", "next", "no_source"]


async def test_explain_of_a_source_that_was_never_shown(loaded: Settings) -> None:
    async with lived(loaded) as store:
        (late,) = await fill(store, ARCHIVE, 1)
        await store.save_selector(FAMILY, "Archive", ARCHIVE.mailbox)
        both = settings(Path(loaded.server.state_dir), device("fax", ("family", "INBOX"), ("family", "Archive")))
        assert await why(store, both, late.uidl) == "source_not_shown"


async def test_explain_names_accounts_and_devices_as_the_configuration_does(loaded: Settings) -> None:
    async with lived(loaded) as store:
        rows = await store.load_messages(INBOX)
        await show(store, DEN, 1)
        await store.commit_update(deleting(FAX, "trash", 1))
        (entry,) = (await Owner(store, loaded)("explain", device="fax", what=rows[0].uidl))["entries"]
        assert entry["locations"][0]["account"] == "family"
        assert entry["intents"][0]["device"] == "fax"
        assert entry["others"][0]["device"] == "den"


async def test_explain_of_what_nobody_knows(loaded: Settings) -> None:
    async with lived(loaded) as store:
        found = await Owner(store, loaded)("explain", device="fax", what="0" * 32)
        assert (found["entries"], found["unlisted"], found["problem"]) == ([], [], "")


async def test_explain_looks_a_message_id_up_upstream(loaded: Settings) -> None:
    async with lived(loaded) as store:
        live = FakeLive()
        live.letters = {"<a@b>": [place(2), place(9)]}
        found = await Owner(store, loaded, live)("explain", device="fax", what=" <a@b> ")
        assert [entry["locations"][0]["uid"] for entry in found["entries"]] == [2]
        assert found["unlisted"] == [{"account": "family", "mailbox": "INBOX", "uidvalidity": 1, "uid": 9}]


async def test_explain_tells_of_no_more_messages_than_somebody_reads(loaded: Settings) -> None:
    async with lived(loaded) as store:
        live = FakeLive()
        live.letters = {"@b": [place(uid) for uid in range(1, 30)]}
        found = await Owner(store, loaded, live)("explain", device="fax", what="@b")
        assert (len(found["entries"]), len(found["unlisted"])) == (5, 15)
        assert found["problem"].startswith("29 messages have this in their Message-ID, and 20 are told")


async def test_explain_says_what_could_not_be_searched(loaded: Settings) -> None:
    async with lived(loaded) as store:
        live = FakeLive()
        live.down = {FAMILY}
        found = await Owner(store, loaded, live)("explain", device="fax", what="<a@b>")
        assert (found["entries"], found["problem"]) == ([], "account family-id cannot be reached")
        without = await Owner(store, loaded)("explain", device="fax", what="<a@b>")
        assert without["problem"] == "not running"


# --- accounts


async def test_an_account_in_the_configuration_is_not_forgotten(loaded: Settings) -> None:
    async with lived(loaded) as store:
        with pytest.raises(NotNow, match="account family is in the configuration"):
            await Owner(store, loaded)("account_forget", account="family")
        assert len(await store.load_messages(INBOX)) == 5


async def test_an_account_that_left_the_configuration_is_forgotten(loaded: Settings) -> None:
    async with lived(loaded) as store:
        without = settings(Path(loaded.server.state_dir), accounts=())
        found = await Owner(store, without)("account_forget", account="family-id")
        assert found == {"account": "family-id", "mailboxes": 1, "messages": 5, "intents": 0}
        assert await store.load_messages(INBOX) == []


# --- what makes no sense


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("device_show", {"device": "faxx"}, "there is no device \"faxx\" (did you mean 'fax'?)"),
        ("device_show", {"device": "x\x1b"}, 'there is no device "x\\u001b": there are den, fax'),
        ("account_accept", {"account": "famly"}, "there is no account \"famly\" (did you mean 'family'?)"),
        ("device_show", {}, "device must be a text, in UTF-8 and without NUL"),
        ("device_show", {"device": 7}, "device must be a text, in UTF-8 and without NUL"),
        ("explain", {"device": "fax", "what": "\udcff"}, "what must be a text, in UTF-8 and without NUL"),
        ("explain", {"device": "fax", "what": " "}, "what must have from 1 to 4096 characters"),
        ("device_undo", {"device": "fax", "sessions": 0}, "sessions must be a number from 1 to 10000"),
        ("device_undo", {"device": "fax", "sessions": True}, "sessions must be a number from 1 to 10000"),
        ("device_reset", {"device": "fax", "since": -1}, "since must be an age in seconds"),
        ("device_reset", {"device": "fax", "since": "30d"}, "since must be an age in seconds"),
        ("device_forget", {"device": "fax", "dry_run": True}, "this popbridge does not know the argument dry_run"),
        ("resume", {"now": True}, "this popbridge does not know the argument now"),
    ],
)
async def test_what_makes_no_sense_is_told_and_not_done(
    loaded: Settings, command: str, arguments: dict[str, object], sentence: str
) -> None:
    async with lived(loaded) as store:
        with pytest.raises(WrongRequest) as told:
            await Owner(store, loaded)(command, **arguments)
        assert str(told.value) == sentence


async def test_a_command_of_another_version_is_told_as_that(loaded: Settings) -> None:
    async with lived(loaded) as store:
        with pytest.raises(UnknownCommand, match="does not know the command device_dance"):
            await Owner(store, loaded)("device_dance")


def test_an_id_is_as_good_as_a_name(loaded: Settings) -> None:
    assert find_device("fax-id", loaded, []).name == "fax"
    assert find_account("family-id", loaded, []).name == "family"
    assert find_account("old", loaded, [AccountId("old")]).settings is None
