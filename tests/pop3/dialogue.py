"""Dialogues between a device and a `Pop3Connection`, written as text files in `dialogues/`.

    # for people
    F: tls passwords        what is offered at the start; without this line, passwords alone. "expire=5 USER" and
                            mechanisms=PLAIN,LOGIN too
    C: STAT                 the device sends a line; its CRLF is understood
    C. STAT\\n               the device sends these octets and nothing else
    C!                      the device closes its side
    E: Retr 1               the event that is given, with its fields
    R: stat 2 320           the reply that popbridge chooses: a method of the connection, with its arguments; behind
                            those of login_accepted, what is offered from then on: expire=30
    S: +OK 2 320            the line that the device is sent

`\\0`, `\\r`, `\\n`, `\\t` and `\\xNN` stand for octets, `{a*300}` for a repetition. Lines of C that follow one
another arrive together. Nothing may be said, or sent, that is not in the file.
"""

import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, replace
from itertools import count
from typing import Any

from bridge.model.secret import Secret
from bridge.pop3 import Closed, Event, Features, NeedData, Pop3Connection
from bridge.sasl import Proof, timestamp

_ESCAPE = re.compile(r"\\(?:x([0-9a-f]{2})|([0rnt\\]))")
_REPEAT = re.compile(r"\{(.+?)\*(\d+)\}")
_NAMED = {"0": "\0", "r": "\r", "n": "\n", "t": "\t", "\\": "\\"}

Step = tuple[str, str]
Cutting = Callable[[list[bytes]], list[bytes]]


def read(text: str) -> list[Step]:
    """Give the steps of a dialogue: a mark of two characters, and what follows it."""
    return [(line[:2], line[3:]) for line in text.splitlines() if line and not line.startswith("#")]


def octets(text: str) -> bytes:
    """Read the notation for octets."""
    text = _REPEAT.sub(lambda found: found[1] * int(found[2]), text)
    return _ESCAPE.sub(lambda found: chr(int(found[1], 16)) if found[1] else _NAMED[found[2]], text).encode("latin-1")


def show(event: Event) -> str:
    """Write an event down as dialogues do."""
    return " ".join([type(event).__name__, *_told(event)])


def _told(record: Any) -> Iterator[str]:
    for value in (getattr(record, field.name) for field in fields(record)):
        if isinstance(value, Proof):
            yield from _told(value)
        elif isinstance(value, bytes):
            yield value.decode() if value.isascii() else value.hex()
        elif value is not None:
            yield value.reveal() if isinstance(value, Secret) else str(value)


def offer(before: Features, words: Iterable[str]) -> Features:
    """Read what is offered: names of what is, and values with an equals sign, an empty one where it is not told."""
    for word in filter("nothing".__ne__, words):
        name, equals, value = word.partition("=")
        told = tuple(value.split(",")) if name == "mechanisms" else value or None
        before = replace(before, **{name: told if equals else True})  # type: ignore[arg-type]
    return before


# Ways to cut what the device sends. Each gets the blocks that arrive together.


def whole(blocks: list[bytes]) -> list[bytes]:
    """As the file has it."""
    return blocks


def octet_by_octet(blocks: list[bytes]) -> list[bytes]:
    """Each octet alone."""
    return [bytes([octet]) for octet in b"".join(blocks)]


def with_a_tail(blocks: list[bytes]) -> list[bytes]:
    """Each block together with the first three octets of the next."""
    out = []
    for at, block in enumerate(blocks):
        head = block[3:] if at else block
        out.append(head + (blocks[at + 1][:3] if at + 1 < len(blocks) else b""))
    return out


def all_ahead(blocks: list[bytes]) -> list[bytes]:
    """Everything at once, before anything is answered."""
    return [b"".join(blocks)]


CUTTINGS: tuple[Cutting, ...] = (whole, octet_by_octet, with_a_tail, all_ahead)


