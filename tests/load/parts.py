"""The parts of the load: each yields its figures."""

import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass

from tests.bench import crowd, machine
from tests.bench.grounds import Bridge
from tests.bench.mailboxes import Mailbox
from tests.bench.wire import END, Failed, Login, Pop3
from tests.load.figures import Figure
from tests.load.place import bridge, connected, descriptors, fill, memory, octets_of, session, upstream, watch
from tests.support.dovecot import Dovecot

IDLE = 1000
POLLING = 500
SLOW = 100
SLOW_OCTETS = 20_000_000
SLOW_SECONDS = 10.0
MANY = 200_000
ACCOUNTS = 500

TITLES = {
    "idle": f"{IDLE:,} idle",
    "polling": f"{POLLING} at once",
    "slow": f"{SLOW} slow",
    "large": f"{MANY:,} messages",
    "accounts": f"{ACCOUNTS} accounts",
}
"""What the parts are called in the table."""

OTHER = 5000
"""The number of the honest device, which gives it an address of its own."""

SMALL = Mailbox("small", 20, 4096)
LARGE = Mailbox("large", 5, SLOW_OCTETS)
HUGE = Mailbox("huge", MANY, 1024)


@dataclass(frozen=True)
class Given:
    """How long what runs for as long as it is let run is let run, in seconds."""

    seconds: float


def idle(given: Given) -> Iterator[Figure]:
    """1,000 connections that say nothing, in clear and in TLS; then 1,000 sessions, and a login a second."""
    part = TITLES["idle"]
    with upstream({SMALL.user: SMALL.password}) as server:
        fill(server, SMALL)
        devices = {f"idle{number}": SMALL.user for number in range(IDLE)} | {"other": SMALL.user}
        with bridge(server, [SMALL], devices) as running:
            yield from _unauthenticated(part, running, _other(running))
        with bridge(server, [SMALL], devices) as running:
            yield from _sessions(part, running, _other(running), given.seconds)


def _other(running: Bridge) -> Login:
    """Give the login of the honest device, which has had a session."""
    other = running.login("other", OTHER)
    session(other, SMALL.messages)
    return other


def _unauthenticated(part: str, running: Bridge, other: Login) -> Iterator[Figure]:
    for tls, name, most in (("none", "plain", 40.0), ("implicit", "TLS", None)):
        before, began = memory(running), time.monotonic()
        with ExitStack() as all_of_them:
            sockets = [all_of_them.enter_context(closing(each)) for each in connected(running, IDLE, tls)]
            if tls == "none":
                greeted = sum(each.recv(100).startswith(b"+OK") for each in sockets)
            else:
                secure = [all_of_them.enter_context(closing(_secured(each))) for each in sockets]
                greeted = sum(each.recv(100).startswith(b"+OK") for each in secure)
            took = time.monotonic() - began
            each_one = (memory(running) - before) / IDLE / 1000
            login = session(other, SMALL.messages)
        yield Figure(part, f"{name} connections that were not greeted", IDLE - greeted, "", 1)
        yield Figure(part, f"until all {name} ones were greeted", took, "s")
        yield Figure(part, f"memory of a {name} connection before its login", each_one, "KB", most)
        yield Figure(part, f"another device's session beside the {name} ones", login, "s", 1)


def _secured(raw: socket.socket) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(raw)


