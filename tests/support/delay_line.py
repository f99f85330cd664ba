"""A line with a delay, between a client and a server on loopback: it counts what crosses it.

The line is a process of its own, so that it takes no time from who measures. Its bandwidth is not limited, its window
is, as TCP's own is on any real line: at most `WINDOW` octets of a connection are under way in one direction. A new
connection takes a round trip before the server hears of it.
"""

import contextlib
import dataclasses
import json
import select
import socket
import subprocess
import sys
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

HOST = "127.0.0.1"

WINDOW = 4 * 1024 * 1024
"""Octets of one connection under way in one direction: as far as Linux lets a sender go by default (tcp_wmem)."""

PIECE = 262_144
"""Octets taken from a socket at once."""


@dataclass(frozen=True)
class Counts:
    """What crossed a line: `up` and `down` are octets to and from the server.

    A round trip is begun by octets of the client behind octets of the server; so is the first one, behind the greeting.
    """

    connections: int = 0
    up: int = 0
    down: int = 0
    round_trips: int = 0

    def __sub__(self, before: "Counts") -> "Counts":
        return Counts(*(a - b for a, b in zip(dataclasses.astuple(self), dataclasses.astuple(before), strict=True)))


class DelayLine:
    """`with DelayLine(port) as line:` a line to a port on loopback, ended with the block. Clients go to `line.port`.

    `window` is in octets, 0 for as many as there are.
    """

    host = HOST

    def __init__(self, target: int, window: int = WINDOW) -> None:
        self.port = 0
        self._arguments = [str(target), str(window)]
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.port = self._ask("port")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _ask(self, what: str, value: float = 0) -> Any:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([what, value]) + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())

    def set_round_trip(self, seconds: float) -> None:
        """Let a round trip take so long, for what is sent from now on."""
        self._ask("round trip", seconds)

    def counts(self) -> Counts:
        """Give what has crossed so far, as the client's end sees it."""
        return Counts(**self._ask("counts"))


# --- the process


@dataclass(eq=False)
class _Way:
    """One direction of a connection. `under_way` counts octets until their sender could know that they arrived."""

    source: socket.socket
    sink: socket.socket
    down: bool
    waiting: deque[tuple[float, memoryview]] = field(default_factory=deque)
    known: deque[tuple[float, int]] = field(default_factory=deque)
    under_way: int = 0
    last_due: float = 0.0
    blocked: bool = False
    ended: bool = False
    closed: bool = False


@dataclass(eq=False)
class _Connection:
    client: socket.socket
    opens: float
    server: socket.socket | None = None
    ways: tuple[_Way, ...] = ()
    server_spoke: bool = False


