"""Messages found at new places: who they are, and which of them are copies that are held back."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from bridge.index.looking import Look
from bridge.index.mailbox import IndexedMailbox
from bridge.maildrop import NewPlace
from bridge.model.names import Uid, UidValidity
from bridge.model.places import NO_IDENTITY, ListedMessage, MailboxKey, OldPlace

Held = dict[MailboxKey, dict[Uid, "Newcomer"]]
"""Copies that are held back, by mailbox."""


@dataclass(slots=True)
class Newcomer:
    """A message at a place that the index does not know. `held_since` is in Trio's time, None if it never was."""

    key: MailboxKey
    uidvalidity: UidValidity
    row: ListedMessage
    content: str
    held_since: float | None = None

    @property
    def place(self) -> NewPlace:
        """Its place, as pairing takes it."""
        row = self.row
        return NewPlace(self.key, self.uidvalidity, row.uid, row.size, row.date, row.identity, self.content)

    @property
    def identities(self) -> list[str]:
        """What tells it apart, as far as that is known."""
        return [text for text in (self.row.identity, self.content) if text not in {"", NO_IDENTITY}]


def newcomers(looks: Iterable[Look], mailboxes: Mapping[MailboxKey, IndexedMailbox], held: Held) -> list[Newcomer]:
    """Give what the looks found new, and the copies held back in mailboxes that were not looked at."""
    found: list[Newcomer] = []
    looked = set()
    for look in looks:
        key, before = look.mailbox.key, held.get(look.mailbox.key, {})
        looked.add(key)
        for uid in sorted(look.rows):
            one = Newcomer(key, look.state.uidvalidity, look.rows[uid], look.contents.get(uid, ""))
            if (known := before.get(uid)) is not None and known.uidvalidity == one.uidvalidity:
                one.held_since = known.held_since
            found.append(one)
    for key, kept in held.items():
        if key not in looked and key in mailboxes:
            found += kept.values()
    return found


def held_back(
    rest: Sequence[Newcomer],
    heirs: Iterable[Newcomer],
    alive: Collection[OldPlace],
    clock: float,
    cycle: float,
) -> tuple[Held, list[Newcomer]]:
    """Split what is no heir into copies to be held back for a cycle, and messages to be listed.

    Moving is mostly done as COPY, then EXPUNGE: so a copy of a message that is live in another mailbox waits, to see
    whether its original goes. `alive` are the live places of messages like them; `heirs` are where others just came to
    live. Of equal ones that are new in several mailboxes at once, the first is the original.
    """
    places: dict[str, set[MailboxKey]] = {}
    for place in alive:
        for text in (place.provider, place.content):
            places.setdefault(text, set()).add(place.key)
    for heir in heirs:
        for text in heir.identities:
            places.setdefault(text, set()).add(heir.key)
    held: Held = {}
    fresh: list[Newcomer] = []
    for one in rest:
        elsewhere = any(places.get(text, set()) - {one.key} for text in one.identities)
        since = clock if one.held_since is None else one.held_since
        if elsewhere and clock < since + cycle:
            one.held_since = since
            held.setdefault(one.key, {})[one.row.uid] = one
        else:
            fresh.append(one)
            for text in one.identities:
                places.setdefault(text, set()).add(one.key)
    return held, fresh
