"""The devices' process: it is told what to do, does it, and tells what it took.

`Device` is its handle in the benchmark's own process. A job is a line of JSON on its stdin, the answer one on its
stdout; it ends with its stdin.
"""

import contextlib
import json
import math
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from types import TracebackType
from typing import Any, Self

from tests.bench import crowd, wire
from tests.bench.crowd import Script
from tests.bench.wire import Failed, Login, Pop3

AGAIN = 0.02
"""Seconds between two logins of a device that is told to come again."""


@dataclass(frozen=True)
class Fetched:
    """How many messages came, their octets on the wire, and the seconds it took."""

    messages: int
    octets: int
    seconds: float


class Device:
    """`with Device() as device:` the process that is all devices."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _do(self, what: str, **arguments: object) -> Any:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"what": what, **arguments}, default=asdict) + "\n")
        process.stdin.flush()
        answer = json.loads(process.stdout.readline() or '{"failed": "the devices\' process ended"}')
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["done"]

    def poll(self, login: Login, messages: int) -> float:
        """Connect, USER, PASS, STAT, UIDL, QUIT. Gives seconds; the maildrop must have so many messages."""
        return float(self._do("poll", login=login, messages=messages))

    def first_poll(self, login: Login, messages: int, seconds: float) -> float:
        """Poll until the maildrop is served whole. Gives the seconds, infinity when it was given up."""
        took = self._do("first_poll", login=login, messages=messages, seconds=seconds)
        return math.inf if took is None else float(took)

    def retrieve(self, login: Login, first: int, last: int, outstanding: int = 1, seconds: float = math.inf) -> Fetched:
        """Log in, fetch the messages from `first` to `last`, and QUIT. The seconds are those of the fetching alone.

        `outstanding` is how many commands may be unanswered; after `seconds` nothing more is asked for.
        """
        until = None if math.isinf(seconds) else seconds
        return Fetched(*self._do("retrieve", login=login, first=first, last=last, outstanding=outstanding, until=until))

    def poll_and_fetch(self, login: Login, newest: int, messages: int) -> float:
        """Connect, log in, STAT, UIDL, fetch the newest messages one after another, QUIT. Gives seconds."""
        return float(self._do("poll_and_fetch", login=login, newest=newest, messages=messages))

    def fetch_all(self, login: Login, first: int, last: int) -> Fetched:
        """Fetch messages by one IMAP command. The seconds are those from the connect on."""
        octets, seconds = self._do("fetch_all", login=login, first=first, last=last)
        return Fetched(last - first + 1, octets, seconds)

    def crowd(self, logins: Sequence[Login], newest: int) -> float:
        """Let all devices poll and fetch their newest messages at once. Gives the seconds until all have ended."""
        return float(self._do("crowd", logins=logins, newest=newest))

    def log_in_often(self, logins: Sequence[Login], times: int) -> float:
        """Let all devices at once log in and QUIT, each so often. Gives logins a second."""
        return len(logins) * times / float(self._do("log_in_often", logins=logins, times=times))

    @contextlib.contextmanager
    def idle(self, logins: Sequence[Login]) -> Iterator[None]:
        """Have all devices logged in and silent for the block."""
        count = self._do("idle", logins=logins)
        try:
            yield
        finally:
            self._do("release", count=count)


# --- the process


def _poll(login: Login, messages: int) -> float:
    began = time.perf_counter()
    with Pop3(login) as pop3:
        pop3.log_in()
        count = pop3.stat()
        listing = pop3.listing(b"UIDL")
        pop3.quit()
        took = time.perf_counter() - began
    unique_ids = listing.count(b"\n") - 2
    if count != messages or unique_ids != messages:
        raise Failed(f"{login.name}: {count} messages, {unique_ids} unique-ids, not {messages}")
    return took


def _first_poll(login: Login, messages: int, seconds: float) -> float | None:
    began = time.perf_counter()
    while (left := seconds - (time.perf_counter() - began)) > 0:
        try:
            _poll(replace(login, patience=left), messages)
            return time.perf_counter() - began
        except TimeoutError:
            return None
        except Failed as failure:
            if "[SYS/TEMP]" not in str(failure):
                raise
            time.sleep(AGAIN)
    return None


def _retrieve(login: Login, first: int, last: int, outstanding: int, until: float | None) -> tuple[int, int, float]:
    with Pop3(login) as pop3:
        pop3.log_in()
        pop3.stat()
        began = time.perf_counter()
        end = began + (math.inf if until is None else until)
        numbers = range(first, last + 1)
        if outstanding > 1:
            done, octets = pop3.retrieve_pipelined(numbers, end, outstanding)
        else:
            done, octets = pop3.retrieve_each(numbers, end)
        took = time.perf_counter() - began
        pop3.quit()
    return done, octets, took


def _poll_and_fetch(login: Login, newest: int, messages: int) -> float:
    began = time.perf_counter()
    with Pop3(login) as pop3:
        pop3.log_in()
        count = pop3.stat()
        pop3.listing(b"UIDL")
        for number in range(count - newest + 1, count + 1):
            pop3.retrieve(number)
        pop3.quit()
        took = time.perf_counter() - began
    if count != messages:
        raise Failed(f"{login.name}: {count} messages, not {messages}")
    return took


class _Worker:
    def __init__(self) -> None:
        self._idle: list[socket.socket] = []

    def crowd(self, logins: list[Login], newest: int) -> float:
        return self._run([iter([(login, crowd.poll_and_fetch(login, newest))]) for login in logins])

    def log_in_often(self, logins: list[Login], times: int) -> float:
        def chain(login: Login) -> Iterator[tuple[Login, Script]]:
            return ((login, crowd.log_in_and_quit(login)) for _ in range(times))

        return self._run([chain(login) for login in logins])

    def _run(self, chains: Sequence[Iterator[tuple[Login, Script]]]) -> float:
        took, sockets = crowd.run(chains)
        for each in sockets:
            each.close()
        return took

    def idle(self, logins: list[Login]) -> int:
        _, sockets = crowd.run([iter([(login, crowd.log_in(login))]) for login in logins])
        self._idle += sockets
        return len(sockets)

    def release(self, count: int) -> None:
        for _ in range(count):
            with self._idle.pop() as sock:
                sock.sendall(b"QUIT\r\n")
                sock.recv(512)

    @property
    def jobs(self) -> dict[str, Callable[..., object]]:
        return {
            "poll": _poll,
            "first_poll": _first_poll,
            "retrieve": _retrieve,
            "poll_and_fetch": _poll_and_fetch,
            "fetch_all": wire.fetch_all,
            "crowd": self.crowd,
            "log_in_often": self.log_in_often,
            "idle": self.idle,
            "release": self.release,
        }


def _login(given: Any) -> Any:
    return [Login(**each) for each in given] if isinstance(given, list) else Login(**given)


def main() -> None:
    """Do what stdin says until it ends."""
    worker = _Worker()
    for line in sys.stdin:
        arguments = json.loads(line)
        job = worker.jobs[arguments.pop("what")]
        arguments |= {name: _login(arguments[name]) for name in ("login", "logins") if name in arguments}
        try:
            answer = {"done": job(**arguments)}
        except (Failed, OSError) as failure:
            answer = {"failed": f"{type(failure).__name__}: {failure}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
