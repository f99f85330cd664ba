"""Many devices at once, in one loop: each session is a generator that gives what to send and is given the answer."""

import select
import socket
import time
from collections.abc import Generator, Iterator, Sequence

from tests.bench.wire import BUFFER, END, PATIENCE, Failed, Login

Say = tuple[bytes, bool]
"""What to send, and whether the answer has many lines."""

Script = Generator[Say, bytes, None]


def poll_and_fetch(login: Login, fetch: int) -> Script:
    """Log in, list, fetch the newest `fetch` messages one after another, and QUIT."""
    yield from log_in(login)
    stat = yield b"STAT", False
    yield b"UIDL", True
    count = int(stat.split()[1])
    for number in range(count - fetch + 1, count + 1):
        yield b"RETR %d" % number, True
    yield b"QUIT", False


def log_in(login: Login) -> Script:
    """Send USER and PASS."""
    yield b"USER " + login.name.encode(), False
    yield b"PASS " + login.password.encode(), False


def log_in_and_quit(login: Login) -> Script:
    """The shortest session that logs in."""
    yield from log_in(login)
    yield b"QUIT", False


class _Session:
    def __init__(self, login: Login, script: Script) -> None:
        self.socket = login.connect()
        self.ended = False
        self._login = login
        self._script = script
        self._long = False
        self._begun = False
        self._got = bytearray()

    def receive(self, buffer: bytearray) -> None:
        """Take what came; a whole answer is given to the script, and what it says next is sent."""
        count = self.socket.recv_into(buffer)
        self._got += memoryview(buffer)[:count]
        if not count or self._got.startswith(b"-ERR"):
            raise Failed(f"{self._login.name}: {bytes(self._got[:80])!r}")
        if self._got.endswith(END if self._long else b"\n"):
            answer = bytes(self._got)
            self._got.clear()
            self._answered(answer)

    def _answered(self, answer: bytes) -> None:
        try:
            say, self._long = self._script.send(answer) if self._begun else next(self._script)
        except StopIteration:
            self.ended = True
        else:
            self._begun = True
            self.socket.sendall(say + b"\r\n")


def run(chains: Sequence[Iterator[tuple[Login, Script]]]) -> tuple[float, list[socket.socket]]:
    """Run all chains at once; in each, one session after another.

    Gives the seconds, and each chain's last connection, which is still open.
    """
    buffer = bytearray(BUFFER)
    began = time.perf_counter()
    left: list[socket.socket] = []
    at: dict[int, tuple[_Session, Iterator[tuple[Login, Script]]]] = {}
    with select.epoll() as poll:

        def start(chain: Iterator[tuple[Login, Script]], former: socket.socket | None) -> None:
            following = next(chain, None)
            if following is None:
                left.extend([former] if former else [])
                return
            if former:
                former.close()
            session = _Session(*following)
            at[session.socket.fileno()] = session, chain
            poll.register(session.socket, select.EPOLLIN)

        for chain in chains:
            start(chain, None)
        while at:
            ready = poll.poll(PATIENCE)
            if not ready:
                raise Failed(f"nothing came for {PATIENCE:g} s")
            for fd, _ in ready:
                session, chain = at[fd]
                session.receive(buffer)
                if session.ended:
                    poll.unregister(fd)
                    del at[fd]
                    start(chain, session.socket)
    return time.perf_counter() - began, left
