"""What waits for the owner, as `status --json` has it: the same from the daemon and from the database alone."""

from collections.abc import Mapping, Sequence
from typing import Any

from bridge.model.names import AccountId
from bridge.model.passthrough import PassedLogin
from bridge.model.settings import AccountSettings, DeviceSettings, PassthroughSettings, Settings

Facts = dict[str, Any]
Stored = Mapping[str, Any]
"""A row of what `Store.overview` gives, or an empty one for what it does not know yet."""

BELIEVED_AFTER = 3600.0
"""Seconds after which messages that went all at once are believed to be gone."""

HELD_SECONDS = 30 * 86400.0
"""Seconds after which deletions that were held and never confirmed only hide."""


KEEPING = frozenset({"hide", "seen", "flag"})
"""What `on_delete` may be without anything ever leaving the account by it."""


def account_waiting(
    account: AccountSettings, settings: Settings, stored: Stored, quota: tuple[int, int] | None
) -> Facts:
    """Give an account's `suspicions`, its `quota` in octets where its server told it, as `only_hiding` the names of its
    devices when none of them ever removes anything there, and how many messages and octets are `spooled`, None where it
    spools nothing.
    """
    readers = [one for one in settings.devices.values() if any(s.account == account.id for s in one.sources)]
    hiding = all(one.on_delete in KEEPING for one in readers)
    return {
        "suspicions": [_suspicion(one) for one in stored.get("suspicions", ())],
        "quota": None if quota is None else {"used": quota[0], "limit": quota[1]},
        "only_hiding": [one.name for one in readers] if hiding else [],
        "spooled": stored.get("spooled", {"messages": 0, "octets": 0}) if account.spool == "ahead" else None,
    }


def _suspicion(stored: Stored) -> Facts:
    accepted = bool(stored["accepted"])
    told = {key: stored[key] for key in ("mailbox", "since", "missing", "known")}
    return {**told, "accepted": accepted, "believed_at": None if accepted else stored["since"] + BELIEVED_AFTER}


def device_waiting(device: DeviceSettings, settings: Settings, stored: Stored, accounts: Sequence[Stored]) -> Facts:
    """Give what a device was shown and has hidden, what it waits for or holds back, and the sources that it was never
    shown.
    """
    since = stored.get("held_since")
    return {
        "announced": stored.get("announced", 0),
        "hidden_by": stored.get("hidden_by", {}),
        "held": stored.get("held", 0),
        "held_since": since,
        "held_until": None if since is None else since + HELD_SECONDS,
        "voting": stored.get("voting", 0),
        "returning": stored.get("returning", 0),
        "holds_back": _votes(stored.get("holds_back"), settings),
        "held_back": _votes(stored.get("held_back"), settings),
        "never_shown": _never_shown(device, settings, stored, accounts),
    }


def _votes(stored: Stored | None, settings: Settings) -> Facts:
    """Give on how many messages whose deletion waits, since when, and for or by which other devices."""
    if not stored:
        return {"messages": 0, "since": None, "devices": []}
    names = {one.id: one.name for one in settings.devices.values()}
    return {**stored, "devices": [names.get(one, one) for one in stored["devices"]]}


def _never_shown(device: DeviceSettings, settings: Settings, stored: Stored, accounts: Sequence[Stored]) -> list[Facts]:
    """Give the sources that the device was never shown, and whether each is listed."""
    selectors = {account["name"]: account.get("selectors", {}) for account in accounts}
    listed = {(account["name"], one["name"]) for account in accounts for one in account["mailboxes"] if one["listed"]}
    shown = {(one["account"], one["mailbox"]) for one in stored.get("shown", ())}
    named = {
        source: (source.account, selectors.get(source.account, {}).get(source.mailbox)) for source in device.sources
    }
    return [
        {"source": f"{settings.accounts[source.account].name}/{source.mailbox}", "listed": mailbox in listed}
        for source, mailbox in named.items()
        if mailbox not in shown
    ]


def passed_facts(passthrough: PassthroughSettings, logins: Sequence[PassedLogin]) -> Facts:
    """Give how many accounts and devices passthrough made for a domain, and how many accounts may run."""
    mine = [login for login in logins if login.domain == passthrough.domain]
    return {
        "domain": passthrough.domain,
        "accounts": len({login.account for login in mine}),
        "devices": len(mine),
        "remember": passthrough.remember,
        "max_accounts": passthrough.max_accounts,
    }


def only_remembered(settings: Settings, stored: Stored) -> Facts:
    """Give the accounts and devices that are in the database and not in the configuration, where it matters: those
    with messages, and those with something to be done or held back.
    """
    accounts = [
        {"name": account["name"], "messages": messages}
        for account in stored["accounts"]
        if AccountId(account["name"]) not in settings.accounts
        and (messages := sum(mailbox["messages"] for mailbox in account["mailboxes"]))
    ]
    keys = ("pending_intents", "held", "voting")
    devices = [
        {"name": device["name"], **{key: device[key] for key in keys}}
        for device in stored["devices"]
        if device["name"] not in settings.devices and any(device[key] for key in keys)
    ]
    return {"accounts": accounts, "devices": devices}
