"""The connection that lists and watches."""

from collections.abc import Awaitable, Callable

from bridge.imap import UidSet
from bridge.model.names import MailboxName, Uid
from bridge.model.places import ListedMessage, MailboxState

Sink = Callable[[list[ListedMessage]], Awaitable[None]]


class Watcher:
    """Lists and watches mailboxes over one connection, opened read-only. For one task at a time.

    Every wait has a deadline. All methods raise `UpstreamError`s; after `UpstreamUnavailable` or `UpstreamBroken` the
    connection is gone: leave the `async with` and open another. A cancelled call may have ended the connection too.
    """

    @property
    def pushes(self) -> bool:
        """True when the server tells of changes by itself (IDLE), False when it is asked again and again."""
        raise NotImplementedError

    @property
    def last_heard(self) -> float:
        """When the server last sent anything, in Trio's time."""
        raise NotImplementedError

    async def resolve(self, selector: str) -> MailboxName:
        """Give the mailbox that a selector names; a special use such as `\\Junk`, or a name as people write it.

        Raises `MailboxMissing`, with what comes close in its sentence.
        """
        raise NotImplementedError

    async def examine(self, mailbox: MailboxName) -> MailboxState:
        """Open the mailbox read-only and give its state as it is now. Raises `MailboxMissing`."""
        raise NotImplementedError

    async def status(self, mailbox: MailboxName) -> MailboxState:
        """Give the state of any mailbox; the examined one stays open. Raises `MailboxMissing`."""
        raise NotImplementedError

    async def list_messages(self, first: Uid, sink: Sink) -> None:
        """Hand the examined mailbox's messages from `first` on to `sink`, in UID order, each once, about 1000 a time.

        Returns after the server's tagged OK: only then is a message that did not come not there. Raises
        `MailboxChanged` when the mailbox was renumbered since `examine`. What `sink` raises is passed on.
        """
        raise NotImplementedError

    async def all_uids(self) -> UidSet:
        """Give every UID of the examined mailbox. Raises `MailboxChanged` as `list_messages` does."""
        raise NotImplementedError

    async def wait(self, seconds: float) -> bool:
        """Wait until the examined mailbox changed since it was examined: True. False after `seconds` without that.

        IDLE where the server has it, renewed every two minutes, so that a dead connection is noticed; else NOOP every
        `poll_interval`.
        """
        raise NotImplementedError
