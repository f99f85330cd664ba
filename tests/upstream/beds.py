"""Test beds: one user on one server, and a reference client that does what other people's mail programs do."""

import imaplib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, TypedDict, TypeVar, Unpack

import trio

from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import ListedMessage, Location, MailboxKey
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, TlsMode
from bridge.model.update import Action, Intent
from bridge.net import Stream
from bridge.sandbox import SandboxServer
from bridge.upstream import Account, Usage, Watcher
from bridge.upstream.link import CHUNK_OCTETS
from bridge.upstream.signin import Connect, connect_upstream
from tests.support.dovecot import Dovecot
from tests.support.imap_reference import Imap, ReferenceUpstream, append, expunge, fetch_all, flags

T = TypeVar("T")
Kind = Literal["sandbox", "pymap", "dovecot"]

LETTER = b"Message-ID: <letter@example.org>\r\nSubject: a letter\r\n\r\nHello\r\n"
INBOX = MailboxName("INBOX")
SECONDS = 10.0
"""What a test waits for a server that does its part, at most."""


class Changes(TypedDict, total=False):
    """What a test wants otherwise in an account's settings."""

    host: str
    port: int
    tls: TlsMode
    ca_file: str
    user: str
    password: Secret
    mailboxes: tuple[str, ...]
    max_connections: int
    poll_interval: float
    archive: str
    allow_plain_expunge: bool
    quirks: frozenset[str]
    provider: str


class SandboxReference(ReferenceUpstream):
    """A sandbox, as the reference client reaches it: from a thread, over its port."""

    def __init__(self, server: SandboxServer) -> None:
        self.imap_port = server.port
        self.users = {user.name: user.password for user in server.users.values()}


class Bed:
    """One user with an empty INBOX. What it does waits for the server, in a thread."""

    def __init__(
        self, kind: Kind, reference: ReferenceUpstream, user: str, server: SandboxServer | None = None
    ) -> None:
        self.kind = kind
        self.user = user
        self._reference = reference
        self._server = server

    @property
    def deaf(self) -> bool:
        """True when the server notices no changes by itself any more, because of this machine."""
        return isinstance(self._reference, Dovecot) and self._reference.deaf

    @property
    def sandbox(self) -> SandboxServer:
        """The sandbox, for tests of it alone."""
        assert self._server is not None
        return self._server

    def settings(self, **changes: Unpack[Changes]) -> AccountSettings:
        """Give the account's settings, in clear over loopback unless `changes` say otherwise."""
        password = Secret(self._reference.users[self.user])
        where = (self._reference.host, self._reference.imap_port)
        plain = AccountSettings(AccountId("mail"), "mail", *where, "none", self.user, password)
        return replace(plain, **changes)

    async def ask(self, job: Callable[[Imap], T]) -> T:
        """Do something over a connection of the reference client, signed in."""

        def work() -> T:
            with self._reference.client(self.user) as imap:
                return job(imap)

        return await trio.to_thread.run_sync(work)

    async def deliver(
        self, *messages: bytes, mailbox: str = "INBOX", flags: tuple[str, ...] = (), date: str | None = None
    ) -> list[Uid]:
        """Append messages exactly as given; gives their UIDs."""
        return await self.ask(lambda imap: [Uid(append(imap, mailbox, text, flags, date)) for text in messages])

    async def expunge(self, *uids: int, mailbox: str = "INBOX") -> None:
        """Remove messages."""

        def work(imap: Imap) -> None:
            for uid in uids:
                expunge(imap, mailbox, str(uid))

        await self.ask(work)

    async def contents(self, mailbox: str = "INBOX") -> dict[int, bytes]:
        """Give what is in the mailbox, by UID, as the reference client gets it."""
        return await self.ask(lambda imap: fetch_all(imap, mailbox))

    async def flags(self, mailbox: str = "INBOX") -> dict[int, frozenset[str]]:
        """Give the flags of what is in the mailbox, by UID."""
        return await self.ask(lambda imap: flags(imap, mailbox))

    async def create(self, *mailboxes: str) -> None:
        """Create mailboxes, named in modified UTF-7; one that is there stays as it is."""
        await self.ask(lambda imap: [imap.create(f'"{mailbox}"') for mailbox in mailboxes])

    async def create_anew(self, mailbox: str) -> None:
        """Delete a mailbox and create it again, so that it has another UIDVALIDITY."""

        def work(imap: Imap) -> None:
            assert imap.delete(f'"{mailbox}"')[0] == "OK"
            assert imap.create(f'"{mailbox}"')[0] == "OK"

        await self.ask(work)

    async def status(self, mailbox: str = "INBOX") -> Mapping[str, int]:
        """Give MESSAGES, UIDNEXT and UIDVALIDITY of a mailbox."""
        return await self.ask(lambda imap: status(imap, mailbox))

    async def location(self, uid: int, mailbox: str = "INBOX") -> Location:
        """Give the place of a message as it is named now."""
        status = await self.status(mailbox)
        return Location(key(mailbox), UidValidity(status["UIDVALIDITY"]), Uid(uid))

    async def intent(self, action: Action, uid: int, size: int, mailbox: str = "INBOX", message_id: str = "") -> Intent:
        """Give a promise about a message."""
        return promise_of(await self.location(uid, mailbox), action, size, message_id)


