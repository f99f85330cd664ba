"""A mailbox in memory. Every change is seen by the connections that have it selected."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bridge.model.names import Uid, UidValidity

FIRST_UIDVALIDITY = UidValidity(1_700_000_001)
DEFAULT_DATE = 1_767_225_600
"""INTERNALDATE of what is delivered without a date: 2026-01-01 00:00:00 UTC."""


@dataclass(eq=False, slots=True)
class SandboxMessage:
    """One message. `date` is in Unix seconds; `announced` is the RFC822.SIZE told instead of the true one."""

    uid: Uid
    octets: bytes
    date: int
    flags: set[str] = field(default_factory=set)
    modseq: int = 1
    emailid: str = ""
    announced: int | None = None
    gone: bool = False

    @property
    def size(self) -> int:
        """What RFC822.SIZE tells, in octets."""
        return len(self.octets) if self.announced is None else self.announced


@dataclass(eq=False, slots=True)
class SandboxMailbox:
    """One mailbox: its messages in UID order, and who is to be told of changes.

    All methods take effect at once and never wait. A UID that is not there raises KeyError.
    """

    name: str
    uidvalidity: UidValidity = FIRST_UIDVALIDITY
    special_use: str = ""
    uidnext: int = 1
    highestmodseq: int = 1
    _gone: list[tuple[int, Uid]] = field(default_factory=list)
    _messages: dict[int, SandboxMessage] = field(default_factory=dict)
    _watchers: dict[Callable[[], None], None] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[SandboxMessage]:
        return iter(self._messages.values())

    def __reversed__(self) -> Iterator[SandboxMessage]:
        return reversed(self._messages.values())

    def __getitem__(self, uid: int) -> SandboxMessage:
        return self._messages[uid]

    def __contains__(self, uid: int) -> bool:
        return uid in self._messages

    def uids(self) -> list[Uid]:
        """Give the UIDs that are here now, ascending."""
        return [message.uid for message in self]

    def deliver(self, octets: bytes, date: int | None = None, flags: Iterable[str] = (), emailid: str = "") -> Uid:
        """Append a message and give its UID. `date` is Unix seconds; EMAILID is made from the octets unless given."""
        uid = Uid(self.uidnext)
        self.uidnext += 1
        self._messages[uid] = SandboxMessage(
            uid=uid,
            octets=octets,
            date=DEFAULT_DATE if date is None else date,
            flags=set(flags),
            modseq=self._next_modseq(),
            emailid=emailid or "M" + hashlib.sha256(octets).hexdigest()[:24],
        )
        self._tell()
        return uid

    def expunge(self, *uids: int) -> None:
        """Take messages away, as another mail program would."""
        modseq = self._next_modseq()
        for uid in uids:
            self._messages.pop(uid).gone = True
            self._gone.append((modseq, Uid(uid)))
        self._tell()

    def gone_since(self, modseq: int) -> list[Uid]:
        """Give the UIDs that went after a mod-sequence, ascending."""
        return sorted(uid for at, uid in self._gone if at > modseq)

    def copy_to(self, target: "SandboxMailbox", *uids: int) -> list[Uid]:
        """Copy messages, as another mail program would; gives the copies' UIDs."""
        return target.restore([self._messages[uid] for uid in uids])

    def move_to(self, target: "SandboxMailbox", *uids: int) -> list[Uid]:
        """Move messages, as another mail program would; gives their new UIDs."""
        moved = self.copy_to(target, *uids)
        self.expunge(*uids)
        return moved

    def empty(self) -> list[SandboxMessage]:
        """Take all messages away at once; gives them, for `restore`."""
        taken = list(self)
        self.expunge(*self.uids())
        return taken

    def restore(self, messages: Iterable[SandboxMessage]) -> list[Uid]:
        """Append messages as from a backup: flags, dates and EMAILIDs as they were, UIDs new. Gives these."""
        uids: list[Uid] = []
        for old in messages:
            uids.append(self.deliver(old.octets, old.date, old.flags, old.emailid))
            self._messages[uids[-1]].announced = old.announced
        return uids

    def set_flags(self, uid: int, flags: Iterable[str]) -> None:
        """Replace the flags of one message."""
        message = self._messages[uid]
        message.flags = set(flags)
        message.modseq = self._next_modseq()
        self._tell()

    def rewrite(self, uid: int, octets: bytes) -> None:
        """Give other octets under the same UID, which IMAP forbids and some servers do."""
        self._messages[uid].octets = octets

    def announce_size(self, uid: int, size: int | None) -> None:
        """Make RFC822.SIZE of one message tell `size` octets; None tells the truth again."""
        self._messages[uid].announced = size

    def change_uidvalidity(self, value: int, *, renumber: bool = True) -> None:
        """Void every UID. With `renumber` the messages get new ones from 1, in their order.

        Connections that have the mailbox selected keep what they saw until they select it again.
        """
        self.uidvalidity = UidValidity(value)
        if not renumber:
            return
        old = list(self)
        self._messages = {}
        self._gone.clear()
        self.uidnext = 1
        for message in old:
            message.gone = True
        self.restore(old)

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after each change, until `unwatch`."""
        self._watchers[changed] = None

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Undo `watch`; nothing happens when it was not called."""
        self._watchers.pop(changed, None)

    def _next_modseq(self) -> int:
        self.highestmodseq += 1
        return self.highestmodseq

    def _tell(self) -> None:
        for changed in list(self._watchers):
            changed()


def object_id(mailbox: SandboxMailbox) -> str:
    """Give the mailbox's MAILBOXID: another after it was created anew (RFC 8474 §4)."""
    return "F" + hashlib.sha256(f"{mailbox.name}\0{mailbox.uidvalidity}".encode()).hexdigest()[:16]
