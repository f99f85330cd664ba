"""Feeding a connection in several ways, and writing down what it says so that people can compare it."""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any, cast

import pytest

from bridge.imap import ImapConnection, ImapProtocolError, UidSet, commands
from bridge.imap.events import BodyBegin, BodyChunk, BodyEnd, Closed, Event, Fetched, FetchedBody, FetchedRows, NeedData
from bridge.model.secret import Secret

DIALOGUES = sorted((Path(__file__).parent / "dialogues").glob("*.txt"))
GREETING = b"* OK ready\r\n"


def drain(connection: ImapConnection) -> Iterator[Event]:
    """Take every event there is; the last one may be Closed."""
    while not isinstance(event := connection.next_event(), NeedData):
        yield event
        if isinstance(event, Closed):
            return


def pieces(octets: bytes, size: int | None) -> Iterator[bytes]:
    """Cut octets into pieces of `size`, or give them whole."""
    step = size or max(1, len(octets))
    return (octets[at : at + step] for at in range(0, len(octets), step))


def feed(connection: ImapConnection, octets: bytes, size: int | None = None) -> list[Event]:
    """Feed in pieces, taking all events after each."""
    return merged(event for piece in pieces(octets, size) for event in fed(connection, piece))


def fed(connection: ImapConnection, octets: bytes) -> Iterator[Event]:
    """Feed one piece and take its events."""
    connection.receive_data(octets)
    yield from drain(connection)
    while connection.packed:
        connection.receive_data(b"")
        yield from drain(connection)


def merged(events: Iterable[Event]) -> list[Event]:
    """Undo what only the cutting of the input has done to bodies and to rows of a listing."""
    out: list[Event] = []
    for event in spelled(events):
        last = out[-1] if out else None
        if isinstance(event, BodyChunk) and isinstance(last, BodyChunk):
            out[-1] = BodyChunk(last.data + event.data)
        elif isinstance(event, FetchedRows) and isinstance(last, FetchedRows):
            out[-1] = FetchedRows(last.rows + event.rows)
        else:
            out.append(event)
    return out


def spelled(events: Iterable[Event]) -> Iterator[Event]:
    """Write messages that came whole as the general parser has them."""
    for event in events:
        if isinstance(event, FetchedBody):
            yield BodyBegin(event.seq, event.uid, "", event.origin, len(event.data))
            yield from (BodyChunk(event.data), BodyEnd(), Fetched(event.seq, event.uid))
        else:
            yield event


def ready(*, fast: bool = True) -> ImapConnection:
    """A connection that was greeted and has one command open, `A1 UID FETCH`."""
    connection = ImapConnection(fast=fast)
    connection.receive_data(GREETING)
    connection.next_event()
    connection.send(commands.list_messages(1, None))
    connection.data_to_send()
    return connection


def show(event: object) -> str:
    """Write an event down: its name, and those fields that are not what they are by default."""
    words = [type(event).__name__]
    for field in fields(cast("Any", event)):
        value = getattr(event, field.name)
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        if value != default and value is not None:
            words.append(f"{field.name}={_value(value)}")
    return " ".join(words)


def _value(value: object) -> str:
    match value:
        case frozenset():
            return "{" + ",".join(sorted(value)) + "}"
        case UidSet():
            return value.text() or "none"
        case list():
            return "[" + " ".join(str(tuple(row)) for row in value) + "]"
        case _ if hasattr(value, "__dataclass_fields__"):
            return f"({show(value)})"
        case _:
            return repr(value)


class Dialogue:
    """Plays a dialogue file against a connection.

    `S:` is a line from the server, `Z:` one that it packs, `C:` the line that must have been sent meanwhile, packed or
    not as agreed, `>` what the caller does, `=` the event that must come, `!` the failure that must. A line that begins
    with `#` is for people.
    """

    def __init__(self, path: Path, size: int | None) -> None:
        self._lines = path.read_bytes().split(b"\n")
        self._size = size
        self._connection = ImapConnection()
        self._arrived = bytearray()
        self._said: list[str] = []
        self._packer = zlib.compressobj(wbits=-15)
        self._unpacker = zlib.decompressobj(wbits=-15)

    def play(self) -> None:
        """Play it to its end."""
        for line in self._lines:
            mark, _, octets = line.partition(b" ")
            self._step(mark.decode(), octets)
        self._receive()
        assert self._said == []
        assert self._connection.data_to_send() == b""

    def _step(self, mark: str, octets: bytes) -> None:
        if mark == "S:":
            self._arrived += octets + b"\r\n"
        elif mark == "Z:":
            self._arrived += self._packer.compress(octets + b"\r\n") + self._packer.flush(zlib.Z_SYNC_FLUSH)
        elif mark == "!":
            with pytest.raises(ImapProtocolError, match=octets.decode()):
                self._receive()
        elif mark in {"C:", ">", "="}:
            self._receive()
            self._check(mark, octets)

    def _check(self, mark: str, octets: bytes) -> None:
        if mark == "C:":
            line, self._sent = self._sent.split(b"\r\n", 1)
            assert line == octets
        elif mark == ">":
            assert self._sent == b""
            self._act(octets.decode())
        else:
            assert self._said[:1] == [octets.decode()]
            del self._said[0]

    _sent = b""

    def _receive(self) -> None:
        arrived, self._arrived = bytes(self._arrived), bytearray()
        self._said += map(show, feed(self._connection, arrived, self._size))
        self._send()

    def _send(self) -> None:
        out = self._connection.data_to_send()
        self._sent += self._unpacker.decompress(out) if self._connection.compressed else out

    def _act(self, text: str) -> None:
        words = {**vars(commands), "Secret": Secret, "uids": UidSet.parse}
        if text in {"end_idle", "tls_started", "receive_eof"}:
            getattr(self._connection, text)()
            self._said += map(show, drain(self._connection))
        elif text.startswith("respond("):
            self._connection.respond(eval(text.removeprefix("respond")))
        else:
            self._connection.send(eval(text, words))
        self._send()
