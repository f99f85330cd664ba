"""A session over a stream in memory, and a maildrop behind it that can be told to fail."""

import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import trio
from trio.testing import memory_stream_pair

from bridge.adapt import STUB_OCTETS, extra
from bridge.maildrop import DeviceRecord, Maildrop, SourceView, build, decide, from_messages
from bridge.model.devices import Announced, StoredDevice
from bridge.model.failures import BridgeError
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, SessionId, Uid, Uidl, UidValidity
from bridge.model.peer import Peer
from bridge.model.places import Location, MailboxKey, MeasuredMessage, StoredMessage
from bridge.model.secret import Secret
from bridge.model.settings import (
    DeviceSettings,
    ListenerSettings,
    OnDelete,
    OnRetrieve,
    PasswordHash,
    PlaintextLogin,
    ServerSettings,
    Source,
    TlsMode,
    Way,
)
from bridge.model.update import SessionRecord, UpdatePlan
from bridge.net import ServerTls, Stream
from bridge.session import Allowance, ConfiguredDoorkeeper, DeviceSession, Hashed, Leases, Services
from bridge.session.ahead import FetchTogether

INBOX = MailboxKey(AccountId("mail"), MailboxName("INBOX"))
TEXTS = (b"Subject: one\r\n\r\nfirst\r\n.dot\r\n", b"Subject: two\n\nsecond", b"Subject: three\r\n\r\n")
HOME = Peer("127.0.0.1", 4000)
AWAY = Peer("127.0.0.2", 4000)
ENDED = "(the connection ended)"
"""What a device hears as its last line; no reply reads like that."""


def device(
    name: str = "fax",
    on_delete: OnDelete = "hide",
    networks: tuple[str, ...] = (),
    *,
    mark: str = "",
    provenance: bool = False,
    on_retrieve: OnRetrieve = "none",
    max_deletes: int = 0,
    quirks: frozenset[str] = frozenset(),
) -> DeviceSettings:
    """Give a device whose password is `secret`."""
    return DeviceSettings(
        DeviceId(name),
        name,
        name,
        Secret("secret"),
        (Source(AccountId("mail"), "INBOX", mark),),
        networks,
        on_delete,
        provenance=provenance,
        on_retrieve=on_retrieve,
        max_deletes=max_deletes,
        quirks=quirks,
    )


def shown(
    device: DeviceSettings,
    session: SessionId,
    rows: list[StoredMessage],
    hidden: set[EntrySeq],
    familiar: int,
    accessed: int,
) -> Maildrop:
    """Give what a device sees of a mailbox. Earlier sessions showed it `familiar` messages, and the last of the first
    `accessed` was sent to it.
    """
    mailbox = from_messages(INBOX, UidValidity(1), rows)
    views = [SourceView(source, (mailbox,)) for source in device.sources]
    stored = StoredDevice(
        device.id,
        announced=[Announced(row.seq, position, row.date) for position, row in enumerate(rows[:familiar])],
        decided=[row.seq for row in rows[:familiar]],
        uidls=[row.uidl for row in rows[:familiar]],
        shown=frozenset({INBOX} if familiar else ()),
        next_position=familiar,
        accessed=accessed - 1,
    )
    record = DeviceRecord(stored, counts="counts" in device.quirks)
    record.take_admission(decide(device, record, views, session, 0))
    record.take_update(UpdatePlan(device.id, session, 0, hide=tuple(hidden)))
    return build(
        device,
        record,
        views,
        session,
        extra=lambda edit, subject: extra(edit.mark, edit.provenance, subject),
        stub_octets=STUB_OCTETS,
    )


