"""How long messages stay for a device: what EXPIRE tells it (RFC 2449 §6.7)."""

from collections.abc import Iterable
from typing import assert_never

from bridge.model.settings import DeviceSettings

DAY = 86400

NEVER = "NEVER"
"""Nothing is taken from the device but what it deletes itself, or what goes upstream."""


def expire(device: DeviceSettings) -> str | None:
    """Give EXPIRE's argument for a device that has logged in: NEVER, or how many days it may count on.

    0 tells that it may leave nothing here: it is not shown again what it fetched. None where it may, and yet there is
    not a whole day to count on: behind the newest so many, or in a window of hours. Any number would be wrong then.
    """
    if device.on_retrieve in ("hide", "hide-unacknowledged"):
        return "0"
    match device.window.kind:
        case "all" | "now":
            return NEVER
        case "age":
            return str(device.window.amount // DAY) if device.window.amount >= DAY else None
        case "newest":
            return None
        case _:
            assert_never(device.window.kind)


def expire_for_strangers(devices: Iterable[DeviceSettings]) -> str | None:
    """Give EXPIRE's argument before the login: the smallest of any device's, with USER where another hears another.

    None, as for one of them: where nothing smaller is told, a device without a number must not be told one.
    """
    told = {expire(device) for device in devices} or {NEVER}
    if len(told) == 1:
        return told.pop()
    if "0" in told:
        return "0 USER"
    if None in told:
        return None
    return f"{min(int(days) for days in told if days and days != NEVER)} USER"
