"""What one connection is: its wire, who is signed in, what is selected; and how commands end."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from bridge.net import ServerTls
from bridge.sandbox import names
from bridge.sandbox.faults import Moment, Point
from bridge.sandbox.mailbox import SandboxMailbox
from bridge.sandbox.syntax import BadCommand
from bridge.sandbox.view import View
from bridge.sandbox.wire import LITERAL_MINUS, MESSAGE_LIMIT, Wire

if TYPE_CHECKING:
    from bridge.sandbox.server import SandboxServer, SandboxUser


@dataclass(frozen=True, slots=True)
class Reply:
    """A command's tagged response."""

    text: str = "done"
    code: str = ""
    kind: Literal["OK", "NO", "BAD", "BYE", "PREAUTH"] = "OK"

    def octets(self, tag: str) -> bytes:
        """Give it as a line; `*` as the tag for an untagged one."""
        code = f"[{self.code}] " if self.code else ""
        return f"{tag} {self.kind} {code}{self.text}\r\n".encode()


class Refused(Exception):
    """The command is understood and not done: NO."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.reply = Reply(text, code, "NO")


@dataclass(slots=True)
class Notified:
    """What NOTIFY asked for: whether of the open mailbox, of which others, and what was told of these last."""

    selected: bool = False
    names: set[str] = field(default_factory=set)
    told: dict[str, tuple[int, int, int]] = field(default_factory=dict)


class Session:
    """One connection's state."""

    def __init__(self, server: "SandboxServer", wire: Wire, number: int, tls: ServerTls | None = None) -> None:
        self.server = server
        self.wire = wire
        self.number = number
        self.tls = tls
        self.user: SandboxUser | None = None
        self.view: View | None = None
        self.condstore = False
        self.qresync = False
        self.utf8 = False
        self.notified: Notified | None = None
        self.ended = False
        self.tag = "*"
        self.name = ""
        self.arguments = ""

    def can(self, capability: str) -> bool:
        """Tell whether the server has the capability now."""
        return capability in self.server.capabilities

    def need(self, capability: str) -> None:
        """Raise BadCommand where the capability was taken away: then its commands do not exist."""
        if not self.can(capability):
            raise BadCommand("unknown command or argument")

    @property
    def message_limit(self) -> int:
        """How many messages one command may be about (RFC 9738), 0 for any number."""
        told = (name.partition("=") for name in self.server.capabilities if name.startswith("MESSAGELIMIT="))
        return next((int(number) for _, _, number in told), 0)

    @property
    def capabilities(self) -> str:
        """What is announced in this state, IMAP4rev1 first."""
        names = self.server.capabilities - {"IMAP4REV1", "STARTTLS"}
        if self.user is not None:
            names = {name for name in names if not name.startswith("AUTH=") and name != "LOGINDISABLED"}
        elif self.offers_tls:
            names.add("STARTTLS")
        return " ".join(["IMAP4rev1", *sorted(names)])

    @property
    def unasked_capabilities(self) -> str:
        """The CAPABILITY code of greeting and sign-in, where the server gives one."""
        return f"CAPABILITY {self.capabilities}" if self.server.tells_capabilities else ""

    @property
    def offers_tls(self) -> bool:
        """Whether STARTTLS may be said now."""
        return self.tls is not None and not self.wire.stream.tls

    @property
    def unasked(self) -> int:
        """How many octets a non-synchronizing literal may have."""
        return MESSAGE_LIMIT if self.can("LITERAL+") else LITERAL_MINUS if self.can("LITERAL-") else -1

    def mailbox(self, name: str, code: str = "NONEXISTENT") -> SandboxMailbox:
        """Give one of the user's mailboxes; raises Refused."""
        assert self.user is not None
        found = self.user.mailboxes.get(name)
        if found is None:
            raise Refused("no such mailbox", code)
        return found

    def selected(self) -> View:
        """Give the selected mailbox; raises BadCommand where none is."""
        if self.view is None:
            raise BadCommand("no mailbox is selected")
        return self.view

    def writable(self) -> View:
        """Give the selected mailbox; raises Refused where it was examined."""
        view = self.selected()
        if view.read_only:
            raise Refused("the mailbox was opened read-only")
        return view

    def spelled(self, name: str) -> bytes:
        """Write a mailbox's name as this connection has it: modified UTF-7, or UTF-8 once that was enabled."""
        return names.quoted(name.encode()) if self.utf8 else names.to_wire(name)

    def moment(self, point: Point, size: int = 0) -> Moment:
        """Describe where the connection is."""
        return Moment(
            point=point,
            connection=self.number,
            command=self.name,
            arguments=self.arguments,
            size=size,
            user=self.user.name if self.user else "",
            mailbox=self.view.mailbox.name if self.view else "",
        )