class Stage:
    """Plays one dialogue. Input is fed when nothing else is left to do, except that what was said in clear is all fed
    before TLS starts.
    """

    def __init__(self, steps: list[Step], cutting: Cutting) -> None:
        offered = shlex.split(steps.pop(0)[1]) if steps[0][0] == "F:" else ["passwords"]
        self._features = offer(Features(tls=False, passwords=False), offered)
        self._connection = Pop3Connection(self._features, (timestamp(f"{n:x}", 0) for n in count()))
        self._steps = steps
        self._acts = [self._arrivals(part, cutting) for part in _acts(steps)]
        self._sent = b""
        self._said: list[str] = []
        self._closed = False

    def play(self) -> None:
        """Play it to its end; assertions tell what was not as written."""
        for mark, text in self._steps:
            match mark:
                case "C:" | "C." | "C!":
                    pass  # arrives when it is needed
                case "E:":
                    self._until(lambda: bool(self._said))
                    assert self._said.pop(0) == octets(text).decode("utf-8")
                case "S:":
                    self._until(lambda: b"\r\n" in self._sent)
                    line, self._sent = self._sent.split(b"\r\n", 1)
                    assert line == octets(text)
                case "R:":
                    self._reply(*shlex.split(text))
                case _:
                    raise AssertionError(f"no such mark: {mark}")
        self._feed_all()
        self._listen()
        assert (self._said, self._sent) == ([], b""), "more was said than the file has"

    def _reply(self, method: str, *arguments: str) -> None:
        if method == "tls_started":
            self._feed_all()
            self._acts.pop(0)
            self._features = replace(self._features, tls=False, passwords=True)
            self._connection.tls_started(self._features)
            return
        if method == "login_accepted" and len(arguments) > 2:
            count, size, *offered = arguments
            self._connection.login_accepted(int(count), int(size), offer(self._features, offered))
            return
        reply = getattr(self._connection, method)
        if method in {"lines", "message", "proven"}:
            reply(*map(octets, arguments))
        elif method == "salted":
            salt, rounds, nonce = arguments
            reply(octets(salt), int(rounds), nonce)
        elif method == "ok":
            reply(*arguments)
        else:
            reply(*(int(word) if word.isdigit() else word for word in arguments))

    def _until(self, enough: Callable[[], bool]) -> None:
        self._listen()
        while not enough():
            assert self._feed(), "the device has nothing left to send, and this was never said"
            self._listen()

    def _listen(self) -> None:
        event = self._connection.next_event()
        self._sent += self._connection.data_to_send()
        if isinstance(event, NeedData) or self._closed:
            return
        self._closed = isinstance(event, Closed)  # given again and again, told once
        self._said.append(show(event))

    def _feed(self) -> bool:
        if not self._acts[0]:
            return False
        piece = self._acts[0].pop(0)
        if piece is None:
            self._connection.receive_eof()
        else:
            self._connection.receive_data(piece)
        return True

    def _feed_all(self) -> None:
        while self._feed():
            pass

    @staticmethod
    def _arrivals(steps: Iterable[Step], cutting: Cutting) -> list[bytes | None]:
        """Give what arrives in one act, cut; None is the device's end."""
        steps = list(steps)
        end: list[bytes | None] = [None] if ("C!", "") in steps else []
        return [*cutting(list(_blocks(steps))), *end]


def _acts(steps: list[Step]) -> Iterator[list[Step]]:
    """Split a dialogue where TLS starts."""
    act: list[Step] = []
    for step in steps:
        if step == ("R:", "tls_started"):
            yield act
            act = []
        act.append(step)
    yield act


def _blocks(steps: Iterable[Step]) -> Iterator[bytes]:
    """Join what arrives together."""
    block = b""
    for mark, text in steps:
        if mark == "C:":
            block += octets(text) + b"\r\n"
        elif mark == "C.":
            block += octets(text)
        elif block:
            yield block
            block = b""
    if block:
        yield block
