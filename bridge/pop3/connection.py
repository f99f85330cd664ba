"""The sans-IO POP3 connection: octets in, events out, replies in, octets out."""

from typing import Literal

from bridge.model.names import MsgNum
from bridge.model.secret import Secret
from bridge.pop3 import limits
from bridge.pop3.capabilities import Features, capability_lines
from bridge.pop3.commands import Mistake, parse, split
from bridge.pop3.events import Closed, Event, Login, NeedData, Quit, StartTls
from bridge.pop3.lines import Line, LineReader, Overlong
from bridge.pop3.states import HEARD, State
from bridge.pop3.stuffing import Stuffer
from bridge.sasl import SaslError, decode_plain

ResponseCode = Literal["AUTH", "SYS/TEMP", "SYS/PERM", "IN-USE", "LOGIN-DELAY"]

_FOREIGN = (b"GET ", b"POST ", b"HEAD ", b"PUT ", b"OPTIONS ", b"CONNECT ", b"DELETE ", b"\x16\x03", b"SSH-2.0-")
_NEED_DATA = NeedData()


class Pop3Connection:
    """One device's conversation (RFC 1939). Commands come as events in order, the next only when the last one is
    answered, so pipelining (RFC 2449 §6.6) keeps its order. Calling a reply with no command open is a mistake of
    the caller's and raises `AssertionError`.
    """

    def __init__(self, features: Features) -> None:
        self.features = features
        self.state = State.AUTHORIZATION
        self._lines = LineReader()
        self._out = bytearray()
        self._open = False
        self._closing: str | None = None
        self._eof = False
        self._name: str | None = None
        self._sasl = False
        self._bad = 0
        self._wrong = 0
        self._first = True
        self._stuffer = Stuffer()

    @property
    def scanned(self) -> int:
        """Octets looked at so far in search of line ends."""
        return self._lines.scanned

    def greet(self, text: str = "popbridge ready") -> None:
        """Queue the greeting."""
        self._line(f"+OK {text}")

    def receive_data(self, data: bytes) -> None:
        """Take octets from the device; after QUIT they are ignored."""
        if self.state in {State.AUTHORIZATION, State.TRANSACTION} and self._closing is None:
            self._lines.feed(data)

    def receive_eof(self) -> None:
        """Take it that the device will send no more; what has arrived whole is still answered."""
        self._eof = True

    def data_to_send(self) -> bytes:
        """Give what is queued, and forget it."""
        data = bytes(self._out)
        self._out.clear()
        return data

    def next_event(self) -> Event:
        """Give the next command, or `NeedData`. What needs no answer from outside is answered here."""
        while not self._open:
            if self._closing is not None:
                self.state = State.CLOSED
                return Closed(self._closing)
            if self._first and self._foreign():
                continue
            line = self._lines.next()
            if line is None:
                if self._eof:
                    self._closing = "closed by the device"
                    continue
                return _NEED_DATA
            event = self._heard(line)
            if event is not None:
                self._open = True
                return event
        return _NEED_DATA

    def _foreign(self) -> bool:
        """True when the first octets belong to HTTP, TLS or SSH: no reply, for none would be understood."""
        start = self._lines.peek()
        if any(start.startswith(mark[: len(start)]) for mark in _FOREIGN) and len(start) < 3:
            return False
        self._first = not start
        if any(start.startswith(mark[:8]) for mark in _FOREIGN):
            self._closing = "another protocol"
            return True
        return False

    def _heard(self, line: Line | Overlong) -> Event | None:
        if isinstance(line, Overlong):
            self._end_sasl()
            self._mistake("the line is too long")
            if line.hopeless:
                self._closing = "a line without end"
            return None
        if self._sasl:
            return self._sasl_response(line.octets)
        try:
            keyword, rest = split(line.octets)
            return self._command(keyword, rest)
        except Mistake as mistake:
            self._mistake(str(mistake))
            return None

    def _command(self, keyword: bytes, rest: bytes) -> Event | None:
        keyword = keyword if keyword in HEARD else keyword.rstrip()
        if keyword not in HEARD:
            if keyword.startswith(b"X"):
                self._line("-ERR unknown command")
                return None
            raise Mistake("unknown command")
        if self.state not in HEARD[keyword]:
            raise Mistake("log in first" if self.state is State.AUTHORIZATION else "already logged in")
        event = self._dispatch(keyword, rest)
        self._bad = 0
        return event

    def _dispatch(self, keyword: bytes, rest: bytes) -> Event | None:
        match keyword:
            case b"USER":
                self._user(rest)
                return None
            case b"PASS":
                return self._pass(rest)
            case b"AUTH":
                return self._auth(rest)
            case b"STLS":
                return self._stls(rest)
            case b"CAPA":
                self._multi("capabilities follow", capability_lines(self.features))
                return None
            case b"NOOP":
                self._line("+OK")
                return None
            case b"QUIT":
                if self.state is State.TRANSACTION:
                    self.state = State.UPDATE
                return Quit()
            case _:
                return parse(keyword, rest)

    def _user(self, rest: bytes) -> None:
        name = rest.strip()
        self._name = None
        if not self.features.passwords:
            self._line(self._no_password_here())
        elif not name:
            raise Mistake("USER needs a name")
        else:
            self._name = name.decode("utf-8", "surrogateescape")
            self._line("+OK now the password")

    def _no_password_here(self) -> str:
        return "-ERR a password may not be sent here without TLS" + (": use STLS first" if self.features.tls else "")

    def _pass(self, rest: bytes) -> Login | None:
        """The password is the rest of the line, blanks and all."""
        name, self._name = self._name, None
        if name is None:
            raise Mistake("USER first")
        return Login(name, Secret(rest.decode("utf-8", "surrogateescape")), "USER")

    def _auth(self, rest: bytes) -> Login | None:
        arguments = rest.split()
        if not arguments:
            self._multi("mechanisms follow", list(self.features.mechanisms))
            return None
        if arguments[0].upper() != b"PLAIN" or len(arguments) > 2:
            self._line("-ERR unknown mechanism")
            return None
        if not self.features.passwords:
            self._line(self._no_password_here())
            return None
        if len(arguments) == 2:
            return self._plain(b"" if arguments[1] == b"=" else arguments[1])
        self._sasl = True
        self._lines.limit = limits.AUTH_LINE
        self._line("+ ")
        return None

    def _sasl_response(self, octets: bytes) -> Login | None:
        self._end_sasl()
        if octets.strip() == b"*":
            self._line("-ERR cancelled")
            return None
        return self._plain(octets.strip())

    def _end_sasl(self) -> None:
        self._sasl = False
        self._lines.limit = limits.COMMAND_LINE

    def _plain(self, response: bytes) -> Login | None:
        try:
            credentials = decode_plain(response)
        except SaslError as failure:
            self._mistake(str(failure))
            return None
        return Login(credentials.name, credentials.password, "PLAIN")

    def _stls(self, rest: bytes) -> StartTls:
        if rest.strip() or not self.features.tls:
            raise Mistake("STLS is not on offer here" if not self.features.tls else "wrong arguments for STLS")
        return StartTls()

    def _mistake(self, text: str) -> None:
        self._bad += 1
        self._line(f"-ERR {text}")
        limit = limits.BAD_AFTER_LOGIN if self.state is State.TRANSACTION else limits.BAD_BEFORE_LOGIN
        if self._bad >= limit:
            self._closing = "too many bad commands"

    # Replies.

    def _answered(self) -> None:
        assert self._open, "no command is open"
        self._open = False

    def ok(self, text: str = "") -> None:
        """Answer that it is done."""
        self._answered()
        self._line(f"+OK {text}".rstrip())

    def error(self, text: str, code: ResponseCode | None = None) -> None:
        """Answer that it cannot be done, with a response code (RFC 2449 §8) where one fits."""
        self._answered()
        self._line(f"-ERR [{code}] {text}" if code else f"-ERR {text}")

    def login_accepted(self, count: int, octets: int) -> None:
        """Open the maildrop: TRANSACTION begins."""
        self.ok(f"maildrop has {count} messages ({octets} octets)")
        self.state = State.TRANSACTION
        self._bad = 0

    def login_refused(self, text: str, code: ResponseCode) -> None:
        """Refuse a login. The third wrong password closes the connection."""
        self.error(text, code)
        if code == "AUTH":
            self._wrong += 1
            if self._wrong >= limits.WRONG_PASSWORDS:
                self._closing = "too many wrong passwords"

    def begin_tls(self) -> None:
        """Answer STLS; what the device sends from here on is the handshake, and what it sent already is dropped."""
        self._answered()
        self._line("+OK begin TLS")
        self._lines.discard()

    def tls_started(self, features: Features) -> None:
        """Go on inside TLS: what was said before is forgotten (RFC 2595 §4)."""
        self._lines.discard()
        self.features = features
        self._name = None
        self._bad = self._wrong = 0
        self._first = False

    def stat(self, count: int, octets: int) -> None:
        """Answer STAT."""
        self.ok(f"{count} {octets}")

    def scan(self, num: MsgNum, octets: int) -> None:
        """Answer LIST of one message."""
        self.ok(f"{num} {octets}")

    def unique_id(self, num: MsgNum, uidl: str) -> None:
        """Answer UIDL of one message."""
        self.ok(f"{num} {uidl}")

    def begin_lines(self, text: str) -> None:
        """Begin a listing."""
        assert self._open, "no command is open"
        self._line(f"+OK {text}")

    def lines(self, data: bytes) -> None:
        """Go on with whole lines, none of which begins with a dot."""
        self._out += data

    def end_lines(self) -> None:
        """End a listing."""
        self._answered()
        self._out += b".\r\n"

    def begin_message(self, octets: int | None) -> None:
        """Begin a message; `octets` is named only where it was measured."""
        assert self._open, "no command is open"
        self._line("+OK message follows" if octets is None else f"+OK {octets} octets")
        self._stuffer = Stuffer()

    def message(self, chunk: bytes) -> None:
        """Go on with repaired octets of the message; they are byte-stuffed here."""
        self._out += self._stuffer.feed(chunk)

    def end_message(self) -> None:
        """End a message whose last line is ended."""
        assert self._stuffer.ended, "the last line is not ended"
        self._answered()
        self._out += b".\r\n"

    def quit_accepted(self, text: str) -> None:
        """Answer QUIT: all it asked for is on disk."""
        self.ok(text)
        self._closing = "quit"

    def quit_refused(self, text: str, code: ResponseCode | None = None) -> None:
        """Answer QUIT when its deletions could not be made durable (RFC 1939 §6)."""
        self.error(text, code)
        self._closing = "update failed"

    def _multi(self, text: str, lines: list[str]) -> None:
        for line in (f"+OK {text}", *lines, "."):
            self._line(line)

    def _line(self, text: str) -> None:
        self._out += text.encode("ascii", "replace") + b"\r\n"
