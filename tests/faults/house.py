"""A whole bridge under the test's clock, in front of a sandbox whose faults are scripted, and a device that asks it.

Nothing runs in a thread, so that a wait of twenty seconds costs none, and how long a device waited is known exactly.
"""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trio
import trio.testing

from bridge.control import ask
from bridge.model.names import AccountId, DeviceId
from bridge.model.secret import Secret
from bridge.model.settings import (
    AccountSettings,
    DeviceSettings,
    ListenerSettings,
    OnDelete,
    PasswordHash,
    ServerSettings,
    Settings,
    Source,
)
from bridge.net import NetError, Stream, dial
from bridge.sandbox import Rule, SandboxServer, Script
from bridge.serve.bridge import Bridge, running_bridge
from bridge.store import Runner, inline
from tests.support.messages import large_message

ANNA = AccountId("anna")
TIMEOUT = 20.0
REFRESH_WAIT = 5.0
BEGINNING = 1_800_000_000.0
"""What the wall clock says when a test begins."""

LETTERS = 4
LETTER = "Message-ID: <{0}@example.org>\r\nSubject: letter {0}\r\n\r\nHello {0}\r\n"
LARGE = large_message(300_000)

HEALED = 400.0
"""Seconds in which everything must work again once the fault is gone, however long the back-off had grown."""


PASSWORD = PasswordHash(2, 1, 1, b"salt", hashlib.scrypt(b"secret", salt=b"salt", n=2, r=1, p=1, dklen=32))
"""`secret`, at no cost."""


class Cut(Exception):
    """The bridge closed the connection."""


class Device:
    """What the device hears: whole lines, and when the connection was cut."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._input = bytearray()

    async def line(self) -> bytes:
        """Take one line, its CRLF cut off. Raises `Cut`."""
        while (end := self._input.find(b"\r\n")) < 0:
            try:
                data = await self._stream.receive_some(65536)
            except NetError as failure:
                raise Cut(bytes(self._input)) from failure
            if not data:
                raise Cut(bytes(self._input))
            self._input += data
        line = bytes(self._input[:end])
        del self._input[: end + 2]
        return line

    async def say(self, line: str) -> str:
        """Say something and give the line that answers."""
        await self._stream.send_all(line.encode() + b"\r\n")
        return (await self.line()).decode()

    async def ok(self, line: str) -> str:
        """Say something that must be answered by `+OK`."""
        answer = await self.say(line)
        assert answer.startswith("+OK"), answer
        return answer

    async def login(self, login: str = "fax") -> str:
        """Log in; gives what PASS was answered."""
        await self.ok(f"USER {login}")
        return await self.say("PASS secret")

    async def body(self) -> list[bytes]:
        """Take what follows a `+OK` up to the dot."""
        lines = []
        while (line := await self.line()) != b".":
            lines.append(line.removeprefix(b"."))
        return lines

    async def unique_ids(self) -> list[str]:
        """Give the unique-ids in their order."""
        await self.ok("UIDL")
        return [line.split()[1].decode() for line in await self.body()]

    async def retr(self, number: int) -> bytes | str:
        """Give one message, or the line that says why not. Raises `Cut` in the middle of it."""
        answer = await self.say(f"RETR {number}")
        if answer.startswith("-ERR"):
            return answer
        return b"".join(line + b"\r\n" for line in await self.body())


@dataclass
class House:
    """A bridge on a sandbox. `clock` is what is added to the wall clock's time."""

    upstream: SandboxServer
    bridge: Bridge
    settings: Settings
    clock: "Clock"
    texts: list[bytes] = field(default_factory=list)

    @property
    def script(self) -> Script:
        """The faults: rules may be added at any time."""
        assert isinstance(self.upstream.script, Script)
        return self.upstream.script

    def strike(self, *rules: Rule) -> None:
        """Have these faults happen from now on."""
        self.script.rules = list(rules)

    def heal(self) -> None:
        """Have no more faults happen. Whoever hangs in one keeps hanging."""
        self.script.rules = []

    def deliver(self, *texts: bytes) -> None:
        """Have mail come."""
        for text in texts:
            self.upstream.deliver("anna", text)
            self.texts.append(text)

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Device]:
        """Give a device that was greeted."""
        host, _, port = self.bridge.listeners[0].address.rpartition(":")
        stream = await dial(host, int(port), tls=False, ca_file="", seconds=5)
        try:
            device = Device(stream)
            assert (await device.line()).startswith(b"+OK")
            yield device
        finally:
            stream.abort()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Device]:
        """Give a device that is logged in, and see it off with QUIT."""
        async with self.connected() as device:
            answer = await device.login()
            assert answer.startswith("+OK"), answer
            yield device
            assert (await device.say("QUIT")).startswith("+OK")

    async def listed(self) -> list[str]:
        """Give the unique-ids that the device is shown."""
        async with self.session() as device:
            return await device.unique_ids()

    async def quiet(self) -> None:
        """Wait until everything is listed, known and measured."""
        with trio.fail_after(60):
            await self.bridge.listed()
            while any(await self._undone()):
                await trio.testing.wait_all_tasks_blocked(0.01)

    async def _undone(self) -> list[int]:
        accounts = (await self.ask("status"))["accounts"]
        return [box["unmeasured"] + box["unidentified"] for account in accounts for box in account["mailboxes"]]

    async def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Give a command over the control socket."""
        return await ask(self.settings.server.control, command, **arguments)


class Clock:
    """The wall clock, which may jump."""

    def __init__(self) -> None:
        self.jumped = 0.0
        self.slept = 0.0

    def now(self) -> float:
        """Give Unix seconds."""
        return BEGINNING + self.passed() + self.jumped

    def jump(self, seconds: float) -> None:
        """Set it forwards or back."""
        self.jumped += seconds

    def passed(self) -> float:
        """Give seconds that nobody sets."""
        return trio.current_time() + self.slept

    def sleep(self, seconds: float) -> None:
        """Have the machine sleep, during which no program runs and Trio's clock stands still."""
        self.slept += seconds


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """See that the block took no longer, in Trio's time."""
    began = trio.current_time()
    yield
    assert trio.current_time() - began <= seconds + 0.5


