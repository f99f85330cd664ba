"""One round over an account: what the looks at its mailboxes found becomes one transaction, then new snapshots."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from bridge.index.looking import Look
from bridge.index.mailbox import IndexedMailbox
from bridge.index.newcomers import Held, Newcomer, held_back, newcomers
from bridge.index.ports import StorePort
from bridge.maildrop import MailboxSnapshot, from_messages, pair, suspicious, unique_id
from bridge.model.names import AccountId, EntrySeq, Uid
from bridge.model.places import (
    AccountChange,
    ListedMessage,
    MailboxChange,
    MailboxKey,
    MailboxState,
    OldPlace,
    StoredMessage,
    Suspicion,
)
from bridge.telemetry import count, get_logger, instant

log = get_logger("index")

BELIEVED_AFTER = 3600.0
"""Seconds after which a loss of many messages is believed without anybody saying so."""

KIN_SECONDS = 30 * 86400.0
"""How long a message that went may come back as the one it was, say out of a backup."""

ORDINARY = 20
"""Messages that may change their places in one round without a warning."""


class Rematched(NamedTuple):
    """So many messages were found again at other places, at a Unix time."""

    messages: int
    at: float


@dataclass(slots=True)
class AccountMemory:
    """What rounds remember of an account: copies held back, losses that are not believed yet, and the last time that
    many messages changed their places at once.
    """

    held: Held = field(default_factory=dict)
    suspicions: dict[MailboxKey, Suspicion] = field(default_factory=dict)
    rematched: Rematched | None = None

    def next_hold(self, cycle: float) -> float:
        """When the first copy has been held back for long enough, in Trio's time."""
        since = (one.held_since for kept in self.held.values() for one in kept.values())
        return min((each + cycle for each in since if each is not None), default=float("inf"))

    def next_belief(self) -> float:
        """When the first loss will be believed, in Unix seconds."""
        return min((each.since + BELIEVED_AFTER for each in self.suspicions.values()), default=float("inf"))


@dataclass(slots=True)
class _Share:
    """One mailbox's part in a round. `ended` are the places, as UIDVALIDITY and UID, that hold nothing of ours now."""

    heirs: list[tuple[EntrySeq, ListedMessage]] = field(default_factory=list)
    fresh: list[ListedMessage] = field(default_factory=list)
    contents: dict[Uid, str] = field(default_factory=dict)
    ended: set[tuple[int, Uid]] = field(default_factory=set)

    def take(self, one: Newcomer, heir_of: EntrySeq | None) -> None:
        """A newcomer is listed here: as the heir of an entry, or as a new one."""
        if heir_of is None:
            self.fresh.append(one.row)
        else:
            self.heirs.append((heir_of, one.row))
        if one.content:
            self.contents[one.row.uid] = one.content


