"""An owner's commands on a bridge that runs, with a device on the other side."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from bridge.control import ControlFailed
from bridge.model.failures import WrongRequest
from bridge.model.names import DeviceId
from bridge.model.settings import DeviceSettings
from bridge.store.opening import DATABASE
from tests.serve.house import House, house, inbox
from tests.support.device import Device, Refused


def count(device: Device) -> int:
    """Give how many messages there are."""
    return int(device.command("STAT").split()[0])


def delete_first(device: Device) -> str:
    """Delete the first message, and give its unique-id."""
    uidl = device.command("UIDL 1").split()[1]
    device.command("DELE 1")
    return uidl


async def test_what_a_device_deleted_is_shown_to_it_again(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        await at.session("fax", delete_first)
        assert await at.session("fax", count) == 2
        assert (await at.ask("device_undo", device="fax"))["shown_again"] == 1
        assert await at.session("fax", count) == 3


async def test_a_device_that_is_inside_is_not_reset_under_its_feet(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        with await trio.to_thread.run_sync(at.connected, "fax") as inside:
            with pytest.raises(ControlFailed, match="device fax is in a session just now"):
                await at.ask("device_reset", device="fax")
            assert (await at.ask("device_show", device="fax"))["in_session"]
            await trio.to_thread.run_sync(inside.command, "QUIT")
        assert (await at.ask("device_reset", device="fax"))["device"] == "fax"


async def test_a_session_outlives_its_account(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        with await trio.to_thread.run_sync(at.connected, "fax") as inside:
            at.settings = replace(at.settings, accounts={}, devices={})
            await at.bridge.reload()
            for num in (1, 2, 3):
                with pytest.raises(Refused, match=r"\[SYS/TEMP\]"):
                    await trio.to_thread.run_sync(inside.retr, num)
            assert len(await trio.to_thread.run_sync(inside.unique_ids)) == 3
            await trio.to_thread.run_sync(inside.command, "DELE 1")
            await trio.to_thread.run_sync(inside.command, "QUIT")
        assert (await at.ask("device_undo", device="fax"))["shown_again"] == 1


async def test_an_empty_mailbox_is_a_listed_one(tmp_path: Path) -> None:
    async with house(tmp_path, inbox(0)) as at:
        [account] = (await at.ask("status"))["accounts"]
        [mailbox] = account["mailboxes"]
        assert (mailbox["listed"], mailbox["messages"]) == (True, 0)
        assert await at.session("fax", count) == 0


TRASHED = """
INSERT INTO intents(device, entry, mailbox, uidvalidity, uid, action, size, due, state, session, made_at, target,
  target_uidvalidity, target_uid)
SELECT h.device, h.entry, l.mailbox, l.uidvalidity, l.uid, 'trash', l.size, 0, 'done', h.session, h.hidden_at, 'Trash',
  :uidvalidity, :uid FROM hides h JOIN locations l ON l.entry = h.entry"""


async def test_what_was_moved_to_the_trash_is_moved_back(tmp_path: Path) -> None:
    upstream = inbox()
    async with house(tmp_path, upstream) as at:
        await at.session("fax", delete_first)
    # As if that had been `on_delete = "trash"`, and was done.
    (uid,) = upstream.move("anna", "INBOX", "Trash", 1)
    place = {"uidvalidity": upstream.mailbox("anna", "Trash").uidvalidity, "uid": uid}
    with closing(sqlite3.connect(tmp_path / "state" / DATABASE)) as db, db:
        db.execute(TRASHED, place)
    async with house(tmp_path, upstream) as at:
        found = await at.ask("device_undo", device="fax")
        assert (found["brought_back"], found["to_bring_back"], found["lost"]) == (1, 0, [])
        assert len(upstream.mailbox("anna")) == 3
        assert (await at.ask("device_undo", device="fax"))["brought_back"] == 0


async def test_what_left_the_trash_is_not_said_to_be_back(tmp_path: Path) -> None:
    upstream = inbox()
    async with house(tmp_path, upstream) as at:
        uidl = await at.session("fax", delete_first)
    upstream.expunge("anna", "INBOX", 1)
    with closing(sqlite3.connect(tmp_path / "state" / DATABASE)) as db, db:
        db.execute(TRASHED, {"uidvalidity": upstream.mailbox("anna", "Trash").uidvalidity, "uid": 77})
    async with house(tmp_path, upstream) as at:
        found = await at.ask("device_undo", device="fax")
        assert (found["brought_back"], [one["uidl"] for one in found["lost"]]) == (0, [uidl])


async def explained(at: House, what: str) -> list[str]:
    """Give why the fax is shown each message that is found."""
    return [entry["why"] for entry in (await at.ask("explain", device="fax", what=what))["entries"]]


async def test_a_message_is_explained_by_either_of_its_names(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        uidl = await at.session("fax", delete_first)
        assert await explained(at, uidl) == await explained(at, "<1@example.org>") == ["deleted"]
        assert await explained(at, "<9@example.org>") == []


async def test_a_name_that_there_is_not_is_told_with_one_that_there_is(tmp_path: Path) -> None:
    async with house(tmp_path) as at:
        with pytest.raises(WrongRequest, match=r"there is no device \"faxx\" \(did you mean 'fax'\?\)"):
            await at.ask("device_show", device="faxx")


async def test_an_owner_who_looks_in_the_middle_of_a_reload_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with house(tmp_path) as at:
        maildrops, accounts = at.bridge._maildrops, at.bridge._accounts
        reached, go_on, load = trio.Event(), trio.Event(), maildrops.load

        async def slowly(devices: Mapping[DeviceId, DeviceSettings]) -> None:
            reached.set()
            await go_on.wait()
            await load(devices)

        monkeypatch.setattr(maildrops, "load", slowly)
        at.settings = replace(at.settings, accounts={}, devices={})
        async with trio.open_nursery() as nursery:
            nursery.start_soon(at.bridge.reload)
            with trio.fail_after(10):
                await reached.wait()
            assert not accounts.indexed
            found = await at.ask("status")
            assert found["accounts"] == []
            assert {one["name"]: one["messages"] for one in found["devices"]} == {"fax": None, "den": None}
            go_on.set()
        assert (await at.ask("status"))["devices"] == []
