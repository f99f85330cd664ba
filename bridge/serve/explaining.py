"""What became of one message for one device: found by unique-id or Message-ID, and why it is shown or is not."""

import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial
from typing import Any, Literal

from bridge.model.failures import UpstreamError
from bridge.model.names import AccountId, EntrySeq, MailboxName
from bridge.model.places import Location, MailboxKey
from bridge.model.settings import Settings
from bridge.serve.known import KnownDevice
from bridge.serve.progress import Progress, watched
from bridge.store import Store

Facts = dict[str, Any]
Find = Callable[[MailboxKey, str], Awaitable[list[Location]]]
"""Looks in a mailbox upstream for messages with a Message-ID. Raises an `UpstreamError`."""

Entry = Mapping[str, Any]
"""What the store tells of an entry, as `Store.explain_entries` does."""

Why = Literal[
    "shown",
    "deleted",
    "retrieved",
    "start",
    "window",
    "search",
    "copy",
    "gone",
    "no_source",
    "source_not_shown",
    "next",
]
"""Why a device is shown a message (`shown`), or is not: it deleted it, it was hidden once fetched, a rule of its
configuration keeps it away, it is a copy of what is shown, it is gone upstream, it lies in none of its sources, or in
one that it was never shown. `next`: it was not decided yet, its next login will.
"""

MOST = 20
"""Messages that are told of at once: more were meant by nobody who gave a Message-ID."""

_OWN = re.compile(r"[0-9a-f]{32}")
"""A unique-id of ours."""


class Explaining:
    """Answers one `explain`. `find` None: nothing can be looked up upstream."""

    def __init__(self, store: Store, settings: Settings, find: Find | None, progress: Progress) -> None:
        self._store = store
        self._settings = settings
        self._find = find
        self._progress = progress

    async def explain(self, device: KnownDevice, asked: str) -> Facts:
        """Give what is known of the messages that a text names for a device.

        `entries` are what the store tells of them, each with `why`; `unlisted` are places upstream where a message with
        this Message-ID lies that popbridge does not list (yet); `problem` says why a search was not made or not whole.
        """
        seqs = await self._store.find_uidl(device.id, asked)
        unlisted: list[Location] = []
        problem = ""
        if not seqs and not _OWN.fullmatch(asked):
            seqs, unlisted, problem = await self._by_message_id(device, asked.strip())
            # What was expunged for a device is nowhere upstream any more.
            seqs = list(dict.fromkeys([*seqs, *await self._store.find_message_id(asked)]))
        sources = await self._sources(device)
        remembered = await self._store.show_device(device.id)
        shown = {MailboxKey(one["account"], one["mailbox"]) for one in remembered["shown"]}
        entries = await self._store.explain_entries(device.id, seqs)
        return {
            "asked": asked,
            "entries": [self._told({**entry, "why": why(entry, sources, shown)}) for entry in entries],
            "unlisted": [self._place(one) for one in unlisted],
            "problem": problem,
        }

    async def _by_message_id(self, device: KnownDevice, text: str) -> tuple[list[EntrySeq], list[Location], str]:
        """Search the device's accounts: whatever mailbox of them is listed, and where messages were moved to."""
        if self._find is None:
            return [], [], "not running"
        accounts = {source.account for source in device.settings.sources} if device.settings else set()
        listed = [one.key for one in await self._store.load_mailboxes()]
        everywhere = dict.fromkeys([*listed, *await self._store.moved_to()])
        keys = [key for key in everywhere if key.account in accounts]
        found: list[Location] = []
        problems: list[str] = []
        for key in keys:
            try:
                search = partial(self._find, key, text)
                found += await watched(search, self._progress, f"searching {key}")
            except UpstreamError as failure:
                problems.append(str(failure))
        if len(found) > MOST:
            problems.append(f"{len(found)} messages have this in their Message-ID, and {MOST} are told: give all of it")
        seqs, unlisted = await self._listed(found[:MOST])
        return seqs, unlisted, "; ".join(dict.fromkeys(problems))

    async def _listed(self, places: Iterable[Location]) -> tuple[list[EntrySeq], list[Location]]:
        """Give the entries that lie at these places, and the places where none does."""
        seqs: dict[EntrySeq, None] = {}
        unlisted: list[Location] = []
        for place in places:
            there = await self._store.find_entries([place])
            seqs.update(dict.fromkeys(there))
            unlisted += [] if there else [place]
        return list(seqs), unlisted

    async def _sources(self, device: KnownDevice) -> set[MailboxKey]:
        if device.settings is None:
            return set()
        selectors = await self._store.load_selectors()
        named = [(source.account, source.mailbox) for source in device.settings.sources]
        return {MailboxKey(one[0], selectors[one]) for one in named if one in selectors}

    def _told(self, entry: Facts) -> Facts:
        """Name accounts and devices as the configuration does."""
        return {
            **entry,
            "locations": [{**one, "account": self._account(one["account"])} for one in entry["locations"]],
            "intents": [{**one, "device": self._device(one["device"])} for one in entry["intents"]],
            "others": [{**one, "device": self._device(one["device"])} for one in entry["others"]],
        }

    def _place(self, place: Location) -> Facts:
        key, uidvalidity, uid = place
        return {"account": self._account(key.account), "mailbox": key.mailbox, "uidvalidity": uidvalidity, "uid": uid}

    def _account(self, account: str) -> str:
        known = self._settings.accounts.get(AccountId(account))
        return known.name if known else account

    def _device(self, device: str) -> str:
        return next((one.name for one in self._settings.devices.values() if one.id == device), device)


def why(entry: Entry, sources: Iterable[MailboxKey], shown: Iterable[MailboxKey]) -> Why:
    """Give the reason that comes first: what the device did, then what it is not to see, then where the message is."""
    if entry["hide"] is not None:
        return _hidden(entry["hide"]["rule"])
    if entry["duplicate_of"] is not None:
        return "copy"
    places = {
        MailboxKey(AccountId(one["account"]), MailboxName(one["mailbox"]))
        for one in entry["locations"]
        if one["gone_at"] is None
    }
    if not places:
        return "gone"
    if not places & set(sources):
        return "no_source"
    if entry["position"] is not None:
        return "shown"
    return "next" if places & set(sources) & set(shown) else "source_not_shown"


def _hidden(rule: str) -> Why:
    match rule:
        case "delete":
            return "deleted"
        case "retrieve":
            return "retrieved"
        case "start" | "window" | "search":
            return rule
        case _:
            raise AssertionError(f"a message is hidden by a rule that there is not: {rule}")
