"""A real `popbridge serve` under attack, with an upstream in this process, and an honest device beside it."""

import base64
import contextlib
import hashlib
import os
import queue
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import trio

from bridge.sandbox import SandboxServer
from tests.support.bridge_config import Table, Value, three_doors, write_config
from tests.support.bridge_process import BridgeProcess, Door
from tests.support.certificates import Certificate
from tests.support.device import Device

PASSWORD = "owner's secret"
"""Of every device."""

HASHED = f"scrypt${2**12}$8$1${{salt}}${{digest}}".format(
    salt=base64.b64encode(b"of the siege").decode(),
    digest=base64.b64encode(
        hashlib.scrypt(PASSWORD.encode(), salt=b"of the siege", n=2**12, r=8, p=1, dklen=32, maxmem=2**25)
    ).decode(),
)
"""Its hash, a quarter as dear as usual: hundreds are checked."""

QUICK = 5.0
"""Seconds that an honest session may take beside an attack, on a machine that does other things as well."""


class UpstreamThread:
    """`with UpstreamThread(upstream) as port:` a sandbox server that runs in a thread of its own."""

    def __init__(self, upstream: SandboxServer) -> None:
        self.upstream = upstream
        self._started: queue.Queue[tuple[int, trio.lowlevel.TrioToken]] = queue.Queue()
        self._scope = trio.CancelScope()
        self._thread = threading.Thread(target=trio.run, args=(self._run,), daemon=True)

    async def _run(self) -> None:
        with self._scope:
            async with trio.open_nursery() as nursery:
                port = await nursery.start(self.upstream.run)
                self._started.put((port, trio.lowlevel.current_trio_token()))

    def __enter__(self) -> int:
        self._thread.start()
        port, self._token = self._started.get(timeout=10)
        return port

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._token.run_sync_soon(self._scope.cancel)
        self._thread.join(10)


@dataclass
class Besieged:
    """What the attackers see: the doors; and what only we see: the process. `honest` has how long the honest sessions
    took, and `memory` is what was resident before any attack, in octets.
    """

    bridge: BridgeProcess
    upstream: SandboxServer
    ca: Path
    honest: list[float] = field(default_factory=list)
    memory: int = 0

    def door(self, tls: str = "none") -> Door:
        """Give a listener by its kind of TLS."""
        return self.bridge.door(tls)

    def poll(self, login: str = "owner") -> float:
        """Let an honest device log in, list, fetch a message and quit; gives the seconds that it took."""
        began = time.monotonic()
        with Device(self.door()) as device:
            device.login(login, PASSWORD)
            assert device.unique_ids()
            assert b"letter" in device.retr(1)
            device.quit()
        return time.monotonic() - began

    @contextlib.contextmanager
    def polling(self, seconds: float = QUICK) -> Iterator[None]:
        """Let an honest device poll again and again during the block; none of its sessions may take `seconds`."""
        over, found, failed = threading.Event(), list[float](), list[BaseException]()

        def poll() -> None:
            while not over.is_set():
                try:
                    found.append(self.poll())
                except BaseException as failure:
                    failed.append(failure)
                    return
                over.wait(0.05)

        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(60)
        self.honest += found
        if failed:
            raise failed[0]
        assert found, "the honest device never got through"
        assert max(found) < seconds

    def descriptors(self) -> int:
        """Give how many descriptors the bridge has open."""
        return sum(1 for _ in Path(f"/proc/{self.bridge.pid}/fd").iterdir())

    def seconds_used(self) -> float:
        """Give the seconds of processor that the bridge has used."""
        fields = Path(f"/proc/{self.bridge.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def attacker(self, source: str = "127.6.6.6", tls: str = "none", *, buffer: int = 0) -> "Attacker":
        """Connect from an address of its own."""
        return Attacker(self.door(tls), source, buffer=buffer)


class Attacker:
    """A bare socket that reads only when told to."""

    def __init__(self, door: Door, source: str, *, buffer: int = 0) -> None:
        self.socket = socket.socket()
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        self.socket.settimeout(20)
        self.socket.bind((source, 0))
        self.socket.connect((door.host, door.port))
        self.heard = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    def send(self, octets: bytes) -> None:
        """Send octets as they are; a connection that is closed meanwhile is no failure of the attack."""
        with contextlib.suppress(OSError):
            self.socket.sendall(octets)

    def line(self) -> bytes:
        """Give one line without its end, `b""` when the other side closed."""
        while b"\r\n" not in self.heard:
            try:
                data = self.socket.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                return b""
            self.heard += data
        line, _, self.heard = self.heard.partition(b"\r\n")
        return line

    def ask(self, octets: bytes) -> bytes:
        """Send a line and give the first line of what comes back."""
        self.send(octets + b"\r\n")
        return self.line()

    def rest(self) -> bytes:
        """Give all that comes until the other side closes; a reset is an end, too."""
        found, self.heard = self.heard, b""
        with contextlib.suppress(ConnectionError):
            while data := self.socket.recv(65536):
                found += data
        return found

    def throw(self, octets: bytes) -> bytes:
        """Send octets and give all that comes back until the other side closes."""
        self.send(octets)
        return self.rest()

    def log_in(self, login: bytes = b"owner", password: bytes = PASSWORD.encode()) -> bytes:
        """Take the greeting, log in, and give the answer to PASS."""
        assert self.line().startswith(b"+OK")
        self.ask(b"USER " + login)
        return self.ask(b"PASS " + password)

    def reset(self) -> None:
        """Close with a reset."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.socket.close()


def letters(upstream: SandboxServer, count: int = 3, large: int = 0) -> None:
    """Give the upstream's user some letters, and one of `large` octets besides."""
    upstream.add_user("anna", "upstream secret")
    for number in range(1, count + 1):
        text = f"Message-ID: <{number}@example.org>\r\nSubject: letter {number}\r\n\r\nThis is letter {number}\r\n"
        upstream.deliver("anna", text.encode())
    if large:
        line = b"0123456789abcdef" * 4 + b"\r\n"
        head = b"Message-ID: <large@example.org>\r\nSubject: letter, large\r\n\r\n"
        upstream.deliver("anna", head + line * (large // len(line)))


@contextlib.contextmanager
def besieged(
    directory: Path,
    certificate: Certificate,
    *,
    devices: Mapping[str, Table] | None = None,
    server: Table | None = None,
    large: int = 0,
    environ: dict[str, str] | None = None,
) -> Iterator[Besieged]:
    """Run a bridge whose devices `owner` and `thief` read one inbox, with all three kinds of doors."""
    upstream = SandboxServer()
    letters(upstream, large=large)
    both: Mapping[str, Table] = devices or {
        name: {"password_hash": HASHED, "sources": ["family"]} for name in ("owner", "thief")
    }
    with UpstreamThread(upstream) as port:
        account: dict[str, Value] = {"host": "127.0.0.1", "port": port, "tls": "none", "user": "anna"}
        account["password"] = "upstream secret"
        config = write_config(directory, {"family": account}, both, three_doors(certificate), server)
        with BridgeProcess(config, environ=environ) as bridge:
            place = Besieged(bridge, upstream, certificate.ca)
            for each in both:
                _listed(place, each)
            place.memory = bridge.resident()
            yield place


def _listed(place: Besieged, login: str) -> None:
    """Wait until the first listing is done, and a first session is over."""
    ends = time.monotonic() + 20
    while True:
        try:
            place.poll(login)
            return
        except Exception:
            if time.monotonic() > ends:
                raise
            time.sleep(0.1)