class Round:
    """Settles the looks of one round. `mailboxes` are the account's mapped ones. `orphans` are mailboxes with their
    states that are mapped no more and that the server does not have any more. `now` gives Unix seconds; `clock` is the
    time in Trio's seconds, and `cycle` how many of them a copy is held back.
    """

    def __init__(
        self,
        account: AccountId,
        store: StorePort,
        mailboxes: Mapping[MailboxKey, IndexedMailbox],
        memory: AccountMemory,
        *,
        now: Callable[[], float],
        clock: float,
        cycle: float,
        orphans: Mapping[MailboxKey, MailboxState],
    ) -> None:
        self._account = account
        self._store = store
        self._mailboxes = mailboxes
        self._memory = memory
        self._now = now
        self._clock = clock
        self._cycle = cycle
        self._orphans = orphans
        self.alarmed = False

    async def settle(self, looks: Sequence[Look]) -> None:
        """Pair, suspect, hold back, commit, publish. Cancelled or failed, what is published stays as it was.

        `alarmed` afterwards: a loss was found that is not believed yet; look again over a new connection.
        """
        come = newcomers(looks, self._mailboxes, self._memory.held)
        missing = [location for look in looks for location in look.missing]
        old = await self._store.load_old_places(self._account, missing) if missing else []
        kindred = await self._kindred(come, old)
        may_go = [place for place in kindred if not place.live or place.key in self._orphans]
        heirs = pair([*old, *may_go], [one.place for one in come])
        taken = frozenset(heirs.values())
        doubted = {look.mailbox.key for look in looks if not await self._believed(look, old, taken)}
        rest = [one for at, one in enumerate(come) if at not in heirs]
        alive = [place for place in kindred if place.live and place.seq not in taken and place.key in self._mailboxes]
        held, fresh = held_back(rest, [come[at] for at in heirs], alive, self._clock, self._cycle)
        shares = _shares(looks, [(come[at], seq) for at, seq in heirs.items()], fresh)
        _end_places(shares, looks, old, kindred, taken, doubted)
        await self._commit(shares, {look.mailbox.key: look for look in looks}, taken, doubted)
        self._memory.held = held

    async def _kindred(self, come: Sequence[Newcomer], old: Sequence[OldPlace]) -> list[OldPlace]:
        """Give places of messages like the newcomers, other than those that lost their message just now."""
        identities = list(dict.fromkeys(text for one in come for text in one.identities))
        if not identities:
            return []
        lost = {(place.key, place.uidvalidity, place.uid) for place in old}
        found = await self._store.load_kindred(self._account, identities, self._now() - KIN_SECONDS)
        return [place for place in found if not place.live or (place.key, place.uidvalidity, place.uid) not in lost]

    # --- losses

    async def _believed(self, look: Look, old: Iterable[OldPlace], taken: Collection[EntrySeq]) -> bool:
        """Tell whether what is missing is really gone. A loss of many messages at once is a mishap until it lasts, also
        what is left of it while they come back; so is one of few where the server counts more than it names. What
        devices had done away with is no loss.
        """
        key = look.mailbox.key
        gone = [place for place in old if place.key == key and place.seq not in taken and not place.removed]
        lost = sum(1 for place in gone if place.uid not in look.reused)
        before = self._memory.suspicions.get(key)
        if not (lost if look.short or before is not None else suspicious(lost, look.known)):
            if before is not None:
                await self._relieve(key, "mailbox.restored", lost)
            return True
        if before is not None and suspicious(lost - before.missing, look.known):
            # Another loss on top of it: nobody has said anything of that, and it has not lasted.
            before = None
        if before is not None and (before.accepted or self._now() >= before.since + BELIEVED_AFTER):
            await self._relieve(key, "mailbox.loss_believed", lost)
            return True
        await self._suspect(key, lost, look.known, before)
        return False

    async def _relieve(self, key: MailboxKey, event: str, lost: int) -> None:
        await self._store.clear_suspicion(key)
        del self._memory.suspicions[key]
        log.warning(event, mailbox=str(key), missing=lost)

    async def _suspect(self, key: MailboxKey, lost: int, known: int, before: Suspicion | None) -> None:
        if before is None:
            self.alarmed = True
            count("losses_doubted")
            log.error("mailbox.loss_doubted", mailbox=str(key), missing=lost, of=known, believed_after=BELIEVED_AFTER)
            before = Suspicion(key, self._now(), lost, known)
        suspicion = replace(before, missing=lost, known=known)
        if suspicion != self._memory.suspicions.get(key):
            await self._store.save_suspicion(suspicion)
            self._memory.suspicions[key] = suspicion

    # --- commit, publish

    async def _commit(
        self,
        shares: Mapping[MailboxKey, _Share],
        looks: Mapping[MailboxKey, Look],
        taken: Collection[EntrySeq],
        doubted: Collection[MailboxKey],
    ) -> None:
        # A mailbox that was not looked at now keeps what lingers in it.
        doubt = {key for key in shares if key in doubted or (key not in looks and key in self._memory.suspicions)}
        changes = []
        for key, share in shares.items():
            state = self._state(key, looks.get(key))
            if state is not None:
                changes.append(_change(key, share, state, lingering=key in doubt))
        if not changes:
            return
        instant("refresh.before_commit")
        rows = await self._store.apply_refresh(AccountChange(self._account, tuple(changes)), unique_id)
        instant("refresh.committed")
        self._tell(shares, taken)
        for change in changes:
            mailbox = self._mailboxes.get(change.key)
            if mailbox is not None:
                lingers = change.key in doubt
                parts = _parts(mailbox, change, shares[change.key], rows.get(change.key, []), lingers)
                mailbox.publish(parts, change.state, restless=lingers)
                if (look := looks.get(change.key)) is not None:
                    mailbox.verified = True
                    mailbox.found = {**mailbox.found, **look.found}

    def _state(self, key: MailboxKey, look: Look | None) -> MailboxState | None:
        """Give the state that the mailbox's next look is compared with."""
        if look is not None:
            return look.settled_state()
        mailbox = self._mailboxes.get(key)
        return mailbox.state if mailbox is not None else self._orphans.get(key)

    def _tell(self, shares: Mapping[MailboxKey, _Share], taken: Collection[EntrySeq]) -> None:
        """Tell what changed, before any device sees it."""
        for key, share in shares.items():
            gone = len(share.ended) - len(share.heirs)
            count("messages_listed", len(share.fresh))
            count("messages_vanished", max(0, gone))
            if share.fresh or share.heirs or share.ended:
                log.info(
                    "mailbox.changed",
                    mailbox=str(key),
                    new=len(share.fresh),
                    inherited=len(share.heirs),
                    ended=len(share.ended),
                )
        count("messages_rematched", len(taken))
        if len(taken) > ORDINARY:
            self._memory.rematched = Rematched(len(taken), self._now())
            log.warning("account.rematched", account=self._account, messages=len(taken))