def inbox() -> SandboxServer:
    """Give an upstream that has all that intents need; it does not run yet."""
    upstream = SandboxServer(script=Script())
    upstream.add_user("anna", "secret").create("Trash", "\\Trash")
    return upstream


Change = Callable[[AccountSettings], AccountSettings]


@asynccontextmanager
async def house(
    directory: Path,
    upstream: SandboxServer | None = None,
    *,
    on_delete: OnDelete = "hide",
    undo_window: float = 0,
    account: dict[str, Any] | None = None,
    texts: list[bytes] | None = None,
    listed: bool = True,
    clock: Clock | None = None,
    runner: Runner = inline,
    change: Callable[[Settings], Settings] = lambda settings: settings,
) -> AsyncIterator[House]:
    """Run a bridge whose device `fax` reads the inbox, with some letters and a large message in it.

    `change` makes other settings of those that it would run with.
    """
    upstream = upstream or inbox()
    clock = clock or Clock()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(upstream.run)
        settings = change(_settings(directory, port, on_delete, undo_window, account or {}))
        async with running_bridge(settings, now=clock.now, passed=clock.passed, runner=runner) as bridge:
            at = House(upstream, bridge, settings, clock)
            for text in upstream.mailbox("anna"):
                at.texts.append(text.octets)
            if not at.texts:
                at.deliver(*(texts if texts is not None else letters()))
            if listed:
                await at.quiet()
            yield at
        nursery.cancel_scope.cancel()


def letters() -> list[bytes]:
    """Give small messages, each longer than the one before, and one that takes several ranges."""
    return [*(LETTER.format(number).encode() + number * b"more\r\n" for number in range(1, LETTERS + 1)), LARGE]


def _settings(directory: Path, port: int, on_delete: OnDelete, undo_window: float, account: dict[str, Any]) -> Settings:
    plain = AccountSettings(ANNA, "anna", "127.0.0.1", port, "none", "anna", Secret("secret"))
    fax = DeviceSettings(DeviceId("fax"), "fax", "fax", PASSWORD, (Source(ANNA, "INBOX"),), on_delete=on_delete)
    server = ServerSettings(
        str(directory / "state"),
        str(directory / "control.sock"),
        undo_window=undo_window,
        upstream_timeout=TIMEOUT,
        refresh_wait=REFRESH_WAIT,
    )
    return Settings(server, (ListenerSettings(host="127.0.0.1"),), {ANNA: replace(plain, **account)}, {fax.id: fax})
