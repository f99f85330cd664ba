"""The sandbox server: users and their mailboxes, and the listener."""

import ipaddress
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

import trio

from bridge.model.names import Uid, UidValidity
from bridge.model.settings import ListenerSettings, TlsMode
from bridge.net import Listener, NetError, Stream, open_listeners
from bridge.sandbox.connection import converse, start_implicit_tls
from bridge.sandbox.faults import FaultScript, Moment
from bridge.sandbox.mailbox import FIRST_UIDVALIDITY, SandboxMailbox, SandboxMessage
from bridge.sandbox.session import Session
from bridge.sandbox.wire import ConnectionOver, Wire

ALL_CAPABILITIES = frozenset(
    {
        *("IMAP4REV1", "AUTH=PLAIN", "SASL-IR", "LITERAL+", "ID", "NAMESPACE", "ENABLE", "CONDSTORE", "OBJECTID"),
        *("IDLE", "MOVE", "UIDPLUS", "UNSELECT", "ESEARCH", "SPECIAL-USE", "STATUS=SIZE", "LIST-EXTENDED"),
        *("LIST-STATUS", "NOTIFY", "QRESYNC", "COMPRESS=DEFLATE"),
    }
)
"""What the server can do, but QUOTA, X-GM-EXT-1, UTF8=ACCEPT and UTF8=ONLY, which it can do as well where it has them
in `capabilities`.

`SandboxServer.capabilities` may hold fewer, and more that only are announced.
"""

MAX_CONNECTIONS = 100

HISTORY = 10_000
"""Moments kept for tests to look at."""


@dataclass(eq=False, slots=True)
class SandboxUser:
    """One user: `mailboxes` by name in Unicode; INBOX is always there. `quota` is in octets, None for no limit."""

    name: str
    password: str
    mailboxes: dict[str, SandboxMailbox] = field(default_factory=dict)
    quota: int | None = None
    _created: int = 0

    def __post_init__(self) -> None:
        self.create("INBOX")

    def create(self, name: str, special_use: str = "") -> SandboxMailbox:
        """Add an empty mailbox and give it; one that exists is given as it is. `special_use` like `\\Trash`."""
        if name not in self.mailboxes:
            self.mailboxes[name] = SandboxMailbox(name, self.next_uidvalidity(), special_use)
        return self.mailboxes[name]

    def next_uidvalidity(self) -> UidValidity:
        """Give one that no mailbox had: one that is created again is numbered anew (RFC 3501 §6.3.3)."""
        self._created += 1
        return UidValidity(FIRST_UIDVALIDITY + self._created - 1)


class SandboxServer:
    """An IMAP4rev1 server on one loopback port, all in memory, told what to hold by plain method calls.

    `capabilities` may be changed at any time; what is taken away is neither announced nor done. `script`, if not
    None, is asked at each moment. `history` holds the last moments, newest last: what the connections were asked.
    `certificate` names the files of certificate and key, for `tls` other than "none". With `tells_capabilities` off
    they are told only when asked. One connection more than `max_connections` gets BYE.
    """

    def __init__(
        self,
        *,
        capabilities: Iterable[str] = ALL_CAPABILITIES,
        script: FaultScript | None = None,
        tls: TlsMode = "none",
        certificate: tuple[str, str] | None = None,
    ) -> None:
        self.capabilities = set(capabilities)
        self.script = script
        self.users: dict[str, SandboxUser] = {}
        self.history: deque[Moment] = deque(maxlen=HISTORY)
        self.port = 0
        self.tells_capabilities = True
        self.max_connections = MAX_CONNECTIONS
        self._tls = tls
        self._certificates = (certificate,) if certificate else ()
        self._open: dict[int, Stream] = {}
        self._number = 0

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

    # --- what other mail programs and their admins do

    def move(self, user: str, mailbox: str, target: str, *uids: int) -> list[Uid]:
        """Move messages to another mailbox of the user; gives their new UIDs."""
        return self.mailbox(user, mailbox).move_to(self.mailbox(user, target), *uids)

    def copy(self, user: str, mailbox: str, target: str, *uids: int) -> list[Uid]:
        """Copy messages to another mailbox of the user; gives the copies' UIDs."""
        return self.mailbox(user, mailbox).copy_to(self.mailbox(user, target), *uids)

    def expunge(self, user: str, mailbox: str, *uids: int) -> None:
        """Remove messages for good."""
        self.mailbox(user, mailbox).expunge(*uids)

    def empty(self, user: str, mailbox: str = "INBOX") -> list[SandboxMessage]:
        """Remove all messages at once; gives them, for `restore`."""
        return self.mailbox(user, mailbox).empty()

    def restore(self, user: str, messages: Iterable[SandboxMessage], mailbox: str = "INBOX") -> list[Uid]:
        """Put messages back as from a backup, under new UIDs, which are given."""
        return self.mailbox(user, mailbox).restore(messages)

    def renumber(self, user: str, mailbox: str = "INBOX") -> list[Uid]:
        """Give the mailbox another UIDVALIDITY and its messages new UIDs from 1, in their order; gives these.

        Connections that have it selected keep what they saw until they select it again.
        """
        found = self.mailbox(user, mailbox)
        found.change_uidvalidity(self.users[user].next_uidvalidity())
        return found.uids()

    def remove(self, user: str, mailbox: str) -> list[SandboxMessage]:
        """Remove the mailbox; gives what was in it. Connections that have it selected are told that this went."""
        taken = self.mailbox(user, mailbox).empty()
        del self.users[user].mailboxes[mailbox]
        return taken

    def recreate(self, user: str, mailbox: str) -> list[SandboxMessage]:
        """Remove the mailbox and create it again, empty, under another UIDVALIDITY; gives what was in it."""
        use = self.mailbox(user, mailbox).special_use
        taken = self.remove(user, mailbox)
        self.users[user].create(mailbox, use)
        return taken

    # --- what happened

    def commands(self, name: str = "") -> list[Moment]:
        """Give the commands asked so far, all or those called `name` ("UID FETCH")."""
        return [m for m in self.history if m.point == "command" and name in ("", m.command)]

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._open)

    def drop_connections(self) -> None:
        """Abort every open connection; new ones are taken."""
        for stream in list(self._open.values()):
            stream.abort()

    async def run(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Serve until cancelled; tells the port once it listens. Cancelled, it closes every connection.

        Raises NetError when it cannot listen there, ValueError when `host` is no loopback address.
        """
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the sandbox listens on loopback only, not on {host}")
        settings = ListenerSettings(host=host, port=port, tls=self._tls, certificates=self._certificates)
        (listener,) = await open_listeners([settings])
        try:
            self.port = int(listener.address.rpartition(":")[2])
            task_status.started(self.port)
            await listener.serve(self._take)
        finally:
            listener.close()

    async def _take(self, stream: Stream, listener: Listener) -> None:
        self._number += 1
        number = self._number
        self._open[number] = stream
        try:
            await self._serve(stream, listener, number)
        except (NetError, ConnectionOver):
            return
        finally:
            del self._open[number]
            await stream.aclose()

    async def _serve(self, stream: Stream, listener: Listener, number: int) -> None:
        wire = Wire(stream)
        if self._tls == "implicit" and listener.tls is not None:
            await start_implicit_tls(stream, listener.tls)
        if len(self._open) > self.max_connections:
            await wire.bye("[LIMIT] too many connections")
        await converse(Session(self, wire, number, listener.tls))
