"""One IMAP connection seen from the client, without the network."""

from dataclasses import replace
from typing import Final

from bridge.imap.commands import Command
from bridge.imap.deflate import Deflate
from bridge.imap.encode import LiteralMode
from bridge.imap.errors import ImapMisuse, ImapProtocolError
from bridge.imap.events import (
    BodyChunk,
    Capabilities,
    Closed,
    Code,
    Continuation,
    Enabled,
    Event,
    FetchedBody,
    Greeting,
    NeedData,
    Response,
    Status,
    Tagged,
)
from bridge.imap.reader import Reader
from bridge.imap.sending import Sender

_NEED_DATA: Final = NeedData()
_CLOSED: Final = Closed()
_LAYERS: Final = frozenset({"STARTTLS", "COMPRESS"})
_OCTETS: Final = frozenset({FetchedBody, BodyChunk})
_SIGN_INS: Final = frozenset({"LOGIN", "AUTHENTICATE"})


class ImapConnection:
    """Give it what arrives, take its events, send what it has to send.

    The round of whoever owns the stream: send all of `data_to_send()`; `receive_data()` what came; take `next_event()`
    until `NeedData`. Take all events before receiving more: what is not taken stays buffered. Nothing here waits.
    While `packed`, more is to be had of what came already: `receive_data(b"")` unpacks it, a little at a time.

    After `ImapProtocolError` the connection is dead: every later `next_event()` and `send()` raises it again.
    `fast=False` reads listings and messages with the general parser alone; it exists for tests that compare the two.
    """

    def __init__(self, *, fast: bool = True) -> None:
        self._reader = Reader(fast=fast)
        self._sender = Sender()
        self._capabilities: frozenset[str] = frozenset()
        self._enabled: frozenset[str] = frozenset()
        self._open: dict[str, Command] = {}
        self._sent = 0
        self._told_since_sign_in = False
        self._tls_granted = False
        self._layer: Deflate | None = None
        self._ended = False
        self._failure: ImapProtocolError | None = None

    @property
    def capabilities(self) -> frozenset[str]:
        """What the server said last that it can do, in capitals; empty while it has not said.

        Read from the greeting's code, untagged CAPABILITY and the code of any OK. Forgotten by `tls_started()`, and at
        the OK of LOGIN or AUTHENTICATE unless it was told anew meanwhile or with that OK: then send CAPABILITY.
        """
        return self._capabilities

    @property
    def enabled(self) -> frozenset[str]:
        """What ENABLE turned on, in capitals."""
        return self._enabled

    @property
    def open_tags(self) -> tuple[str, ...]:
        """The tags of commands sent or queued whose end has not come, oldest first."""
        return tuple(self._open)

    @property
    def idling(self) -> bool:
        """True from `send(idle())` until `end_idle()` or the command's end."""
        return self._sender.idling

    @property
    def compressed(self) -> bool:
        """True from the OK of COMPRESS on: what is sent and what arrives is packed (RFC 4978 §3)."""
        return self._layer is not None

    @property
    def packed(self) -> bool:
        """True while what arrived is not all unpacked: `receive_data(b"")` goes on, before anything is received."""
        return self._layer is not None and self._layer.unread

    @property
    def body_left(self) -> int:
        """Octets still to come of the body that is being streamed; 0 between bodies."""
        return self._reader.body_left

    @property
    def scanned(self) -> int:
        """Octets looked at so far, each time they were looked at: below four times what was received."""
        return self._reader.scanned

    @property
    def held(self) -> int:
        """Octets that arrived and are not given yet: once all events were taken, of one unfinished response at most."""
        return self._reader.held + (len(self._layer) if self._layer is not None else 0)

    def receive_data(self, data: bytes) -> None:
        """Take what arrived; of packed octets only so much is unpacked as bounds what is held. Empty `data` is no end:
        that is `receive_eof()`.
        """
        if self._layer is None:
            self._reader.feed(data)
            return
        self._layer.feed(data)
        self._unpack(self._layer)

    def _unpack(self, layer: Deflate) -> None:
        try:
            self._reader.feed(layer.take())
        except ImapProtocolError as failure:
            self._failure = self._failure or failure

    def receive_eof(self) -> None:
        """The server closed. Events of what came before are still to be had, then `Closed` for ever."""
        self._ended = True

    def next_event(self) -> Event:
        """Give the next event, `NeedData` when there is none.

        Raises `ImapProtocolError` for what cannot be IMAP, goes beyond a limit, answers a command never sent, comes
        behind the OK of STARTTLS, cannot be unpacked, or ends in the middle of a response.
        """
        if self._failure is not None:
            raise self._failure
        try:
            return self._next_event()
        except ImapProtocolError as failure:
            self._failure = failure
            raise

    def send(self, command: Command) -> str:
        """Queue a command and give its tag; several may be under way. Literals wait for the server by themselves.

        Raises `ImapMisuse` while IDLE (before `end_idle()`), AUTHENTICATE, STARTTLS or COMPRESS is open, for LOGIN
        under LOGINDISABLED, and for COMPRESS and STARTTLS once all is compressed. Nothing is queued then.
        """
        if self._failure is not None:
            raise self._failure
        if command.handshake == "LOGIN" and "LOGINDISABLED" in self._capabilities:
            raise ImapMisuse("LOGIN cannot be sent while the server says LOGINDISABLED")
        if self._tls_granted:
            raise ImapMisuse(f"{command.name} cannot be sent before TLS has started")
        if self._layer is not None and command.handshake in _LAYERS:
            raise ImapMisuse(f"{command.name} cannot be sent once all is compressed")
        tag = f"A{self._sent + 1}"
        self._sender.send(tag, command)
        self._sent += 1
        self._open[tag] = command
        if command.handshake in _SIGN_INS:
            self._told_since_sign_in = False
        return tag

    def respond(self, response: bytes | None) -> None:
        """Queue the response to AUTHENTICATE's challenge, which came as a `Continuation`; None cancels the exchange.

        Raises `ImapMisuse` when none waits: each challenge is answered once.
        """
        self._sender.respond(response)

    def end_idle(self) -> None:
        """Queue DONE, once the server has said `+`. Does nothing when no IDLE is open: it may have ended by itself."""
        self._sender.end_idle()

    def data_to_send(self) -> bytes:
        """Drain what is to be sent now; empty when there is nothing."""
        data = self._sender.drain()
        return self._layer.pack(data) if data and self._layer is not None else data

    def tls_started(self) -> None:
        """The stream was upgraded after the OK of STARTTLS: forget everything said before (RFC 9051 §6.2.1).

        Raises `ImapMisuse` when no STARTTLS was answered OK, `ImapProtocolError` when octets had come behind that OK.
        """
        if not self._tls_granted:
            raise ImapMisuse("TLS has started without a STARTTLS that was answered OK")
        self._refuse_octets_behind_starttls()
        self._tls_granted = False
        self._enabled = frozenset()
        self._learn(frozenset())

    def _next_event(self) -> Event:
        if self._tls_granted:
            self._refuse_octets_behind_starttls()
        response = self._reader.next()
        if response is not None:
            # Of octets of messages, which are most of what comes, nothing is to be noticed.
            return response if type(response) in _OCTETS else self._noticed(response)
        if not self._ended or self.packed:
            return _NEED_DATA
        if self._reader.unread:
            raise ImapProtocolError("The server closed the connection in the middle of a response.")
        return _CLOSED

    def _noticed(self, response: Response) -> Response:
        match response:
            case Tagged():
                return self._end(response)
            case Continuation():
                self._sender.go_on()
            case Capabilities(names):
                asked = any(command.name == "CAPABILITY" for command in self._open.values())
                # An answer to CAPABILITY sent before LOGIN may tell what was so before it.
                self._told_since_sign_in = not asked
                self._learn(names)
            case Greeting(kind="OK" | "PREAUTH", code=code) | Status(kind="OK", code=code):
                self._learn_code(code)
            case Enabled(names):
                self._enabled |= names
                self._settle()
            case _:
                pass
        return response

    def _end(self, response: Tagged) -> Tagged:
        command = self._open.pop(response.tag, None)
        if command is None or self._sender.unsent(response.tag):
            raise ImapProtocolError("The server answered a command that was never sent.")
        if response.kind == "OK":
            if command.handshake in _SIGN_INS and not self._told_since_sign_in:
                self._learn(frozenset())
            self._learn_code(response.code)
            self._tls_granted = command.handshake == "STARTTLS"
            if command.handshake == "COMPRESS":
                # What came behind this OK is packed already; it is unpacked in the next round.
                self._layer = Deflate()
                self._layer.feed(self._reader.give_back())
        self._sender.ended(response.tag)
        if self._tls_granted:
            self._refuse_octets_behind_starttls()
        return replace(response, command=command.name)

    def _refuse_octets_behind_starttls(self) -> None:
        if self._reader.unread:
            self._failure = ImapProtocolError("The server sent octets behind the OK of STARTTLS, outside of TLS.")
            raise self._failure

    def _learn_code(self, code: Code | None) -> None:
        if code is not None and code.name == "CAPABILITY":
            self._told_since_sign_in = True
            self._learn(code.names)

    def _learn(self, names: frozenset[str]) -> None:
        self._capabilities = names
        self._settle()

    def _settle(self) -> None:
        """Work out how literals and mailbox names are written from now on."""
        literals: LiteralMode = ""
        if "LITERAL+" in self._capabilities:
            literals = "LITERAL+"
        elif self._capabilities & {"LITERAL-", "IMAP4REV2"}:
            literals = "LITERAL-"  # which IMAP4rev2 includes (RFC 9051, Appendix E)
        # A server that offers both revisions speaks the older until the newer is enabled (RFC 9051, Appendix A).
        newer_only = "IMAP4REV2" in self._capabilities and "IMAP4REV1" not in self._capabilities
        utf8 = newer_only or bool(self._enabled & {"IMAP4REV2", "UTF8=ACCEPT"})
        self._sender.literals = literals
        self._sender.utf8 = self._reader.utf8 = utf8
