"""What is asked of a connection: a job that its owner's task runs, and where the answer is waited for."""

from collections.abc import Awaitable, Callable
from typing import Any, Generic, TypeVar

import trio

from bridge.imap import UnsendableArgument
from bridge.model.failures import UpstreamError, UpstreamUnavailable
from bridge.upstream.link import Link, unsendable
from bridge.upstream.urgency import Urgency

T = TypeVar("T")
Job = Callable[[Link], Awaitable[T]]

DRAIN_OCTETS = 256 * 1024
"""An abandoned answer up to this long is read to its end, in any case."""

DRAIN_SECONDS = 5.0
"""How long reading an abandoned answer to its end may take."""

LONG_DRAIN_OCTETS = 4 * 1024 * 1024
LONG_DRAIN_SECONDS = 1.0
"""A longer one is read to its end if that is quick: on a fast line it takes less time than a new connection does."""


class Request(Generic[T]):
    """One job for one connection. It ends exactly once: with a value, with a failure, or abandoned.

    `notify`, if given, is called in whichever task settles it.
    """

    def __init__(self, account: str, urgency: Urgency, job: Job[T], notify: Callable[[], object] | None = None) -> None:
        self.urgency = urgency
        self.adopts = False
        self.taken_by: Any = None
        self.abandoned = False
        self.failure: UpstreamError | None = None
        self._account = account
        self._job = job
        self._notify = notify
        self._link: Link | None = None
        self._scope = trio.CancelScope()
        self._value: list[T] = []
        self._settled = trio.Event()

    @property
    def settled(self) -> bool:
        """True once it has ended."""
        return self._settled.is_set()

    async def wait(self) -> T:
        """Wait for the value. Raises the failure; cancelled, the request is abandoned."""
        try:
            await self._settled.wait()
        finally:
            if not self.settled:
                self.abandon()
        if self.failure is not None:
            raise self.failure
        return self._value[0]

    def abandon(self) -> None:
        """Nobody waits any more. What is under way is read to its end if that is near, else its connection closes."""
        self.abandoned = True
        if self._link is None:
            return
        self._link.hurry = True
        self._link.interrupt()
        seconds = _drained_within(self._link.owed)
        self._scope.deadline = min(self._scope.deadline, trio.current_time() + seconds)

    def fail(self, failure: UpstreamError) -> None:
        """End it without having run; does nothing when it has ended."""
        if not self.settled:
            self.failure = failure
            self._settle()

    async def perform(self, link: Link) -> None:
        """Run the job: the owner's part. The job's `UpstreamError` becomes the requester's."""
        self._link, link.hurry = link, False
        try:
            with self._scope:
                self._value.append(await self._job(link))
        except UpstreamError as failure:
            self.failure = failure
        except UnsendableArgument as failure:
            self.failure = unsendable(self._account, failure)
        finally:
            self._link = None
            if not self._value and self.failure is None:
                sentence = f"account {self._account}: the connection was closed before the answer came"
                self.failure = UpstreamUnavailable(self._account, sentence)
            self._settle()

    def _settle(self) -> None:
        self._settled.set()
        if self._notify is not None:
            self._notify()


def _drained_within(owed: int) -> float:
    """Give the seconds that an abandoned answer may take until its end."""
    if owed <= DRAIN_OCTETS:
        return DRAIN_SECONDS
    return LONG_DRAIN_SECONDS if owed <= LONG_DRAIN_OCTETS else 0.0
