"""The sandbox server: users and their mailboxes, and the listener."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NoReturn

import trio

from bridge.model.names import Uid, UidValidity
from bridge.sandbox.faults import FaultScript, Moment
from bridge.sandbox.mailbox import FIRST_UIDVALIDITY, SandboxMailbox

ALL_CAPABILITIES = frozenset(
    {
        *("IMAP4REV1", "AUTH=PLAIN", "SASL-IR", "LITERAL+", "ID", "NAMESPACE", "ENABLE", "CONDSTORE", "OBJECTID"),
        *("IDLE", "MOVE", "UIDPLUS", "UNSELECT", "ESEARCH", "SPECIAL-USE", "STATUS=SIZE"),
    }
)
"""What the server can do. `SandboxServer.capabilities` may hold fewer, and more that only are announced."""

HISTORY = 10_000
"""Moments kept for tests to look at."""


@dataclass(eq=False, slots=True)
class SandboxUser:
    """One user: `mailboxes` by name in Unicode; INBOX is always there."""

    name: str
    password: str
    mailboxes: dict[str, SandboxMailbox] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.create("INBOX")

    def create(self, name: str, special_use: str = "") -> SandboxMailbox:
        """Add an empty mailbox and give it; one that exists is given as it is. `special_use` like `\\Trash`."""
        if name not in self.mailboxes:
            uidvalidity = FIRST_UIDVALIDITY + len(self.mailboxes)
            self.mailboxes[name] = SandboxMailbox(name, UidValidity(uidvalidity), special_use)
        return self.mailboxes[name]


class SandboxServer:
    """An IMAP4rev1 server on one loopback port, all in memory, told what to hold by plain method calls.

    `capabilities` may be changed at any time; what is taken away is neither announced nor done. `script`, if not
    None, is asked at each moment. `history` holds the last moments, newest last: what the connections were asked.
    """

    def __init__(
        self,
        *,
        capabilities: Iterable[str] = ALL_CAPABILITIES,
        script: FaultScript | None = None,
    ) -> None:
        self.capabilities = set(capabilities)
        self.script = script
        self.users: dict[str, SandboxUser] = {}
        self.history: deque[Moment] = deque(maxlen=HISTORY)
        self.port = 0

    def add_user(self, name: str, password: str) -> SandboxUser:
        """Add a user who has an empty INBOX, and give it."""
        self.users[name] = SandboxUser(name, password)
        return self.users[name]

    def mailbox(self, user: str, name: str = "INBOX") -> SandboxMailbox:
        """Give a mailbox; KeyError when there is none."""
        return self.users[user].mailboxes[name]

    def deliver(self, user: str, octets: bytes, mailbox: str = "INBOX", date: int | None = None) -> Uid:
        """Append a message, waking whoever idles there, and give its UID. `date` is INTERNALDATE in Unix seconds."""
        return self.mailbox(user, mailbox).deliver(octets, date)

    def commands(self, name: str = "") -> list[Moment]:
        """Give the commands asked so far, all or those called `name` ("UID FETCH")."""
        return [m for m in self.history if m.point == "command" and name in ("", m.command)]

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        raise NotImplementedError

    def drop_connections(self) -> None:
        """Reset every open connection; new ones are taken."""
        raise NotImplementedError

    async def run(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
    ) -> NoReturn:
        """Serve until cancelled; tells the port once it listens. Cancelled, it closes every connection."""
        raise NotImplementedError
