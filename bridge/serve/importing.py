"""Taking unique-ids over from a device's former server: what they are paired with, and writing down the pairs.

The former server is read by the command, not here: popbridge knows neither its password nor that it is there.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bridge.model.admin import CataloguedPlace
from bridge.model.failures import WrongRequest
from bridge.model.names import EntrySeq, Uidl
from bridge.model.places import MailboxKey
from bridge.model.settings import DeviceSettings, Settings
from bridge.serve.known import KnownDevice
from bridge.store import Store

Facts = dict[str, Any]

PAGE = 20_000
"""Messages told at once: 3 MB of JSON, so that other work waits for it a few hundredths of a second."""


class _SourceMailbox(NamedTuple):
    name: str
    key: MailboxKey | None
    listed: bool


class Importing:
    """Answers the command, on an open store."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings

    async def catalogue(self, device: KnownDevice, source: int, after: int) -> Facts:
        """Give the device's sources, and of the one at a place among them, from 0, the messages behind an entry.

        Each is a list: entry, its own unique-id, UIDVALIDITY, UID, the provider's and the content's identity,
        INTERNALDATE, the unique-id that an earlier import gave it, and whether the device has fetched it. Copies of
        other messages are left out. `after` is the entry to go on behind, None at the end. Raises `WrongRequest`.
        """
        sources = await self._sources(_configured(device))
        chosen = sources[source].key if source < len(sources) else None
        stored = await self._store.load_device(device.id)
        fetched = frozenset(await self._store.fetched(device.id))
        places = await self._store.catalogue([chosen]) if chosen else []
        behind = [each for each in places if each.seq > after and each.seq not in stored.duplicates]
        page = sorted(behind, key=lambda each: each.seq)[:PAGE]
        return {
            "device": device.name,
            "sources": [{"source": one.name, "listed": one.listed} for one in sources],
            "messages": [_told(each, stored.aliases.get(each.seq, ""), each.seq in fetched) for each in page],
            "after": page[-1].seq if len(page) < len(behind) else None,
        }

    async def save(self, device: KnownDevice, pairs: Sequence[tuple[EntrySeq, Uidl]]) -> Facts:
        """Have the device know entries by unique-ids of its former server. The device must be kept out meanwhile.

        Left as they are: entries that were fetched in the meantime or have such an id already; unique-ids that are
        `taken` by other messages. Raises `StoreUnavailable`.
        """
        stored = await self._store.load_device(_configured(device).id)
        kept = {*stored.aliases, *await self._store.fetched(device.id)}
        fitting = [(seq, uidl) for seq, uidl in pairs if seq not in kept]
        taken = frozenset(await self._store.taken(device.id, fitting))
        saved = [(seq, uidl) for seq, uidl in fitting if uidl not in taken]
        await self._store.save_aliases(device.id, saved)
        return {
            "device": device.name,
            "saved": len(saved),
            "kept": len(pairs) - len(fitting),
            "taken": sorted(taken),
        }

    async def _sources(self, device: DeviceSettings) -> list[_SourceMailbox]:
        """Give the mailboxes in the device's order, each once although two sources may name it."""
        selectors = await self._store.load_selectors()
        listed = {one.key for one in await self._store.load_mailboxes() if one.state is not None}
        found: dict[MailboxKey | str, _SourceMailbox] = {}
        for source in device.sources:
            name = f"{self._settings.accounts[source.account].name}/{source.mailbox}"
            mailbox = selectors.get((source.account, source.mailbox))
            key = MailboxKey(source.account, mailbox) if mailbox else None
            found.setdefault(key or name, _SourceMailbox(name, key, key in listed))
        return list(found.values())


def _configured(device: KnownDevice) -> DeviceSettings:
    if device.settings is None:
        raise WrongRequest(f"device {device.name} is not in the configuration, so it has no sources")
    return device.settings


def _told(place: CataloguedPlace, alias: str, fetched: bool) -> list[int | str | bool]:
    where = (place.uidvalidity, place.uid, place.provider, place.content, place.date)
    return [place.seq, place.uidl, *where, alias, fetched]
