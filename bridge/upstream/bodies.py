"""Bodies out of FETCH responses, matched by UID, also where the server names the UID behind the body."""

from dataclasses import dataclass, field

from bridge.imap.events import BodyBegin, BodyChunk, BodyEnd, Event, Fetched, FetchedBody
from bridge.model.failures import UpstreamBroken
from bridge.upstream.link import Link

NAMELESS_OCTETS = 2 * 1024 * 1024
"""Octets kept while their UID is not known: two ranges, all that is ever asked for at once of one message."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets of one message's text. `origin` is the offset of the range they belong to, None of a whole text.

    `size` is what the server announced for the range. `ends`: this was all of it. `missing`: the server said NIL.
    """

    uid: int
    origin: int | None
    size: int
    data: bytes = b""
    ends: bool = False
    missing: bool = False


@dataclass(slots=True)
class BodySorter:
    """Turns a connection's events into `Piece`s."""

    link: Link
    _begin: BodyBegin | None = None
    _held: list[bytes] = field(default_factory=list)
    _held_octets: int = 0
    _nameless: list[tuple[BodyBegin, list[bytes]]] = field(default_factory=list)

    def take(self, event: Event) -> list[Piece]:
        """Take one event, whatever it is, and give what is certain by now."""
        match event:
            case BodyBegin():
                self._begin, self._held = (event if event.section == "" else None), []
            case BodyChunk(data) if self._begin is not None:
                return self._chunk(self._begin, data)
            case BodyEnd() if self._begin is not None:
                return self._end(self._begin)
            case Fetched(uid=uid):
                return self._named(uid)
            case FetchedBody(_, uid, origin, data):
                size = len(data)
                return [Piece(uid, origin, size, data), Piece(uid, origin, size, ends=True)]
            case _:
                pass
        return []

    def _chunk(self, begin: BodyBegin, data: bytes) -> list[Piece]:
        if begin.uid is not None:
            return [Piece(begin.uid, begin.origin, begin.size, data)]
        self._held_octets += len(data)
        if self._held_octets > NAMELESS_OCTETS:
            sentence = f"account {self.link.account}: the server sends a long text before it says whose it is"
            raise self.link.lose(UpstreamBroken(self.link.account, sentence))
        self._held.append(data)
        return []

    def _end(self, begin: BodyBegin) -> list[Piece]:
        self._begin = None
        if begin.uid is not None:
            return [Piece(begin.uid, begin.origin, begin.size, ends=True, missing=begin.missing)]
        self._nameless.append((begin, self._held))
        return []

    def _named(self, uid: int | None) -> list[Piece]:
        nameless, self._nameless, self._held_octets = self._nameless, [], 0
        pieces: list[Piece] = []
        for begin, chunks in nameless if uid is not None else ():
            pieces += (Piece(uid or 0, begin.origin, begin.size, data) for data in chunks)
            pieces.append(Piece(uid or 0, begin.origin, begin.size, ends=True, missing=begin.missing))
        return pieces
