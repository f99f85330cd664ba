"""A session over a stream in memory, and a maildrop behind it that can be told to fail."""

import ssl
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import trio
from trio.testing import memory_stream_pair

from bridge.maildrop import Maildrop, from_messages, merge
from bridge.model.failures import BridgeError
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, SessionId, Uid, Uidl, UidValidity
from bridge.model.peer import Peer
from bridge.model.places import Location, MailboxKey, MeasuredMessage, StoredMessage
from bridge.model.secret import Secret
from bridge.model.settings import (
    DeviceSettings,
    ListenerSettings,
    OnDelete,
    PasswordHash,
    PlaintextLogin,
    ServerSettings,
    Source,
    TlsMode,
)
from bridge.model.update import SessionRecord, UpdatePlan
from bridge.net import ServerTls, Stream
from bridge.session import ConfiguredDoorkeeper, DeviceSession, Leases, Services

INBOX = MailboxKey(AccountId("mail"), MailboxName("INBOX"))
TEXTS = (b"Subject: one\r\n\r\nfirst\r\n.dot\r\n", b"Subject: two\n\nsecond", b"Subject: three\r\n\r\n")
HOME = Peer("127.0.0.1", 4000)
AWAY = Peer("127.0.0.2", 4000)
ENDED = "(the connection ended)"
"""What a device hears as its last line; no reply reads like that."""


def device(name: str = "fax", on_delete: OnDelete = "hide", networks: tuple[str, ...] = ()) -> DeviceSettings:
    """Give a device whose password is `secret`."""
    source = Source(AccountId("mail"), "INBOX")
    return DeviceSettings(DeviceId(name), name, name, Secret("secret"), (source,), networks, on_delete)


@dataclass
class FakeMaildrops:
    """Holds three messages. `opening`, `reading`, `ending` and `updating` are raised where they say.

    `opened` has, for each time that a maildrop was opened, the sessions that had ended by then.
    """

    opening: BridgeError | None = None
    reading: BridgeError | None = None
    ending: BridgeError | None = None
    updating: BridgeError | None = None
    slowly: trio.Event | None = None
    measured_sizes: tuple[int, ...] = (-1, -1, -1)
    plans: list[UpdatePlan] = field(default_factory=list)
    records: list[SessionRecord] = field(default_factory=list)
    unacknowledged: list[UpdatePlan | None] = field(default_factory=list)
    told: dict[int, MeasuredMessage] = field(default_factory=dict)
    opened: list[list[SessionId]] = field(default_factory=list)
    over: trio.Event = field(default_factory=trio.Event)

    async def open(self, device: DeviceSettings, session: SessionId) -> Maildrop:
        self.opened.append([record.session for record in self.records])
        await trio.lowlevel.checkpoint()
        if self.opening is not None:
            raise self.opening
        rows = [
            StoredMessage(EntrySeq(n), Uidl(f"{n:032x}"), Uid(n), len(text), size, 0)
            for n, (text, size) in enumerate(zip(TEXTS, self.measured_sizes, strict=True), 1)
        ]
        hidden = {seq for plan in self.plans if plan.device == device.id for seq in plan.hide}
        return merge([from_messages(INBOX, UidValidity(1), rows)], hidden)

    def read(self, location: Location, size: int) -> "AbstractAsyncContextManager[FakeContent]":
        return self._read(location)

    @asynccontextmanager
    async def _read(self, location: Location) -> "AsyncIterator[FakeContent]":
        if self.reading is not None:
            raise self.reading
        await trio.lowlevel.checkpoint()
        yield FakeContent([TEXTS[location.uid - 1]], self.ending)

    def measured(self, location: Location, message: MeasuredMessage) -> None:
        self.told[location.uid] = message

    async def update(self, plan: UpdatePlan) -> None:
        await trio.lowlevel.checkpoint()
        if self.slowly is not None:
            await self.slowly.wait()
        if self.updating is not None:
            raise self.updating
        self.plans.append(plan)

    def closed(self, record: SessionRecord, unacknowledged: UpdatePlan | None) -> None:
        self.records.append(record)
        self.unacknowledged.append(unacknowledged)
        self.over.set()


