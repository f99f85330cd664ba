"""A look at one mailbox: what is new, what is missing, and which UIDs name another message than they did."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import trio

from bridge.identity import content_identity
from bridge.index.first_listing import settled
from bridge.index.mailbox import Found, IndexedMailbox
from bridge.index.ports import StorePort, Watcher
from bridge.maildrop import MailboxSnapshot
from bridge.model.failures import UpstreamRefused
from bridge.model.names import Uid
from bridge.model.places import (
    NO_IDENTITY,
    ListedMessage,
    Location,
    MailboxState,
    OldPlace,
    Resynced,
    StoredMessage,
)
from bridge.telemetry import get_logger

log = get_logger("index")

COMPARED = 2000
"""Messages whose flags changed and that are compared one by one with what is known; with more, all are listed."""

IDENTIFIED_AT_ONCE = 1000
"""New messages whose headers are fetched in the look itself, also where the provider tells identities."""

COMPARED = 5000
"""Messages compared between two turns of others: some milliseconds."""


@dataclass(slots=True)
class Look:
    """What was found. `there` are all UIDs that the server has. `missing` lost their message, by its account.

    `reused` are UIDs that name another message now: each is in `missing` and in `rows`. `renumbered`: the mailbox has
    another UIDVALIDITY, so all that was listed is missing and all that is there is in `rows`. `short`: the server says
    that there are more messages than it names, so what is missing may well be there.
    """

    mailbox: IndexedMailbox
    state: MailboxState
    rows: dict[Uid, ListedMessage] = field(default_factory=dict)
    missing: list[Location] = field(default_factory=list)
    reused: frozenset[Uid] = frozenset()
    contents: dict[Uid, str] = field(default_factory=dict)
    renumbered: bool = False
    short: bool = False
    known: int = 0
    found: dict[str, Found] = field(default_factory=dict)

    def settled_state(self) -> MailboxState:
        """The state that the next look is compared with."""
        current = self.mailbox.snapshot
        if current is None or self.renumbered:
            return settled(self.state, max(self.rows, default=0), len(self.rows))
        if not self.missing and (before := self.mailbox.state) is not None:
            # All that was known has lower UIDs than what came next.
            highest = max(before.uidnext - 1, max(self.rows, default=0))
            return settled(self.state, highest, len(current) + len(self.rows))
        gone = {place.uid for place in self.missing if place.uidvalidity == self.state.uidvalidity}
        there = {*current.uids, *self.rows} - (gone - self.rows.keys())
        return settled(self.state, max(there, default=0), len(there))


class Looker:
    """Looks at mailboxes over one watcher. The mailbox must be the examined one, in `state`."""

    def __init__(self, watcher: Watcher, store: StorePort) -> None:
        self._watcher = watcher
        self._store = store

    async def look(
        self, mailbox: IndexedMailbox, state: MailboxState, searches: Sequence[str], came: Resynced | None = None
    ) -> Look:
        """Find out. Changes nothing. `came` is what the server told with the mailbox's opening. Raises `UpstreamError`s
        and `StoreError`s.
        """
        current = mailbox.snapshot
        found = Look(mailbox, state, known=mailbox.messages)
        if current is None or current.uidvalidity != state.uidvalidity:
            found.renumbered = True
            if current is not None:
                new, old = state.uidvalidity, current.uidvalidity
                log.warning("mailbox.renumbered", mailbox=str(mailbox.key), old=old, new=new)
            found.rows = await self._list(Uid(1))
            found.short = self._short(found, len(found.rows))
            for at, part in enumerate(mailbox.parts):
                found.missing += mailbox.places(part.uids, at)
        else:
            if came is None or not await self._resynced(found, current, came):
                await self._compare(found, current)
            for at, part in enumerate(mailbox.parts[1:], 1):
                found.missing += mailbox.places(part.uids, at)
        await self._identify(found)
        highest = max(max(found.rows, default=0), max(current.uids, default=0) if current is not None else 0)
        found.found = await self.search(mailbox, state, searches, highest)
        return found

    async def arrived(self, mailbox: IndexedMailbox, searches: Sequence[str]) -> Look | None:
        """Take what the watcher fetched as it came; None when it did not, or it is not all that is to be found out."""
        came, current = self._watcher.arrived, mailbox.snapshot
        if came is None or current is None or current.uidvalidity != came.state.uidvalidity:
            return None
        if len(current) + len(came.rows) != came.state.exists:
            return None
        found = Look(mailbox, came.state, {row.uid: row for row in came.rows}, known=mailbox.messages)
        found.contents = {uid: content_identity(header, found.rows[uid].date) for uid, header in came.headers.items()}
        found.found = await self.search(mailbox, came.state, searches, max(found.rows, default=0))
        return found

    async def _resynced(self, found: Look, current: MailboxSnapshot, came: Resynced) -> bool:
        """Take what the server told of itself; False when it did not, or it does not add up, and nothing is taken."""
        if not came.told:
            return False
        listed = {row.uid: row for row in came.rows}
        known = frozenset(current.uids)
        missing = [uid for uid in current.uids if uid in came.vanished]
        fresh = {uid: row for uid, row in listed.items() if uid not in known}
        if len(current) - len(missing) + len(fresh) != came.state.exists:
            return False
        there = [Uid(uid) for uid in listed.keys() & known]
        tail = {uid for uid in current.uids if uid >= came.first}.difference(missing)
        if not tail <= listed.keys() or min(fresh, default=came.first) < came.first or len(there) > COMPARED:
            return False
        stored = await self._store.load_old_places(found.mailbox.key.account, found.mailbox.places(there))
        if len(stored) != len(there) or any(_differs(listed[place.uid], place) for place in stored):
            return False
        found.rows, found.missing = fresh, found.mailbox.places(missing)
        found.contents |= {
            uid: content_identity(header, fresh[uid].date) for uid, header in came.headers.items() if uid in fresh
        }
        return True

    async def _compare(self, found: Look, current: MailboxSnapshot) -> None:
        if not found.mailbox.verified:
            await self._verify(found, current)
            return
        highest = max(current.uids, default=0)
        if found.state.uidnext > highest + 1:
            found.rows = await self._list(Uid(highest + 1))
        if len(current) + len(found.rows) != found.state.exists:
            there = set(await self._watcher.all_uids())
            found.short = self._short(found, len(there))
            found.missing = found.mailbox.places(uid for uid in current.uids if uid not in there)
            unknown = there.difference(current.uids, found.rows)
            if unknown:
                listed = await self._list(Uid(min(unknown)))
                known = frozenset(current.uids)
                found.rows = {uid: row for uid, row in listed.items() if uid not in known}

    async def _verify(self, found: Look, current: MailboxSnapshot) -> None:
        """On a new connection: see that each UID still names the message that it did."""
        listed = await self._list(Uid(1))
        stored = {row.uid: row for row in await self._stored(found)}
        there = set(listed)
        if len(listed) < found.state.exists or not listed:
            # Of what a server cannot read it may give no row, and yet say OK: only what it does not find is gone.
            there |= {Uid(uid) for uid in await self._watcher.all_uids()}
            found.short = self._short(found, len(there))
        found.missing = found.mailbox.places(uid for uid in current.uids if uid not in there)
        found.rows = {uid: row for uid, row in listed.items() if uid not in stored}
        found.reused = await self._reused(found, listed, stored)
        found.missing += found.mailbox.places(found.reused)
        found.rows |= {uid: listed[uid] for uid in found.reused}

    def _short(self, found: Look, named: int) -> bool:
        """Tell whether it has more, by all that it counts; what it told to be gone meanwhile is not among them."""
        return named < min(found.state.exists, self._watcher.messages)

    async def _stored(self, found: Look) -> Iterable[StoredMessage]:
        parts = await self._store.load_parts(found.mailbox.key)
        return next((part.messages for part in parts if part.uidvalidity == found.state.uidvalidity), ())

    async def _reused(
        self, found: Look, listed: Mapping[Uid, ListedMessage], stored: Mapping[Uid, StoredMessage]
    ) -> frozenset[Uid]:
        """Another identity of the provider is proof; another size or date is a reason to compare the contents."""
        doubtful: list[Uid] = []
        left = iter(listed.items())
        while some := list(islice(left, COMPARED)):
            doubtful += [uid for uid, row in some if uid in stored and _differs(row, stored[uid])]
            await trio.lowlevel.checkpoint()
        if not doubtful:
            return frozenset()
        contents = await self._contents({uid: listed[uid] for uid in doubtful})
        reused = frozenset(uid for uid in doubtful if _another(listed[uid], contents.get(uid, ""), stored[uid]))
        found.contents |= {uid: contents[uid] for uid in reused if uid in contents}
        if reused:
            log.error("mailbox.uids_reused", mailbox=str(found.mailbox.key), messages=len(reused))
        return reused

    async def _list(self, first: Uid) -> dict[Uid, ListedMessage]:
        rows: dict[Uid, ListedMessage] = {}

        async def take(batch: list[ListedMessage]) -> None:
            await trio.lowlevel.checkpoint()
            rows.update((row.uid, row) for row in batch)

        await self._watcher.list_messages(first, take)
        return rows

    async def _identify(self, found: Look) -> None:
        """Learn what tells the new messages apart; what the server will not give now is asked for later."""
        few = len(found.rows) <= IDENTIFIED_AT_ONCE
        wanted = {
            uid: row
            for uid, row in found.rows.items()
            if uid not in found.contents and (few or found.missing or not row.identity)
        }
        if wanted:
            found.contents |= await self._contents(wanted)

    async def _contents(self, rows: Mapping[Uid, ListedMessage]) -> dict[Uid, str]:
        contents: dict[Uid, str] = {}

        def take(uid: Uid, header: bytes) -> None:
            if uid in rows:
                contents[uid] = content_identity(header, rows[uid].date)

        await self._watcher.headers(sorted(rows), take)
        return contents

    async def search(
        self, mailbox: IndexedMailbox, state: MailboxState, searches: Sequence[str], highest: int
    ) -> dict[str, Found]:
        """Have the server say which messages devices with a `search` are to see: each message is asked about once."""
        answers: dict[str, Found] = {}
        for key in searches:
            before = mailbox.found.get(key)
            if before is None or before.uidvalidity != state.uidvalidity:
                before = Found(state.uidvalidity, 0, frozenset())
            if before.upto < highest or key not in mailbox.found:
                answers[key] = await self._found(mailbox, key, before, highest)
        return answers

    async def _found(self, mailbox: IndexedMailbox, key: str, before: Found, highest: int) -> Found:
        try:
            uids = await self._watcher.search(key, Uid(before.upto + 1))
        except UpstreamRefused as failure:
            log.error("search.refused", mailbox=str(mailbox.key), search=key, problem=str(failure))
            return before
        # What came since the listing is asked about again with it.
        return Found(before.uidvalidity, highest, before.uids.union(uid for uid in uids if uid <= highest))


def _differs(row: ListedMessage, stored: StoredMessage | OldPlace) -> bool:
    return (row.size, row.date) != (stored.size, stored.date) or _other_provider(row, stored)


def _same_kind(row: ListedMessage, stored: StoredMessage | OldPlace) -> bool:
    """Both have an identity, of one provider."""
    return bool(row.identity) and row.identity.partition(":")[0] == stored.provider.partition(":")[0]


def _other_provider(row: ListedMessage, stored: StoredMessage | OldPlace) -> bool:
    return _same_kind(row, stored) and row.identity != stored.provider


def _another(row: ListedMessage, content: str, stored: StoredMessage) -> bool:
    if _same_kind(row, stored):
        return row.identity != stored.provider
    known = {"", NO_IDENTITY}
    return content not in known and stored.content not in known and content != stored.content
