"""A former POP3 server that does as a test tells it, and messages on popbridge's side."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import trio

from bridge.former.address import FormerServer
from bridge.former.records import Candidate
from bridge.identity import content_identity
from bridge.model.names import EntrySeq, Uidl
from bridge.model.secret import Secret

PASSWORD = Secret("s3cret word")
UIDVALIDITY = 1_700_000_000


def message(word: str, message_id: bool = True) -> bytes:
    """Give a message that is like no other with another word."""
    named = f"Message-ID: <{word}@example.org>\r\n" if message_id else ""
    header = f"From: a@example.org\r\n{named}Subject: {word}\r\nDate: Mon, 6 Apr 2026 10:00:00 +0000\r\nX-Other: x\r\n"
    return f"{header}\r\n.dots\r\n{word}\r\n".encode()


def candidate(
    seq: int,
    word: str = "",
    *,
    source: int = 0,
    uid: int = 0,
    uidvalidity: int = UIDVALIDITY,
    date: int = 1000,
    message_id: bool = True,
    inbox: bool = True,
    provider: str = "",
) -> Candidate:
    """Give a message on popbridge's side; without a word, one that was not looked at yet."""
    content = content_identity(message(word, message_id), date) if word else ""
    return Candidate(EntrySeq(seq), Uidl(f"own{seq}"), source, inbox, uidvalidity, uid or seq, provider, content, date)


class FormerPop3:
    """A POP3 server with one maildrop. `messages` are ids and octets; `capabilities` None means that it has no CAPA.

    Commands in `refused` get an error. `hold` makes it answer TOP only once so many were asked for. `commands` has what
    it was told; `ahead` the most commands that came before the first of them was answered.
    """

    def __init__(
        self,
        messages: Sequence[tuple[str, bytes]],
        capabilities: Sequence[str] | None = ("TOP", "UIDL", "USER"),
        refused: Sequence[str] = (),
        hold: int = 1,
    ) -> None:
        self._messages = messages
        self._capabilities = capabilities
        self._refused = refused
        self._hold = hold
        self._held: list[bytes] = []
        self.commands: list[str] = []
        self.ahead = 0

    @property
    def verbs(self) -> list[str]:
        """The commands' first words."""
        return [command.partition(" ")[0] for command in self.commands]

    async def serve(self, stream: trio.SocketStream) -> None:
        """Serve one connection."""
        await stream.send_all(b"+OK ready\r\n")
        buffer = b""
        while data := await stream.receive_some(65536):
            *lines, buffer = (buffer + data).split(b"\r\n")
            self.ahead = max(self.ahead, len(lines))
            for line in lines:
                self.commands.append(line.decode())
                await stream.send_all(self._release(line, self._answer(line.decode())))

    def _release(self, line: bytes, answer: bytes) -> bytes:
        if not line.startswith(b"TOP "):
            return answer
        self._held.append(answer)
        if len(self._held) < self._hold:
            return b""
        held, self._held = b"".join(self._held), []
        return held

    def _answer(self, command: str) -> bytes:
        verb, _, rest = command.partition(" ")
        if verb in self._refused or (verb == "CAPA" and self._capabilities is None):
            return b"-ERR no %b\r\n" % command.encode()
        match verb:
            case "CAPA":
                return _block(self._capabilities or ())
            case "UIDL":
                return _block([f"{number} {uidl}" for number, (uidl, _) in enumerate(self._messages, 1)])
            case "TOP" | "RETR":
                octets = self._messages[int(rest.split()[0]) - 1][1]
                shown = octets.partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if verb == "TOP" else octets
                return b"+OK\r\n" + (b"\r\n" + shown).replace(b"\r\n.", b"\r\n..")[2:] + b".\r\n"
            case _:
                return b"+OK\r\n"


def _block(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\r\n" for line in ["+OK", *lines, "."]).encode()


@asynccontextmanager
async def listening(serve: Callable[[trio.SocketStream], Awaitable[object]]) -> AsyncIterator[FormerServer]:
    """Give the address of a server on loopback, without TLS."""
    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(partial(trio.serve_tcp, serve, 0, host="127.0.0.1"))
        port = listeners[0].socket.getsockname()[1]
        yield FormerServer("anna", "127.0.0.1", port, "none")
        nursery.cancel_scope.cancel()
