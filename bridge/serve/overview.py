"""What `popbridge status` shows of a running bridge."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from bridge.index import DeviceMaildrops, IndexedAccount, IndexedMailbox
from bridge.model.failures import NotListedYet
from bridge.model.logins import recoverable
from bridge.model.names import DeviceId
from bridge.model.passthrough import is_passed
from bridge.model.settings import AccountSettings, DeviceSettings, Settings
from bridge.net import Listener
from bridge.serve.accounts import RunningAccounts
from bridge.serve.expiry import Expiry
from bridge.serve.passing import PassedThrough
from bridge.serve.standing import standing
from bridge.serve.waiting import account_waiting, device_waiting, only_remembered
from bridge.session import Gate, Leases
from bridge.store import Store
from bridge.telemetry import counters

ASLEEP = "asleep"
"""How an account is that passthrough made and that does not run."""

_ASLEEP = {"state": ASLEEP, "since": None, "connections": 0, "note": "", "next_try": None, "rematched": None}


class Overview:
    """Puts together what the rooms know. `tls` is what each device's line was protected by when it last logged in."""

    def __init__(
        self,
        store: Store,
        accounts: RunningAccounts,
        maildrops: DeviceMaildrops,
        leases: Leases,
        gate: Gate,
        expiry: Expiry,
        passed: PassedThrough,
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._maildrops = maildrops
        self._leases = leases
        self._gate = gate
        self._expiry = expiry
        self._passed = passed
        self.tls: dict[DeviceId, str] = {}

    async def show(self, settings: Settings, listeners: Sequence[Listener], since: float) -> dict[str, Any]:
        """Give it as `status --json` has it, without `version` and `running`. Waits for the database."""
        stored = await self._store.overview(settings.devices)
        by_account = {account["name"]: account for account in stored["accounts"]}
        by_device = {device["name"]: device for device in stored["devices"]}
        accounts = [
            self._account(one, settings, by_account.get(one.id, {}))
            for one in settings.accounts.values()
            # While a reload is under way, one that it takes away is gone already, and one that it brings is none yet.
            if one.id in self._accounts.indexed or is_passed(one.id)
        ]
        devices = [
            {
                **await self._device(one, settings, by_device.get(one.id, {})),
                **device_waiting(one, settings, by_device.get(one.id, {}), stored["accounts"]),
            }
            for one in settings.devices.values()
        ]
        awake = [account for account in accounts if account["state"] != ASLEEP]
        return {
            "since": since,
            "unmeasured": sum(mailbox["unmeasured"] for account in awake for mailbox in account["mailboxes"]),
            "sessions": self._gate.inside,
            "listeners": [self._listener(one) for one in listeners],
            "accounts": accounts,
            "devices": devices,
            "counters": counters(),
            "restored": stored["restored"],
            "spool_problem": self._store.spool.problem,
            "remembered": only_remembered(settings, stored),
            "passthrough": self._passed.facts(),
        }

    def _listener(self, listener: Listener) -> dict[str, Any]:
        return {
            "address": listener.address,
            "tls": listener.settings.tls,
            "tls_profile": listener.settings.tls_profile,
            "auth": list(listener.settings.auth),
            "proxies": list(listener.settings.proxy_protocol),
            "certificates": self._expiry.facts(listener),
        }

    def _account(self, account: AccountSettings, settings: Settings, stored: Mapping[str, Any]) -> dict[str, Any]:
        index = self._accounts.indexed.get(account.id)
        if index is None:
            told = {**_ASLEEP, "name": account.name, "mailboxes": stored.get("mailboxes", [])}
        else:
            told = self._running(account)
        passed = self._passed.about(account.id) if is_passed(account.id) else {}
        return {**told, **passed, **account_waiting(account, settings, stored, index.quota if index else None)}

    def _running(self, account: AccountSettings) -> dict[str, Any]:
        health = self._accounts.upstream(account.id).health
        index = self._accounts.indexed[account.id]
        keeper = self._accounts.keeper(account.id)
        token = keeper.state if keeper is not None else None
        needed = token is not None and token.sign_in_needed
        notes = dict.fromkeys(filter(None, (token.problem if token else "", health.note, index.problem)))
        return {
            "name": account.name,
            # Connections that are there live on for a while when their sign-in is over.
            "state": "needs sign-in" if needed else health.state,
            "since": health.since,
            "connections": health.connections,
            "note": "; ".join(notes),
            "token": asdict(token) if token else None,
            "next_try": index.next_try or None,
            **standing(self._accounts.upstream(account.id)),
            "rematched": index.memory.rematched._asdict() if index.memory.rematched else None,
            "mailboxes": _mailboxes(index),
        }

    async def _device(self, device: DeviceSettings, settings: Settings, stored: Mapping[str, Any]) -> dict[str, Any]:
        maildrop, new = None, 0
        with suppress(NotListedYet):
            maildrop, new = await self._maildrops.preview(device)
        return {
            "name": device.name,
            "login": device.login,
            "auth": list(device.auth),
            "recoverable": recoverable(device),
            "tls": self.tls.get(device.id),
            "sources": [f"{settings.accounts[source.account].name}/{source.mailbox}" for source in device.sources],
            "messages": None if maildrop is None else len(maildrop),
            "octets": None if maildrop is None else maildrop.total,
            "new": new,
            "not_shown_yet": self._maildrops.waiting(device),
            "hidden": self._maildrops.hidden(device.id),
            "pending_intents": stored.get("pending_intents", 0),
            "last_session": stored.get("last_session"),
            "in_session": self._leases.held(device.id),
        }


def _mailboxes(index: IndexedAccount) -> list[dict[str, Any]]:
    return [_mailbox(selector, index.mailbox_for(selector), index.watched(selector)) for selector in index.selectors]


def _mailbox(selector: str, mailbox: IndexedMailbox | None, watched: str) -> dict[str, Any]:
    return {
        "name": mailbox.key.mailbox if mailbox else selector,
        "listed": mailbox is not None and mailbox.snapshot is not None,
        "messages": mailbox.messages if mailbox else 0,
        "unmeasured": mailbox.unmeasured if mailbox else 0,
        "unidentified": mailbox.unidentified if mailbox else 0,
        "progress": mailbox.progress if mailbox else "",
        "watched": watched,
    }
