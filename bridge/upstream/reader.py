"""One message's octets, whatever becomes of the connections they come over."""

from types import TracebackType
from typing import Self


class ContentReader:
    """Gives one message's octets in order, as the server has them. For one task at a time, within `async with`.

    Fetches ahead at most two ranges of 1 MiB, and holds no connection while its caller takes none of them. Leaving the
    `async with` gives up what was under way; it waits for nothing.

    With the quirk `no-ranges` the message is fetched as one: then it holds its connection until the caller took all.
    """

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        raise NotImplementedError

    async def receive(self) -> bytes:
        """Give the next octets, at most 64 KiB, or `b""` at the end and ever after.

        After the server dropped the connection it goes on over another, once it saw that the message is the same.
        Raises `MessageGone`, `MailboxChanged` (another UIDVALIDITY), `MessageChanged` (going on would mix two
        messages), `UpstreamRefused` (the server will not give this one message), and the other `UpstreamError`s; each
        again at every further call. Cancelled, it can be called again.
        """
        raise NotImplementedError
