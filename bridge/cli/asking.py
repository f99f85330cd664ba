"""What a bridge is doing: asked of it while it runs, else read from its database."""

from collections.abc import Mapping
from typing import Any

import trio

from bridge.model.logins import recoverable
from bridge.model.names import DeviceId
from bridge.model.passthrough import passed_logins, with_passed
from bridge.model.settings import AccountSettings, DeviceSettings, Settings

VERSION = 1
"""Of the JSON that commands print: keys are only ever added."""


def overview(settings: Settings) -> dict[str, Any]:
    """Give the state of everything, as `status --json` prints it.

    Without a running bridge the database answers, with `running: false`, and what only a running one knows is
    null, zero or empty. Raises `StoreError` where there is no database either.
    """
    return running(settings) or offline(settings)


def running(settings: Settings) -> dict[str, Any] | None:
    """Give the same from the running bridge, or None where none runs. Waits for its answer, at most 65 s.

    Raises `ControlFailed` when a bridge is there and does not answer.
    """
    from bridge.control import ControlAbsent, ask

    try:
        found = trio.run(ask, settings.server.control, "status")
    except ControlAbsent:
        return None
    return {"version": VERSION, "running": True, **found}


def offline(settings: Settings) -> dict[str, Any]:
    """Give the same from the database. Raises `StoreError`."""
    from bridge.serve.waiting import only_remembered, passed_facts
    from bridge.store import read_offline

    stored = read_offline(settings.server.state_dir, settings.devices)
    if passed := passed_logins(settings, [DeviceId(one["name"]) for one in stored["devices"]]):
        settings = with_passed(settings, passed)
        stored = read_offline(settings.server.state_dir, settings.devices)
    return {
        "version": VERSION,
        "running": False,
        "since": None,
        "unmeasured": stored["unmeasured"],
        "sessions": 0,
        "listeners": [],
        "accounts": [_account(account, settings, stored) for account in settings.accounts.values()],
        "devices": [_device(device, settings, stored) for device in settings.devices.values()],
        "counters": {},
        "restored": stored["restored"],
        "spool_problem": "",
        "remembered": only_remembered(settings, stored),
        "passthrough": [passed_facts(each, passed) for each in settings.passthrough.values()],
    }


def _account(account: AccountSettings, settings: Settings, stored: Mapping[str, Any]) -> dict[str, Any]:
    """The store knows accounts by their lasting name, people by the name of their table."""
    from bridge.serve.standing import stored_standing
    from bridge.serve.waiting import account_waiting

    known: Mapping[str, Any] = next((one for one in stored["accounts"] if one["name"] == account.id), {})
    return {
        "name": account.name,
        "state": None,
        "note": (known.get("refused") or {"sentence": ""})["sentence"],
        "token": None,
        **stored_standing(account, known),
        "mailboxes": known.get("mailboxes", []),
        **account_waiting(account, settings, known, None),
    }


def _device(device: DeviceSettings, settings: Settings, stored: Mapping[str, Any]) -> dict[str, Any]:
    from bridge.serve.waiting import device_waiting

    known: Mapping[str, Any] = next((one for one in stored["devices"] if one["name"] == device.id), {})
    return {
        "name": device.name,
        "login": device.login,
        "auth": list(device.auth),
        "recoverable": recoverable(device),
        "sources": [f"{settings.accounts[source.account].name}/{source.mailbox}" for source in device.sources],
        "messages": None,
        "octets": None,
        "hidden": known.get("hidden", 0),
        "pending_intents": known.get("pending_intents", 0),
        "last_session": known.get("last_session"),
        "in_session": False,
        **device_waiting(device, settings, known, stored["accounts"]),
    }
