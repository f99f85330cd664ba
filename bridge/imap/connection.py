"""One IMAP connection seen from the client, without the network."""

from bridge.imap.commands import Command
from bridge.imap.events import Event


class ImapConnection:
    """Give it what arrives, take its events, send what it has to send.

    The round of whoever owns the stream: send all of `data_to_send()`; `receive_data()` what came; take `next_event()`
    until `NeedData`. Take all events before receiving more: what is not taken stays buffered. Nothing here waits.

    After `ImapProtocolError` the connection is dead: every later `next_event()` and `send()` raises it again.
    `fast_rows=False` reads listings with the general parser alone; it exists for tests that compare the two.
    """

    def __init__(self, *, fast_rows: bool = True) -> None:
        raise NotImplementedError

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server said last that it can do, in capitals; empty while it has not said.

        Read from the greeting's code, untagged CAPABILITY and the code of any OK. Forgotten by `tls_started()`, and at
        the OK of LOGIN or AUTHENTICATE unless it was told anew meanwhile or with that OK: then send CAPABILITY.
        """
        raise NotImplementedError

    @property
    def enabled(self) -> frozenset[str]:
        """What ENABLE turned on, in capitals."""
        raise NotImplementedError

    @property
    def open_tags(self) -> tuple[str, ...]:
        """The tags of commands sent or queued whose end has not come, oldest first."""
        raise NotImplementedError

    @property
    def idling(self) -> bool:
        """True from `send(idle())` until `end_idle()` or the command's end."""
        raise NotImplementedError

    @property
    def body_left(self) -> int:
        """Octets still to come of the body that is being streamed; 0 between bodies."""
        raise NotImplementedError

    @property
    def scanned(self) -> int:
        """Octets looked at so far, each time they were looked at: below four times what was received."""
        raise NotImplementedError

    def receive_data(self, data: bytes) -> None:
        """Take what arrived. Empty `data` does nothing: the end is `receive_eof()`."""
        raise NotImplementedError

    def receive_eof(self) -> None:
        """The server closed. Events of what came before are still to be had, then `Closed` for ever."""
        raise NotImplementedError

    def next_event(self) -> Event:
        """Give the next event, `NeedData` when there is none.

        Raises `ImapProtocolError` for what cannot be IMAP, goes beyond a limit, answers a command never sent, comes
        behind the OK of STARTTLS, or ends in the middle of a response.
        """
        raise NotImplementedError

    def send(self, command: Command) -> str:
        """Queue a command and give its tag; several may be under way. Literals wait for the server by themselves.

        Raises `ImapMisuse` while IDLE (before `end_idle()`), AUTHENTICATE or STARTTLS is open, and for LOGIN under
        LOGINDISABLED; `UnsendableArgument` for a mailbox's name that cannot be encoded. Nothing is queued then.
        """
        raise NotImplementedError

    def end_idle(self) -> None:
        """Queue DONE, once the server has said `+`. Does nothing when no IDLE is open: it may have ended by itself."""
        raise NotImplementedError

    def data_to_send(self) -> bytes:
        """Drain what is to be sent now; empty when there is nothing."""
        raise NotImplementedError

    def tls_started(self) -> None:
        """The stream was upgraded after the OK of STARTTLS: forget everything said before (RFC 9051 §6.2.1).

        Raises `ImapMisuse` when no STARTTLS was answered OK, `ImapProtocolError` when octets had come behind that OK.
        """
        raise NotImplementedError
