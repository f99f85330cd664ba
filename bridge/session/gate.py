"""How many connections may be open, in all and from one address, those not logged in counted."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from bridge.model.peer import Peer
from bridge.model.settings import ServerSettings
from bridge.session.places import peer_group
from bridge.telemetry import count, get_logger

log = get_logger("session")

CROWDED = 0.8
"""The part of `max_sessions` from which on connections must log in quickly."""

CROWDED_SECONDS = 30.0
"""How quickly."""


class Gate:
    """Counts connections."""

    def __init__(self, server: ServerSettings) -> None:
        self.server = server
        self.inside = 0
        self._groups: Counter[str] = Counter()

    @contextmanager
    def enter(self, peer: Peer) -> Iterator[bool]:
        """Count a connection for the block; gives False when it must not stay."""
        group = peer_group(peer)
        full = self.inside >= self.server.max_sessions
        if full or self._groups[group] >= self.server.max_sessions_per_peer:
            count("connections_refused")
            log.warning("connection.refused", peer=str(peer), limit="max_sessions" if full else "max_sessions_per_peer")
            yield False
            return
        self.inside += 1
        self._groups[group] += 1
        try:
            yield True
        finally:
            self.inside -= 1
            self._groups[group] -= 1
            if not self._groups[group]:
                del self._groups[group]

    def login_seconds(self) -> float:
        """How long a connection may take until it has logged in: less when there is little room."""
        crowded = self.inside >= CROWDED * self.server.max_sessions
        return min(CROWDED_SECONDS, self.server.login_timeout) if crowded else self.server.login_timeout