class _Line:
    def __init__(self, target: int, window: int) -> None:
        self.one_way = 0.0
        self._target = target
        self._window = window or sys.maxsize
        self._listener = socket.create_server((HOST, 0), backlog=1024)
        self._poll = select.epoll()
        self._connections: set[_Connection] = set()
        self._by_fd: dict[int, tuple[_Connection, _Way, _Way]] = {}
        self._watched: dict[int, int] = {}
        self._counts = {each.name: 0 for each in dataclasses.fields(Counts)}
        self._poll.register(self._listener, select.EPOLLIN)
        self._poll.register(sys.stdin, select.EPOLLIN)

    def run(self) -> None:
        """Carry octets until stdin ends."""
        asked = False
        while not asked or self._obey(sys.stdin.readline()):
            # An epoll waits in whole milliseconds; select on it does not.
            select.select([self._poll], [], [], self._pause())
            asked = False
            for fd, event in self._poll.poll(0):
                if fd == sys.stdin.fileno():
                    asked = True  # behind what came before the question
                elif fd == self._listener.fileno():
                    self._accept()
                elif fd in self._by_fd:
                    self._ready(fd, event)
            now = time.monotonic()
            for connection in list(self._connections):
                self._move(connection, now)

    def _obey(self, line: str) -> bool:
        if not line:
            return False
        what, value = json.loads(line)
        if what == "round trip":
            self.one_way = value / 2
        answer: object = self._listener.getsockname()[1] if what == "port" else self._counts
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
        return True

    def _pause(self) -> float | None:
        moments: list[float] = []
        for connection in self._connections:
            if connection.server is None:
                moments.append(connection.opens)
            for way in connection.ways:
                if way.waiting and not way.blocked:
                    moments.append(way.waiting[0][0])
                if way.known and way.under_way >= self._window:
                    moments.append(way.known[0][0])
        return max(0.0, min(moments) - time.monotonic()) if moments else None

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._counts["connections"] += 1
        # There, back, and there again: then the server accepts.
        self._connections.add(_Connection(client, time.monotonic() + 3 * self.one_way))

    def _open(self, connection: _Connection) -> None:
        try:
            server = socket.create_connection((HOST, self._target))
        except OSError:
            connection.client.close()
            self._connections.discard(connection)
            return
        server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client, connection.server = connection.client, server
        up, down = _Way(client, server, False), _Way(server, client, True)
        connection.ways = (up, down)
        for sock, reads, writes in ((client, up, down), (server, down, up)):
            sock.setblocking(False)
            self._by_fd[sock.fileno()] = (connection, reads, writes)
            self._watch(sock, reads, writes)

    def _ready(self, fd: int, event: int) -> None:
        connection, reads, writes = self._by_fd[fd]
        if event & select.EPOLLOUT:
            writes.blocked = False
        if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and not reads.ended:
            self._read(connection, reads)

    def _read(self, connection: _Connection, way: _Way) -> None:
        try:
            data = way.source.recv(PIECE)
        except BlockingIOError:
            return
        except OSError:
            self._close(connection)
            return
        if way.down:
            self._counts["down"] += len(data)
        elif data:
            self._counts["up"] += len(data)
            self._counts["round_trips"] += connection.server_spoke
            connection.server_spoke = False
        way.ended = not data
        way.under_way += len(data)
        way.last_due = max(way.last_due, time.monotonic() + self.one_way)
        way.waiting.append((way.last_due, memoryview(data)))

    def _move(self, connection: _Connection, now: float) -> None:
        if connection.server is None:
            if connection.opens <= now:
                self._open(connection)
            return
        try:
            for way in connection.ways:
                self._deliver(connection, way, now)
        except OSError:
            self._close(connection)
            return
        if all(way.closed for way in connection.ways):
            self._close(connection)
            return
        for sock, (reads, writes) in zip(
            (connection.client, connection.server), (connection.ways, connection.ways[::-1]), strict=True
        ):
            self._watch(sock, reads, writes)

    def _deliver(self, connection: _Connection, way: _Way, now: float) -> None:
        while way.waiting and way.waiting[0][0] <= now and not way.blocked:
            due, data = way.waiting.popleft()
            if not data:
                way.closed = True
                with contextlib.suppress(OSError):
                    way.sink.shutdown(socket.SHUT_WR)
                continue
            taken = self._send(way, data)
            if taken and way.down:
                connection.server_spoke = True
            if taken:
                way.known.append((now + self.one_way, taken))
            if taken < len(data):
                way.waiting.appendleft((due, data[taken:]))
                way.blocked = True
        while way.known and way.known[0][0] <= now:
            way.under_way -= way.known.popleft()[1]

    def _send(self, way: _Way, data: memoryview) -> int:
        try:
            return way.sink.send(data)
        except BlockingIOError:
            return 0

    def _watch(self, sock: socket.socket, reads: _Way, writes: _Way) -> None:
        wanted = 0
        if not reads.ended and reads.under_way < self._window:
            wanted |= select.EPOLLIN
        if writes.blocked:
            wanted |= select.EPOLLOUT
        self._register(sock.fileno(), wanted)

    def _register(self, fd: int, wanted: int) -> None:
        """Watch for nothing by not watching: an epoll always tells of a lost connection."""
        before = self._watched.pop(fd, 0)
        if wanted:
            self._watched[fd] = wanted
        if wanted and before and wanted != before:
            self._poll.modify(fd, wanted)
        elif wanted and not before:
            self._poll.register(fd, wanted)
        elif before and not wanted:
            self._poll.unregister(fd)

    def _close(self, connection: _Connection) -> None:
        for sock in (connection.client, connection.server):
            if sock is not None:
                self._register(sock.fileno(), 0)
                self._by_fd.pop(sock.fileno(), None)
                sock.close()
        self._connections.discard(connection)


if __name__ == "__main__":
    _Line(int(sys.argv[1]), int(sys.argv[2])).run()