def promise_of(location: Location, action: Action, size: int, message_id: str = "") -> Intent:
    """Give a promise about the message at a place."""
    return Intent(7, DeviceId("fax"), EntrySeq(1), location, action, size, 0.0, 0, message_id)


def key(mailbox: str = "INBOX") -> MailboxKey:
    """Name a mailbox of the account."""
    return MailboxKey(AccountId("mail"), MailboxName(mailbox))


@asynccontextmanager
async def running(
    settings: AccountSettings,
    *,
    timeout: float = SECONDS,
    connect: Connect = connect_upstream,
    usage: Usage | None = None,
) -> AsyncIterator[Account]:
    """Run an account for the block."""
    account = Account(settings, timeout=timeout, connect=connect, usage=usage)
    async with trio.open_nursery() as nursery:
        await nursery.start(account.run)
        yield account
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def serving(server: SandboxServer) -> AsyncIterator[Bed]:
    """Run a sandbox for the block; anna is its user."""
    server.add_user("anna", "anna secret")
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(server.run))
        yield Bed("sandbox", SandboxReference(server), "anna", server)
        nursery.cancel_scope.cancel()


@dataclass
class Connects:
    """Counts connections as they are made."""

    made: int = 0
    streams: list[Stream] = field(default_factory=list)

    async def __call__(self, settings: AccountSettings, timeout: float) -> Stream:
        self.made += 1
        self.streams.append(await connect_upstream(settings, timeout))
        return self.streams[-1]


async def read(account: Account, location: Location, size: int = 1000) -> bytes:
    """Read a message to its end, in chunks as they are promised."""
    chunks = []
    async with account.read(location, size) as content:
        while chunk := await content.receive():
            assert len(chunk) <= CHUNK_OCTETS
            chunks.append(chunk)
        assert await content.receive() == b""
    return b"".join(chunks)


async def listing(watcher: Watcher, first: int = 1) -> list[list[ListedMessage]]:
    """Give the batches in which the examined mailbox is listed."""
    batches: list[list[ListedMessage]] = []

    async def keep(batch: list[ListedMessage]) -> None:
        await trio.lowlevel.checkpoint()
        batches.append(list(batch))

    await watcher.list_messages(Uid(first), keep)
    return batches


def status(imap: imaplib.IMAP4, mailbox: str) -> Mapping[str, int]:
    """Ask for MESSAGES, UIDNEXT and UIDVALIDITY of a mailbox."""
    answer = imap.status(f'"{mailbox}"', "(MESSAGES UIDNEXT UIDVALIDITY)")
    found = re.findall(r"(MESSAGES|UIDNEXT|UIDVALIDITY) (\d+)", answer[1][0].decode())
    return {name: int(number) for name, number in found}


def store_flags(imap: imaplib.IMAP4, mailbox: str, uid: int, flag: str) -> None:
    """Set a flag as another mail program would."""
    imap.select(f'"{mailbox}"')
    assert imap.uid("STORE", str(uid), "+FLAGS", f"({flag})")[0] == "OK"


def place_of(bed: Bed, uid: int, mailbox: str = "INBOX") -> Location:
    """Give the place of a message in a sandbox, without a thread, for which no mock clock waits."""
    return Location(key(mailbox), bed.sandbox.mailbox(bed.user, mailbox).uidvalidity, Uid(uid))
