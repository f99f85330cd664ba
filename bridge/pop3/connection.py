"""The server's side of one POP3 connection, without a socket: octets in, requests out, replies in, octets out."""

from collections.abc import Iterable
from typing import assert_never

from bridge.pop3.commands import Apop, Auth, Capa, Command, ListMechanisms, Noop, Pass, Refused, User, parse
from bridge.pop3.events import (
    Closed,
    Dele,
    Event,
    Last,
    List,
    NeedData,
    Quit,
    Request,
    Retr,
    Rset,
    StartTls,
    Stat,
    Top,
    UidlAsked,
)
from bridge.pop3.features import Features, capabilities
from bridge.pop3.reader import Trouble
from bridge.pop3.replies import END
from bridge.pop3.signing_in import SigningIn
from bridge.pop3.states import COMMANDS, State, Step

MAX_LINES_BEFORE_LOGIN = 1000
"""Lines of any kind before a login: ours. What never counts as bad is no way to keep the server busy for ever."""

_NEED_DATA = NeedData()


class Pop3Connection(SigningIn):
    """Feed what the device sends, handle what `next_event` gives, send what `data_to_send` gives.

    Requests come one at a time: while one is open, `next_event` gives NeedData however much was fed, so that replies
    keep the order of pipelined commands (RFC 2449 §6.6). Feed little before emptying `next_event`: commands
    answered here queue replies of up to 30 times their size.

    Answered here, without an event: USER, CAPA, NOOP, a bare AUTH, all that is unknown, garbled or out of place.
    Nothing that a device sends raises. A limit that is passed queues the `-ERR` that is due, then gives Closed.
    `timestamps`, as `bridge.sasl.timestamp` makes them, are needed where APOP or CRAM-MD5 is offered.
    """

    def __init__(self, features: Features, timestamps: Iterable[bytes] = ()) -> None:
        super().__init__(features, timestamps)
        self._eof = False
        self._strange = 0

    @property
    def scanned(self) -> int:
        """Octets looked at so far: to find lines, and once more to take each apart."""
        return self._reader.scanned

    @property
    def buffered(self) -> int:
        """Octets fed and not yet taken: no more than the last feed and one unfinished line."""
        return len(self._reader)

    def receive_data(self, data: bytes) -> None:
        """Take what the device sent. Behind QUIT, and once it is over, it is ignored."""
        if self._end is None and not isinstance(self._open, Quit):
            self._reader.feed(data)

    def receive_eof(self) -> None:
        """The device sends nothing more. What is whole is still obeyed, a line without an end never is."""
        self._eof = True

    def tls_started(self, features: Features) -> None:
        """TLS is up: forget what was said before it, and drop what was fed but not yet read (RFC 2595 §4).

        Whoever calls must also have dropped what the socket gave behind STLS before the handshake.
        """
        assert self._upgrading, "begin_tls comes first"
        self._upgrading = False
        self._features = features
        self._reader.clear()
        self._name = self._exchange = None
        self._bad = 0

    def login_accepted(self, count: int, octets: int, features: Features | None = None) -> None:
        """Let the device in: it is in TRANSACTION now, with `count` messages of `octets` octets in all.

        `features` is what it is offered from now on, where that is another thing for this device than for a stranger.
        """
        super().login_accepted(count, octets)
        self._features = features or self._features

    def next_event(self) -> Event:
        """Give the next request, NeedData, or Closed. Never waits, never raises for what a device sent."""
        while self._end is None:
            if self._open is not None:
                return _NEED_DATA
            if self._upgrading and not self._eof:
                return _NEED_DATA
            line = None if self._upgrading else self._reader.next_line(response=self._limit)
            if line is None and not self._eof:
                return _NEED_DATA
            self._open = opened = self._read(line)
            if opened is not None:
                return opened
        return Closed(self._end)

    def _read(self, line: bytes | Trouble | None) -> Request | None:
        if isinstance(line, bytes):
            return self._response(line) if self._take_response_due() else self._command(line)
        match line:
            case None:
                self._finish("device closed")
            case Trouble.HTTP:
                self._finish("HTTP on a POP3 port")
            case Trouble.TLS:
                self._finish("TLS on a plain port")
            case Trouble.PROXY:
                self._finish("PROXY header from a peer that proxy_protocol does not name")
            case Trouble.ENDLESS:
                self._give_up("that line is too long", "line too long")
            case Trouble.OVERLONG:
                self._take_response_due()
                self._bad_command("that line is too long")
            case _:
                assert_never(line)
        return None

    def _take_response_due(self) -> bool:
        due, self._limit = self._limit, 0
        return due > 0

    def _command(self, line: bytes) -> Request | None:
        if self._state is State.AUTHORIZATION:
            self._strange += 1
            if self._strange > MAX_LINES_BEFORE_LOGIN:
                self._give_up("too many commands before a login", "too many commands")
                return None
        command = parse(line)
        if type(command) is Retr and self._state is State.TRANSACTION:
            return self._asked(command)  # as below, without a look at what else it might be
        if isinstance(command, Refused):
            self._bad_command(command.text, counts=command.counts)
        elif type(command) not in COMMANDS[self._state]:
            self._bad_command("log in first" if self._state is State.AUTHORIZATION else "already logged in")
        else:
            return self._obey(command)
        return None

    def _obey(self, command: Command) -> Request | None:
        match command:
            case Pass(password):
                return self._pass(password)
            case Auth():
                return self._auth(command)
            case Apop():
                return self._apop(command)
            case StartTls():
                return self._start_tls(command)
            case Quit():
                self._step(Step.QUIT_ASKED)
                self._reader.clear()
                return command
            case Stat() | List() | UidlAsked() | Retr() | Top() | Dele() | Last() | Rset():
                return self._asked(command)
            case User(name):
                self._user(name)
            case Noop():
                self._fine()
            case Capa():
                self._tell(capabilities(self._features, self._state))
            case ListMechanisms():
                self._tell(each.encode("ascii") for each in self._features.offered)
            case _:
                assert_never(command)
        return None

    def _start_tls(self, command: StartTls) -> Request | None:
        if self._features.tls:
            return self._asked(command)
        self._bad_command("TLS is not offered here")
        return None

    def _tell(self, lines: Iterable[bytes]) -> None:
        self._out.append(b"\r\n".join((b"+OK", *lines, END)))
