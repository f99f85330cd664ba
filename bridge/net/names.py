"""Looking up names of servers, so that a name server that says nothing keeps nobody else waiting.

What the system offers blocks a thread, for as long as it likes, and cannot be called off. Trio's threads are for all:
with a few dozen accounts whose names nobody resolves, there would be none left to check a password in.
"""

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import trio

THREADS = 64
"""Look-ups under way at most, those that hang included."""

AT_ONCE = 16
"""Those among them that have not hung yet."""

HANGS_AFTER = 1.0
"""Seconds from which on a look-up is taken to hang: another may begin in its place. Our own: many times what a name
takes that is known.
"""

SLOW_AT_ONCE = 8
"""Names that hung when they were last looked up: so many of them at most are looked up at once."""

Key = tuple[Any, ...]


class _LookUp:
    """One name being looked up, for everybody who wants it."""

    def __init__(self) -> None:
        self.done = trio.Event()
        self.found: Any = None
        self.failure: OSError | ValueError | None = None
        self.began: float | None = None
        self.waiting = 0

    @property
    def hangs(self) -> bool:
        """True once it takes long."""
        return self.began is not None and trio.current_time() >= self.began + HANGS_AFTER


class Resolver(trio.abc.HostnameResolver):
    """Looks up names in threads of its own; each name in one at a time, however many want it or have given it up."""

    def __init__(self, look_up: Callable[..., Any] | None = None) -> None:
        self._look_up = look_up or socket.getaddrinfo
        self._wanted: dict[Key, _LookUp] = {}
        self._slow: set[Key] = set()

    async def getaddrinfo(
        self,
        host: Any,
        port: Any,
        family: int = 0,
        type: int = 0,  # noqa: A002 - Trio calls it so
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        """Give what `socket.getaddrinfo` gives, and raise what it raises. The caller brings the deadline."""
        key = (host, port, family, type, proto, flags)
        one = self._wanted.setdefault(key, _LookUp())
        one.waiting += 1
        try:
            while not one.done.is_set():
                self._begin_some()
                with trio.move_on_after(HANGS_AFTER):
                    await one.done.wait()
            if one.failure is not None:
                raise one.failure
            return one.found
        finally:
            one.waiting -= 1
            if one.began is None and not one.waiting:
                del self._wanted[key]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        """Nobody asks for the names of addresses."""
        await trio.lowlevel.checkpoint()
        raise NotImplementedError

    def _begin_some(self) -> None:
        running = [one for one in self._wanted.values() if one.began is not None]
        free = min(THREADS - len(running), AT_ONCE - sum(not one.hangs for one in running))
        slow = SLOW_AT_ONCE - sum(self._wanted[key].began is not None for key in self._slow & self._wanted.keys())
        waiting = [(key, one) for key, one in self._wanted.items() if one.began is None]
        quick = [each for each in waiting if each[0] not in self._slow]
        late = [each for each in waiting if each[0] in self._slow]
        for key, one in [*quick, *late[: max(0, slow)]][: max(0, free)]:
            self._begin(key, one)

    def _begin(self, key: Key, one: _LookUp) -> None:
        one.began = trio.current_time()
        token = trio.lowlevel.current_trio_token()

        def work() -> None:
            try:
                one.found = self._look_up(*key)
            except (OSError, ValueError) as failure:
                one.failure = failure

        def deliver(ended: object) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(self._ended, key, one)

        try:
            trio.lowlevel.start_thread_soon(work, deliver, "popbridge name")
        except RuntimeError as failure:  # no more threads are to be had
            one.failure = OSError(errno.EAGAIN, str(failure))
            self._forget(key, one)

    def _ended(self, key: Key, one: _LookUp) -> None:
        (self._slow.add if one.hangs else self._slow.discard)(key)
        self._forget(key, one)
        self._begin_some()

    def _forget(self, key: Key, one: _LookUp) -> None:
        del self._wanted[key]
        one.done.set()


def use_own_resolver() -> None:
    """Have names looked up by a `Resolver` in this run of Trio, unless somebody else does that already."""
    before = trio.socket.set_custom_hostname_resolver(Resolver())
    if before is not None:
        trio.socket.set_custom_hostname_resolver(before)
