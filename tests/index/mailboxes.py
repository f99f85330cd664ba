"""What lies in a mailbox of the upstream in memory."""

from dataclasses import dataclass, field

import trio

from bridge.model.names import MailboxName
from bridge.model.update import MovedTo

INBOX = MailboxName("INBOX")


@dataclass(frozen=True)
class Letter:
    """One message: `name` is who it is, whichever mailbox it lies in. `lost_header` ones have no identity at all."""

    name: str
    size: int = 100
    date: int = 1_000_000
    lost_header: bool = False

    @property
    def header(self) -> bytes:
        return (
            b"" if self.lost_header else f"Message-ID: <{self.name}@example.org>\r\nSubject: {self.name}\r\n".encode()
        )

    @property
    def body(self) -> bytes:
        """The whole message: as long as it says, its line ends not repaired."""
        head = self.header.replace(b"\r\n", b"\n") + b"\n"
        return head + b"x" * (self.size - len(head) - 1) + b"\n"


@dataclass
class FakeContent:
    """Gives its chunks."""

    chunks: list[bytes]

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        return self.chunks.pop(0) if self.chunks else b""


@dataclass
class FakeMailbox:
    """A mailbox: letters by UID."""

    uidvalidity: int = 1
    uidnext: int = 1
    letters: dict[int, Letter] = field(default_factory=dict)
    known: dict[int, Letter] = field(default_factory=dict)
    changes: dict[int, int] = field(default_factory=dict)
    gone: dict[int, int] = field(default_factory=dict)

    def note(self, modseq: int) -> bool:
        """Note with this mod-sequence what changed since it was noted last: False when nothing did."""
        changed = {uid: modseq for uid, each in self.letters.items() if self.known.get(uid) is not each}
        went = dict.fromkeys(self.known.keys() - self.letters.keys(), modseq)
        self.changes |= changed
        self.gone |= went
        self.known = dict(self.letters)
        return bool(changed or went)

    def add(self, letter: Letter) -> int:
        uid, self.uidnext = self.uidnext, self.uidnext + 1
        self.letters[uid] = letter
        return uid


@dataclass(frozen=True)
class FakeSettled:
    settled: str
    note: str = ""
    moved: MovedTo | None = None
    message_id: str = ""