@dataclass
class FakeMaildrops:
    """Holds `texts`, given `pieces` octets at a time. `opening`, `reading`, `ending` and `updating` are raised where
    they say. `counted` is what was counted of each, its octets and its Subject. `familiar` messages were shown before,
    and the last of the first `accessed` was sent.

    `opened` has, for each time that a maildrop was opened, the sessions that had ended by then.
    """

    opening: BridgeError | None = None
    reading: BridgeError | None = None
    ending: BridgeError | None = None
    updating: BridgeError | None = None
    slowly: trio.Event | None = None
    texts: tuple[bytes, ...] = TEXTS
    pieces: int = 65536
    counted: tuple[tuple[int, int], ...] = ((-1, -1),) * 3
    familiar: int = 0
    accessed: int = 0
    plans: list[UpdatePlan] = field(default_factory=list)
    records: list[SessionRecord] = field(default_factory=list)
    unacknowledged: list[UpdatePlan | None] = field(default_factory=list)
    asked: list[Uid] = field(default_factory=list)
    told: dict[int, MeasuredMessage] = field(default_factory=dict)
    opened: list[list[SessionId]] = field(default_factory=list)
    over: trio.Event = field(default_factory=trio.Event)

    async def open(self, device: DeviceSettings, session: SessionId) -> Maildrop:
        self.opened.append([record.session for record in self.records])
        await trio.lowlevel.checkpoint()
        if self.opening is not None:
            raise self.opening
        rows = [
            StoredMessage(EntrySeq(n), Uidl(f"{n:032x}"), Uid(n), len(text), octets, 0, subject=subject)
            for n, (text, (octets, subject)) in enumerate(zip(self.texts, self.counted, strict=True), 1)
        ]
        plans = [plan for plan in (*self.plans, *self.unacknowledged) if plan is not None and plan.device == device.id]
        hidden = {seq for plan in plans for seq in plan.hide + plan.retrieved}
        return shown(device, session, rows, hidden, self.familiar, self.accessed)

    def read(
        self, entry: EntrySeq, location: Location, size: int, *, whole: bool = True
    ) -> "AbstractAsyncContextManager[FakeContent]":
        self.asked.append(location.uid)
        return self._read(location)

    @asynccontextmanager
    async def _read(self, location: Location) -> "AsyncIterator[FakeContent]":
        if self.reading is not None:
            raise self.reading
        await trio.lowlevel.checkpoint()
        text = self.texts[location.uid - 1]
        cuts = range(0, len(text), self.pieces)
        yield FakeContent([text[at : at + self.pieces] for at in cuts], self.ending)

    def spools(self, maildrop: Maildrop) -> bool:
        return False

    def spooled(self, entry: EntrySeq, location: Location) -> bool:
        return False

    def fetched(self, entry: EntrySeq, location: Location, text: Sequence[bytes]) -> None:
        return

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


async def quick(stored: Hashed, given: Secret) -> bool:
    """Stand for the slow hash."""
    await trio.lowlevel.checkpoint()
    assert isinstance(stored, PasswordHash)
    return stored.digest == given.reveal().encode("utf-8", "surrogateescape")


class House:
    """Opens sessions of devices on one maildrop."""

    def __init__(self, nursery: trio.Nursery, maildrops: FakeMaildrops, *devices: DeviceSettings) -> None:
        self.maildrops = maildrops
        self.together: FetchTogether | None = None
        self.leases = Leases()
        self._nursery = nursery
        self.doorkeeper = ConfiguredDoorkeeper(devices or (device(),), quick)

    def call(
        self,
        peer: Peer = HOME,
        plaintext_login: PlaintextLogin = "private",
        tls: TlsMode = "none",
        certificate: tuple[str, str] | None = None,
        auth: tuple[Way, ...] = ("plain",),
    ) -> "Caller":
        """Connect. `certificate` are the files of certificate and key, for `tls` other than "none"."""
        pairs = (certificate,) if certificate else ()
        listener = ListenerSettings(
            "127.0.0.1", 110, tls=tls, certificates=pairs, plaintext_login=plaintext_login, auth=auth
        )
        ours, theirs = memory_stream_pair()
        return Caller(theirs, self.take(Stream(ours, peer), listener))

    def take(self, stream: Stream, listener: ListenerSettings) -> DeviceSession:
        """Take a connection."""
        server = ServerSettings("/nowhere", "/nowhere", login_timeout=60, autologout=600)
        services = Services(
            server,
            self.doorkeeper,
            self.maildrops,
            self.leases,
            lambda: 60.0,
            together=self.together,
            allowance=Allowance(1_000_000_000),
        )
        session = DeviceSession(stream, listener, ServerTls(listener) if listener.certificates else None, services)
        self._nursery.start_soon(session.run)
        return session

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
        return await self.until_dot()

    async def until_dot(self) -> list[str]:
        """Give the lines up to the dot, which is left out."""
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