def _shares(
    looks: Iterable[Look], heirs: Iterable[tuple[Newcomer, EntrySeq]], fresh: Iterable[Newcomer]
) -> dict[MailboxKey, _Share]:
    shares = {look.mailbox.key: _Share() for look in looks}
    for one, seq in heirs:
        shares.setdefault(one.key, _Share()).take(one, seq)
    for one in fresh:
        shares.setdefault(one.key, _Share()).take(one, None)
    return shares


def _end_places(
    shares: dict[MailboxKey, _Share],
    looks: Iterable[Look],
    old: Iterable[OldPlace],
    kindred: Iterable[OldPlace],
    taken: Collection[EntrySeq],
    doubted: Collection[MailboxKey],
) -> None:
    """Note which places end: those that an heir came of or a device emptied, reused UIDs, and what is believed lost."""
    reused = {look.mailbox.key: look.reused for look in looks}
    for place in old:
        certain = place.seq in taken or place.uid in reused[place.key] or place.removed
        if certain or place.key not in doubted:
            shares[place.key].ended.add((place.uidvalidity, place.uid))
    for place in kindred:
        if place.live and place.seq in taken:
            shares.setdefault(place.key, _Share()).ended.add((place.uidvalidity, place.uid))


def _change(key: MailboxKey, share: _Share, state: MailboxState, *, lingering: bool) -> MailboxChange:
    return MailboxChange(
        key,
        state,
        appended=tuple(sorted(share.fresh)),
        inherited=tuple(share.heirs),
        vanished=tuple(sorted(uid for uidvalidity, uid in share.ended if uidvalidity == state.uidvalidity)),
        contents=share.contents,
        lingering=lingering,
    )


def _parts(
    mailbox: IndexedMailbox, change: MailboxChange, share: _Share, rows: Sequence[StoredMessage], doubted: bool
) -> list[MailboxSnapshot]:
    """Give the snapshots that follow: the mailbox as it is, and behind it what lingers."""
    found: list[MailboxSnapshot] = []
    for part in mailbox.parts:
        ended = {uid for uidvalidity, uid in share.ended if uidvalidity == part.uidvalidity}
        if part.uidvalidity == change.state.uidvalidity:
            found.insert(0, (part.without(ended) if ended else part).with_appended(rows))
        elif doubted:
            found.append(part.without(ended) if ended else part)
    if not found or found[0].uidvalidity != change.state.uidvalidity:
        found.insert(0, from_messages(mailbox.key, change.state.uidvalidity, sorted(rows)))
    return found
