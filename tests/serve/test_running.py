"""An owner's commands on a bridge that runs, with a device on the other side."""

from pathlib import Path

import pytest
import trio

from bridge.control import ControlFailed
from bridge.model.failures import WrongRequest
from tests.serve.house import House, house
from tests.support.device import Device


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