def _sessions(part: str, running: Bridge, other: Login, seconds: float) -> Iterator[Figure]:
    before = memory(running)
    logins = [running.login(f"idle{number}", number // 20) for number in range(IDLE)]
    _, sockets = crowd.run([iter([(login, crowd.log_in(login))]) for login in logins])
    with ExitStack() as all_of_them:
        for each in sockets:
            all_of_them.enter_context(closing(each))
        slowest = watch(min(10.0, seconds), lambda: session(other, SMALL.messages))
        full, open_then = memory(running), descriptors(running)
        slowest = max(slowest, watch(seconds, lambda: session(other, SMALL.messages)))
        grown, leaked = memory(running) - full, descriptors(running) - open_then
        for each in sockets:
            each.sendall(b"NOOP\r\n")
        alive = sum(each.recv(100).startswith(b"+OK") for each in sockets)
    yield Figure(part, "memory of a session that is logged in and silent", (full - before) / IDLE / 1000, "KB", 256)
    yield Figure(part, f"growth in {seconds:.0f} s of a login a second", grown / 1e6, "MB", 2)
    yield Figure(part, f"descriptors more after these {seconds:.0f} s", leaked, "", 3)
    yield Figure(part, "slowest of these logins, with a list, a message and QUIT", slowest, "s", 1)
    yield Figure(part, "silent sessions that were lost meanwhile", IDLE - alive, "", 1)


def polling(given: Given) -> Iterator[Figure]:
    """500 devices that poll at one time, as at the full hour."""
    part = TITLES["polling"]
    with upstream({SMALL.user: SMALL.password}) as server:
        fill(server, SMALL)
        names = [f"poll{number}" for number in range(POLLING)]
        with bridge(server, [SMALL], dict.fromkeys(names, SMALL.user)) as running:
            logins = [running.login(name, number) for number, name in enumerate(names)]
            for what in ("first poll of each, with a message", "second poll of each, with a message"):
                took, sockets = crowd.run([iter([(login, crowd.poll_and_fetch(login, 1))]) for login in logins])
                for connection in sockets:
                    connection.close()
                yield Figure(part, what, took, "s")


def slow(given: Given) -> Iterator[Figure]:
    """100 devices over one account that take a large message slowly, then as fast as they can."""
    part = TITLES["slow"]
    with upstream({LARGE.user: LARGE.password}) as server:
        fill(server, LARGE)
        names = [f"slow{number}" for number in range(SLOW)]
        with bridge(server, [LARGE], dict.fromkeys([*names, "other"], LARGE.user)) as running:
            other = running.login("other", OTHER)
            session(other, 0)
            before = memory(running)
            with ExitStack() as all_of_them:
                taking = [
                    all_of_them.enter_context(_Taking(running.login(name, number), number % LARGE.messages + 1))
                    for number, name in enumerate(names)
                ]
                ends = time.monotonic() + SLOW_SECONDS
                while time.monotonic() < ends:
                    for each in taking:
                        each.take(2048)
                    time.sleep(0.05)
                held = memory(running) - before
                connections = running.status()["accounts"][0]["connections"]
                began = time.monotonic()
                with Pop3(other) as honest:
                    honest.log_in()
                    honest.retrieve(1)
                    honest.quit()
                yield Figure(
                    part, "another device's session with one of these messages", time.monotonic() - began, "s", 5
                )
                yield Figure(part, "memory for each of them", held / SLOW / 1000, "KB")
                yield Figure(part, "connections to the account", connections, "", 4)
                began, used = time.monotonic(), machine.cpu_seconds([running.pid])
                octets = _rest(taking)
                yield Figure(part, "all the rest to all of them", time.monotonic() - began, "s")
                used = machine.cpu_seconds([running.pid]) - used
                yield Figure(part, "processor time for that", used, "s")
                short = sum(got != each.expected for got, each in zip(octets, taking, strict=True))
                yield Figure(part, "messages that were not whole", short, "", 1)


_BUFFER = memoryview(bytearray(1 << 20))


class _Taking:
    """A device that takes a message bit by bit. `expected` is how many octets its answer has, the first line aside."""

    def __init__(self, login: Login, number: int) -> None:
        self.socket = login.connect()
        self.socket.setsockopt(1, 8, 65536)  # SOL_SOCKET, SO_RCVBUF
        self.expected = octets_of(number, SLOW_OCTETS) + len(b".\r\n")
        self.got = 0
        self.tail = b""
        for line in (b"", b"USER " + login.name.encode(), b"PASS " + login.password.encode(), b"RETR %d" % number):
            if line:
                self.socket.sendall(line + b"\r\n")
            answer = b""
            while not answer.endswith(b"\n"):
                answer += self.socket.recv(1)
            if not answer.startswith(b"+OK"):
                raise Failed(f"{login.name}: {answer!r}")

    def __enter__(self) -> "_Taking":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def take(self, most: int) -> bool:
        """Take some; False at the end of the message."""
        count = self.socket.recv_into(_BUFFER, most)
        if not count:
            raise Failed("the server closed in the middle of a message")
        self.got += count
        self.tail = (self.tail + bytes(_BUFFER[max(0, count - len(END)) : count]))[-len(END) :]
        return self.tail != END


def _rest(taking: list[_Taking]) -> list[int]:
    with select.epoll() as poll:
        by_fd = {each.socket.fileno(): each for each in taking}
        for fd in by_fd:
            poll.register(fd, select.EPOLLIN)
        while by_fd:
            for fd, _ in poll.poll(60):
                if not by_fd[fd].take(1 << 20):
                    poll.unregister(fd)
                    del by_fd[fd]
    return [each.got for each in taking]


def large(given: Given) -> Iterator[Figure]:
    """An account of 200,000 messages."""
    part = TITLES["large"]
    with upstream({each.user: each.password for each in (HUGE, SMALL)}) as server:
        fill(server, HUGE)
        nothing = _with_little(server)
        began = time.monotonic()
        with bridge(server, [HUGE], {"huge": HUGE.user}, measured=False) as running:
            login = running.login("huge")
            while not _served(login):
                time.sleep(0.1)
            yield Figure(part, "from the start to the first poll that is served", time.monotonic() - began, "s", 60)
            yield Figure(
                part, "a poll with STAT, UIDL and a message", min(session(login, MANY) for _ in range(5)), "s", 1
            )
            yield Figure(part, "memory", (memory(running) - nothing) / 1e6, "MB", 200)


def _with_little(server: Dovecot) -> int:
    """Give what a bridge takes that has one small account, in octets."""
    fill(server, SMALL)
    with bridge(server, [SMALL], {"other": SMALL.user}) as running:
        _other(running)
        return memory(running)


def _served(login: Login) -> bool:
    try:
        session(login, MANY)
    except Failed as failure:
        if "[SYS/TEMP]" not in str(failure):
            raise
        return False
    return True


def accounts(given: Given) -> Iterator[Figure]:
    """500 accounts, each with its device."""
    part = TITLES["accounts"]
    boxes = [Mailbox(f"box{number}", 3, 2048) for number in range(ACCOUNTS)]
    with upstream({each.user: each.password for each in (*boxes, SMALL)}) as server:
        for each in boxes:
            fill(server, each)
        nothing = _with_little(server)
        began = time.monotonic()
        with bridge(server, boxes, {each.user: each.user for each in boxes}, measured=False) as running:
            yield Figure(part, "from the start to `ready`", time.monotonic() - began, "s", 10)
            running.wait_measured()
            yield Figure(part, "from the start until all are listed and measured", time.monotonic() - began, "s", 60)
            logins = [running.login(each.user, number) for number, each in enumerate(boxes)]
            took, sockets = crowd.run([iter([(login, crowd.poll_and_fetch(login, 1))]) for login in logins])
            for connection in sockets:
                connection.close()
            yield Figure(part, "all their devices polling at once, with a message", took, "s")
            yield Figure(part, "memory for each account", (memory(running) - nothing) / ACCOUNTS / 1000, "KB", 256)
            yield Figure(part, "descriptors for each account", descriptors(running) / ACCOUNTS, "", 3)


PARTS = {"idle": idle, "polling": polling, "slow": slow, "large": large, "accounts": accounts}
