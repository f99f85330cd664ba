"""One account's connections, seen from the other rooms."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

import trio

from bridge.model.names import Uid, UidValidity
from bridge.model.places import Location, MailboxKey
from bridge.model.settings import AccountSettings
from bridge.model.update import Intent
from bridge.upstream.health import AccountHealth
from bridge.upstream.outcome import Outcome
from bridge.upstream.reader import ContentReader
from bridge.upstream.report import ProbeReport
from bridge.upstream.watcher import Watcher


class Account:
    """An account's connections, at most `max_connections`, the watcher's included; opened when needed.

    `timeout` is in seconds: for connecting, for each whole command, and for progress of bodies and listings. Methods
    raise the `UpstreamError`s of the model, whose sentences name the account. A password that the server refused is
    not tried again: everything raises `UpstreamLoginFailed` at once, until `sign_in_again`.
    """

    def __init__(self, settings: AccountSettings, *, timeout: float) -> None:
        raise NotImplementedError

    async def run(self, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Own the connections until cancelled. `started` at once: nothing is connected before it is needed.

        Nothing but `probe` works before; afterwards everything raises `UpstreamUnavailable`.
        """
        raise NotImplementedError

    @property
    def health(self) -> AccountHealth:
        """How the connections are now."""
        raise NotImplementedError

    def sign_in_again(self) -> None:
        """Forget that the password was refused: the next request tries it."""
        raise NotImplementedError

    def watch(self) -> AbstractAsyncContextManager[Watcher]:
        """Open the watcher's connection, signed in. One watcher at a time."""
        raise NotImplementedError

    def read(self, location: Location, size: int) -> ContentReader:
        """Open one message, with `async with`. `size` is what it is thought to have, in octets: a hint."""
        raise NotImplementedError

    async def measure(
        self, key: MailboxKey, uidvalidity: UidValidity, uids: Sequence[Uid], sink: Callable[[Uid, int], None]
    ) -> None:
        """Count messages' octets after line-end repair; readers go first. What the server will not give is left out.

        `sink` is called in the caller's task, for what was counted also when this raises. Raises `MailboxChanged`.
        """
        raise NotImplementedError

    async def carry_out(self, intent: Intent) -> Outcome:
        """Do what was promised, if the message is still the one it was promised for. Cancelled: it may be done."""
        raise NotImplementedError

    async def probe(self) -> ProbeReport:
        """Look at the server over a connection of its own, in the caller's task; needs no `run`."""
        raise NotImplementedError
