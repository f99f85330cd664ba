"""Floods of 64 MB at a bridge of its own process: it grows by less than 16 MB, and goes on."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import trio

from bridge.sandbox import ALL_CAPABILITIES, Moment, SandboxServer
from bridge.sandbox.faults import Fault, Flood, Reset, Say
from tests.faults.outcome import Outcome
from tests.support.bridge_config import Table, write_config
from tests.support.bridge_process import BridgeProcess
from tests.support.device import Cut, Device, Refused
from tests.support.messages import large_message
from tests.support.ports import wait_until

OCTETS = 64_000_000
GROWTH = 16_000_000
LETTER = b"Message-ID: <%d@example.org>\r\nSubject: letter\r\n\r\nHello\r\n"
PIECE = 65_536
LARGE = large_message(3_000_000)
HEADER = b"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (X)] {60000}\r\n"
SECONDS = 30.0
PATIENCE = 1
"""`upstream_timeout`: what is slow to read is given up after that, however much more would come."""

OUTCOME = Outcome(
    hears="its list, or `-ERR [SYS/TEMP]`",
    within="`upstream_timeout`",
    left="nothing changed; less than 16 MB of memory for a flood of 64 MB",
)


def many(line: bytes) -> Flood:
    """Say a line again and again."""
    piece = line * max(1, PIECE // len(line))
    return Flood(piece, OCTETS // len(piece))


def numbers(start: bytes, between: bytes) -> tuple[Fault, ...]:
    """Say one line of every other number, without an end."""
    each = 5000

    def piece(n: int) -> bytes:
        first = 1_000_000_000 + 2 * each * n
        return between.join(b"%d" % (first + 2 * k) for k in range(each)) + between

    return Say(start), Flood(piece, OCTETS // (each * 11))


def vanished(n: int) -> bytes:
    """Give a whole line of a million UIDs, each time others."""
    first = 1_000_000_000 + 2_000_000 * n
    return b"* VANISHED (EARLIER) " + b",".join(b"%d" % (first + 2 * k) for k in range(1_000_000)) + b"\r\n"


def row(n: int) -> bytes:
    """Give lines of a listing, each of another message."""
    line = b'* %d FETCH (UID %d RFC822.SIZE 70 INTERNALDATE "01-Jan-2026 00:00:00 +0000")\r\n'
    return b"".join(line % (k, k) for k in range(1000 * n + 1, 1000 * n + 1001))


FLOODS: Mapping[str, tuple[str, tuple[Fault, ...]]] = {
    "a line without an end": ("UID FETCH", (many(1000 * b"x"),)),
    "chatter": ("UID FETCH", (many(b"* OK still here, still here, still here" + 160 * b"!" + b"\r\n"),)),
    "lines of 60 KB": ("UID FETCH", (many(b"* OK " + 60_000 * b"x" + b"\r\n"),)),
    "flags": ("UID FETCH", (many(b"* 1 FETCH (FLAGS (\\Seen" + 20 * b" $Keyword9" + b"))\r\n"),)),
    "100,000 parentheses": ("UID FETCH", (many(b"* 1 FETCH " + 100_000 * b"(" + b"\r\n"),)),
    "a literal of 10 GB": ("UID FETCH", (Say(b"* LIST () NIL {10000000000}\r\n"), many(1000 * b"x"))),
    "a literal of 10 GB nobody knows": ("UID FETCH", (Say(b"* XODD {10000000000}\r\n"), many(1000 * b"x"))),
    "strings": ("UID FETCH", (many(b"* LIST () NIL {60000}\r\n" + 60_000 * b"x" + b"\r\n"),)),
    "a text of 10 GB nobody asked for": (
        "UID FETCH",
        (Say(b"* 9 FETCH (UID 9 BODY[] {10000000000}\r\n"), many(1000 * b"x")),
    ),
    "header fields": ("UID FETCH", (many(HEADER + 60_000 * b"x" + b")\r\n"),)),
    "rows": ("UID FETCH", (Flood(row, OCTETS // 80_000),)),
    "a search": ("UID SEARCH", numbers(b"* SEARCH ", b" ")),
    "VANISHED": ("EXAMINE", (Flood(vanished, OCTETS // 11_000_000),)),
    "a message of 10 GB": ("RETR", (Say(b"* 1 FETCH (UID 4 BODY[]<0> {10000000000}\r\n"), many(1000 * b"x"))),
    "compressed chatter": ("UID FETCH", (many(b"* OK still here, still here, still here" + 160 * b"!" + b"\r\n"),)),
}  # fmt: skip


@dataclass
class Floods:
    """A script that floods each user once, at a command of its own; `over` once the flood is at its end."""

    waiting: dict[str, tuple[str, tuple[Fault, ...]]] = field(default_factory=dict)
    flooded: dict[str, int] = field(default_factory=dict)
    answered: set[str] = field(default_factory=set)

    def consider(self, moment: Moment) -> tuple[Fault, ...]:
        if moment.point == "tagged" and self.flooded.get(moment.user) == moment.connection:
            self.answered.add(moment.user)
        command, faults = self.waiting.get(moment.user, ("", ()))
        if command == "Reset" and moment.point == "command":
            self.waiting[moment.user] = ("EXAMINE", faults)
            return (Reset(),)
        if moment.point != "command" or moment.command != command:
            return ()
        del self.waiting[moment.user]
        self.flooded[moment.user] = moment.connection
        return faults


class Server:
    """A sandbox with a user for each flood."""

    def __init__(self, without: frozenset[str] = frozenset()) -> None:
        self.script = Floods()
        self.sandbox = SandboxServer(script=self.script, capabilities=ALL_CAPABILITIES - without)

    def add(self, user: str) -> None:
        self.sandbox.add_user(user, "secret")
        for number in range(3):
            self.sandbox.deliver(user, LETTER % number)
        self.sandbox.deliver(user, LARGE)

    def begin(self, user: str, command: str, faults: tuple[Fault, ...]) -> None:
        """Have the flood come, and what makes the bridge ask."""
        self.script.waiting[user] = (command, faults)
        match command:
            case "UID SEARCH":
                self.sandbox.expunge(user, "INBOX", 2)
            case "EXAMINE":
                self.script.waiting[user] = ("Reset", faults)
                self.sandbox.deliver(user, LETTER % 9)
            case _:
                self.sandbox.deliver(user, LETTER % 9)

    def over(self, user: str) -> bool:
        """Tell whether all of the flood was sent, or nobody took it any more."""
        number = self.script.flooded.get(user)
        return number is not None and (number not in self.sandbox._open or user in self.script.answered)


def accounts(server: Server, names: list[str]) -> Iterator[tuple[str, Table]]:
    for name in names:
        user = name.replace(" ", "-").replace(",", "")
        server.add(user)
        yield (
            user,
            {"host": "127.0.0.1", "port": server.sandbox.port, "tls": "none", "user": user, "password": "secret"},
        )


def fetch(bridge: BridgeProcess, user: str) -> None:
    """Read a message for as long as it is given."""
    with suppress(Cut, Refused, OSError), Device(bridge.door()) as device:
        device.login(user, "secret")
        device.retr(4)


def peak(bridge: BridgeProcess, *, forget: bool = False) -> int:
    """Give the most that was ever resident, in octets; or from now on."""
    if forget:
        Path(f"/proc/{bridge.pid}/clear_refs").write_text("5")
    status = Path(f"/proc/{bridge.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:"))


async def test_a_flood_of_64_mb_takes_less_than_16_mb(tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        full, plain = Server(), Server(frozenset({"QRESYNC", "ESEARCH", "COMPRESS=DEFLATE"}))
        for server in (full, plain):
            await nursery.start(server.sandbox.run)
        users = {name.replace(" ", "-").replace(",", ""): name for name in FLOODS}
        tables = {
            **dict(accounts(plain, ["a search"])),
            **dict(accounts(full, [name for name in FLOODS if name != "a search"])),
        }
        tables["compressed-chatter"] = {**tables["compressed-chatter"], "quirks": ["compress"]}
        devices: dict[str, Table] = {user: {"password": "secret", "sources": [user]} for user in tables}
        bridge = BridgeProcess(write_config(tmp_path, tables, devices, server={"upstream_timeout": PATIENCE}))
        try:
            await trio.to_thread.run_sync(bridge.start)
            await trio.to_thread.run_sync(partial(listed, bridge))
            grown = {}
            for user, name in users.items():
                server, (command, faults) = plain if name == "a search" else full, FLOODS[name]
                base = peak(bridge, forget=True)
                if command == "RETR":
                    server.script.waiting[user] = ("UID FETCH", faults)
                    nursery.start_soon(partial(trio.to_thread.run_sync, fetch, bridge, user, abandon_on_cancel=True))
                else:
                    server.begin(user, command, faults)
                await trio.to_thread.run_sync(wait_until, partial(server.over, user), SECONDS, name)
                grown[name] = peak(bridge) - base
            assert {name: octets for name, octets in grown.items() if octets >= GROWTH} == {}
        finally:
            await trio.to_thread.run_sync(bridge.kill)
            nursery.cancel_scope.cancel()


def listed(bridge: BridgeProcess) -> None:
    """Wait until all accounts are listed, known and measured."""
    for user in bridge.config.read_text().split("[device.")[1:]:
        with Device(bridge.door()) as device:
            device.login(user.partition('"')[2].partition('"')[0], "secret")
