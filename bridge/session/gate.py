"""How many connections may be open, in all and from one address, those not logged in counted."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

import trio

from bridge.model.peer import Peer
from bridge.model.settings import ServerSettings
from bridge.session.places import peer_group
from bridge.session.suspects import Latest
from bridge.telemetry import Seldom, count, get_logger

CROWDED = 0.8
"""The part of `max_sessions` from which on connections must log in quickly."""

CROWDED_SECONDS = 30.0
"""How quickly. One that took longer gives way to the next when there is no room."""

MOST_REFUSALS = 100
"""Connections that are told at one time that there are too many; more are closed without a word."""

MOST_ANNOUNCING = 100
"""Connections whose proxies have yet to say whose they are, and that may wait for that where there is no room."""

log = Seldom(get_logger("session"))


class Guest(Protocol):
    """A connection."""

    @property
    def peer(self) -> Peer:
        """Where it comes from."""
        ...

    def turn_out(self) -> None:
        """End at once, to make room."""
        ...


class Gate:
    """Counts connections. `inside` are those that may stay. `most` bounds them too, where the system's limits do."""

    def __init__(self, server: ServerSettings, most: int | None = None) -> None:
        self.server = server
        self.inside = 0
        self.most = most
        self._groups: Counter[str] = Counter()
        self._strangers: dict[Guest, float] = {}  # with since when, in that order
        self._by_group: dict[str, dict[Guest, None]] = {}
        self._familiar: Latest[str, None] = Latest()
        self._refusals = 0
        self._announcing = 0

    @contextmanager
    def enter(self, guest: Guest) -> Iterator[bool]:
        """Count a connection for the block; gives False when it must not stay.

        Where there is no room, one that has not logged in gives way: one that took long, or one of an address that has
        more of them than the newcomer's; and, to an address from which a device has logged in before, any of one from
        which none has. So whoever fills the house from a few addresses keeps no other out, and from many addresses
        nobody whom it knows.
        """
        group = peer_group(guest.peer)
        if not self._room(group):
            yield False
            return
        self.inside += 1
        self._groups[group] += 1
        self._strangers[guest] = trio.current_time()
        self._by_group.setdefault(group, {})[guest] = None
        try:
            yield True
        finally:
            self._no_stranger(guest)
            self.inside -= 1
            self._groups[group] -= 1
            if not self._groups[group]:
                del self._groups[group]

    def logged_in(self, guest: Guest) -> None:
        """Hear that a connection has logged in: it gives way to no other, and its address is known from now on."""
        self._familiar.note(peer_group(guest.peer), None)
        self._no_stranger(guest)

    def _no_stranger(self, guest: Guest) -> None:
        if self._strangers.pop(guest, None) is None:
            return
        group = peer_group(guest.peer)
        del self._by_group[group][guest]
        if not self._by_group[group]:
            del self._by_group[group]

    @contextmanager
    def announcing(self) -> Iterator[bool]:
        """Count a connection for the block while its proxy has yet to say whose it is; False when it must not stay.

        Whom it counts for, and who gives way to it, is not known yet: so some may wait where there is no room.
        """
        if self._announcing >= MOST_ANNOUNCING and self.inside + self._announcing >= self._limit:
            yield False
            return
        self._announcing += 1
        try:
            yield True
        finally:
            self._announcing -= 1

    @contextmanager
    def refusing(self, guest: Guest) -> Iterator[bool]:
        """Count a refusal for the block; gives False when so many are under way that this one goes without a word."""
        count("connections_refused")
        limit = "max_sessions" if self._full else "max_sessions_per_peer"
        log.warning("connection.refused", peer_group(guest.peer), peer=str(guest.peer), limit=limit)
        self._refusals += 1
        try:
            yield self._refusals <= MOST_REFUSALS
        finally:
            self._refusals -= 1

    @property
    def _limit(self) -> int:
        return self.server.max_sessions if self.most is None else min(self.most, self.server.max_sessions)

    @property
    def _full(self) -> bool:
        return self.inside >= self._limit

    def _room(self, group: str) -> bool:
        if self._groups[group] >= self.server.max_sessions_per_peer:
            return self._replaced(self._by_group.get(group, {}), CROWDED_SECONDS)
        if not self._full:
            return True
        largest = max(self._by_group, key=self._groups.__getitem__, default=group)
        if self._groups[largest] > self._groups[group] + 1:
            return self._replaced(self._by_group[largest], 0.0)
        if group in self._familiar and self._replaced(self._unknown(), 0.0):
            return True
        return self._replaced(self._strangers, CROWDED_SECONDS)

    def _unknown(self) -> Iterator[Guest]:
        return (guest for guest in self._strangers if peer_group(guest.peer) not in self._familiar)

    def _replaced(self, strangers: Iterable[Guest], seconds: float) -> bool:
        """Turn out the one of these that has been there longest, if that is as long as this."""
        first = next(iter(strangers), None)
        if first is None or trio.current_time() - self._strangers[first] < seconds:
            return False
        self._no_stranger(first)
        first.turn_out()
        return True

    def login_seconds(self) -> float:
        """How long a connection may take until it has logged in: less when there is little room."""
        crowded = self.inside >= CROWDED * self._limit
        return min(CROWDED_SECONDS, self.server.login_timeout) if crowded else self.server.login_timeout