@dataclass
class FakeContent:
    """Gives its chunks, then fails or ends."""

    chunks: list[bytes]
    ending: BridgeError | None

    async def receive(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if self.chunks:
            return self.chunks.pop(0)
        if self.ending is not None:
            raise self.ending
        return b""


async def quick(stored: PasswordHash, given: Secret) -> bool:
    """Stand for the slow hash."""
    await trio.lowlevel.checkpoint()
    return stored.digest == given.reveal().encode()


class House:
    """Opens sessions of devices on one maildrop."""

    def __init__(self, nursery: trio.Nursery, maildrops: FakeMaildrops, *devices: DeviceSettings) -> None:
        self.maildrops = maildrops
        self.leases = Leases()
        self._nursery = nursery
        self.doorkeeper = ConfiguredDoorkeeper(devices or (device(),), quick)

    def call(
        self,
        peer: Peer = HOME,
        plaintext_login: PlaintextLogin = "private",
        tls: TlsMode = "none",
        certificate: tuple[str, str] | None = None,
    ) -> "Caller":
        """Connect. `certificate` are the files of certificate and key, for `tls` other than "none"."""
        server = ServerSettings("/nowhere", "/nowhere", login_timeout=60, autologout=600)
        services = Services(server, self.doorkeeper, self.maildrops, self.leases, lambda: 60.0)
        ours, theirs = memory_stream_pair()
        pairs = (certificate,) if certificate else ()
        listener = ListenerSettings("127.0.0.1", 110, tls=tls, certificates=pairs, plaintext_login=plaintext_login)
        session = DeviceSession(Stream(ours, peer), listener, ServerTls(listener) if pairs else None, services)
        self._nursery.start_soon(session.run)
        return Caller(theirs, session)

    async def reason(self) -> str:
        """Give why the first session ended, once it has: behind its last line it waits for the device to close."""
        with trio.fail_after(5):
            await self.maildrops.over.wait()
        return self.maildrops.records[0].reason


class Caller:
    """The device's end."""

    def __init__(self, stream: trio.abc.Stream, session: DeviceSession) -> None:
        self.session = session
        self._stream = stream
        self._buffer = b""

    async def say(self, *lines: str) -> None:
        """Send lines."""
        await self._stream.send_all("".join(f"{line}\r\n" for line in lines).encode())

    async def send(self, octets: bytes) -> None:
        """Send octets as they are."""
        await self._stream.send_all(octets)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands as the device."""
        assert not self._buffer, "something came behind the reply to STLS"
        secure = trio.SSLStream(self._stream, context, server_hostname="localhost", https_compatible=True)
        await secure.do_handshake()
        self._stream = secure

    async def hear(self) -> str:
        """Give the next line, or `ENDED`, which no half line may precede."""
        while b"\r\n" not in self._buffer:
            data = await self._stream.receive_some()
            if not data:
                assert not self._buffer, "the connection ended in the middle of a line"
                return ENDED
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line.decode()

    async def rest(self) -> bytes:
        """Give whatever octets come until the end, a reset counting as one."""
        found = self._buffer
        try:
            while data := await self._stream.receive_some():
                found += data
        except trio.BrokenResourceError:
            pass
        return found

    async def hear_all(self) -> list[str]:
        """Give all lines until the end."""
        found = []
        while (line := await self.hear()) != ENDED:
            found.append(line)
        return found

    async def ask(self, line: str) -> str:
        """Send a command and give the first line of its answer."""
        await self.say(line)
        return await self.hear()

    async def lines(self, line: str) -> list[str]:
        """Send a command and give the lines of its answer, the first and the dot left out."""
        assert (await self.ask(line)).startswith("+OK")
        found = []
        while (each := await self.hear()) != ".":
            assert each != ENDED
            found.append(each)
        return found

    async def log_in(self, name: str = "fax", password: str = "secret") -> str:
        """Hear the greeting and log in; gives the answer to PASS."""
        assert (await self.hear()).startswith("+OK")
        await self.ask(f"USER {name}")
        return await self.ask(f"PASS {password}")

    async def drop(self) -> None:
        """Close without QUIT."""
        await self._stream.aclose()
