"""The answering side of a connection: one reply for one request, and the queue of octets to send."""

from bridge.pop3.events import (
    AskSalt,
    CloseReason,
    Dele,
    Last,
    List,
    Login,
    Prove,
    Proven,
    Quit,
    Request,
    Retr,
    Rset,
    StartTls,
    Stat,
    Top,
    UidlAsked,
)
from bridge.pop3.replies import END, ResponseCode, error_line, ok_line
from bridge.pop3.states import STEPS, State, Step
from bridge.pop3.stuffing import DotStuffing

MAX_WRONG_PASSWORDS = 3
"""Refusals with [AUTH] after which the connection closes: ours, as most servers have it."""


class Answering:
    """Everything `Pop3Connection` says. Each method answers the one open request, and asserts that there is one.

    What is queued here stays queued until `data_to_send` takes it: after each piece of a long reply, send it, so that
    no more than that piece is ever held.
    """

    def __init__(self) -> None:
        self._state = State.AUTHORIZATION
        self._open: Request | None = None
        self._end: CloseReason | None = None
        self._out: list[bytes] = []
        self.queued = 0
        """Octets of whole messages that wait for `data_to_send`, stuffing not counted."""
        self._listing = False
        self._message: DotStuffing | None = None
        self._wrong_passwords = 0
        self._upgrading = False

    @property
    def state(self) -> State:
        """Where the session is now."""
        return self._state

    def data_to_send(self) -> bytes:
        """Take all that is queued, in order; empty when nothing is."""
        self.queued = 0
        if len(self._out) == 1:
            return self._out.pop()
        data = b"".join(self._out)
        self._out.clear()
        return data

    def greet(self, text: str = "popbridge ready") -> None:
        """Queue the greeting (RFC 1939 §4). Once, before anything else; with implicit TLS, after the handshake."""
        self._out.append(ok_line(text))

    def refuse(self, text: str, code: ResponseCode | None = None) -> None:
        """Queue a refusal in place of the greeting; the next event is Closed."""
        self._out.append(error_line(text, code))
        self._finish("refused")

    def ok(self, text: str = "") -> None:
        """Answer DELE, RSET or LAST with `+OK`."""
        self._claim(Dele, Rset, Last)
        self._out.append(ok_line(text))

    def error(self, text: str, code: ResponseCode | None = None, *, close: bool = False) -> None:
        """Answer any request but a bare UIDL with `-ERR`, before anything of a reply was begun.

        A device that gets `-ERR` for a bare UIDL believes that there are no unique-ids here, and downloads all it has
        again: drop the connection instead. `close`: the next event is Closed.
        """
        assert self._open != UidlAsked(None), "a bare UIDL is never answered with -ERR"
        match self._open:
            case Login() | AskSalt() | Prove() | Proven():
                self.login_refused(text, code, close=close)
            case Quit():
                self.quit_refused(text, code)
            case _:
                self._claim(StartTls, Stat, List, UidlAsked, Retr, Top, Dele, Last, Rset)
                self._refused(text, code, close)

    def login_accepted(self, count: int, octets: int) -> None:
        """Say that the device is let in: it is in TRANSACTION now."""
        self._claim(Login, Prove, Proven)
        self._step(Step.LOGGED_IN)
        self._out.append(ok_line(f"maildrop has {count} messages ({octets} octets)"))

    def login_refused(self, text: str, code: ResponseCode | None, *, close: bool = False) -> None:
        """Turn the device away; it may try again unless `close`, or unless this was its third [AUTH]."""
        self._claim(Login, AskSalt, Prove, Proven)
        self._wrong_passwords += code == "AUTH"
        self._refused(text, code, close)
        if self._wrong_passwords >= MAX_WRONG_PASSWORDS and self._end is None:
            self._finish("wrong passwords")

    def begin_tls(self) -> None:
        """Answer STLS with `+OK`: send it, upgrade, then call `tls_started`. Until then nothing is read."""
        self._claim(StartTls)
        self._upgrading = True
        self._out.append(ok_line("begin TLS now"))

    def stat(self, count: int, octets: int) -> None:
        """Answer STAT with the drop listing: messages not marked, and their octets (RFC 1939 §5)."""
        self._claim(Stat)
        self._out.append(b"+OK %d %d\r\n" % (count, octets))

    def scan(self, num: int, size: int) -> None:
        """Answer LIST for one message with its size in octets."""
        self._claim(List)
        self._out.append(b"+OK %d %d\r\n" % (num, size))

    def unique_id(self, num: int, uidl: str) -> None:
        """Answer UIDL for one message with its unique-id."""
        self._claim(UidlAsked)
        self._out.append(b"+OK %d %s\r\n" % (num, uidl.encode("ascii")))

    def begin_lines(self, text: str = "") -> None:
        """Begin the answer to a LIST or UIDL of all messages."""
        assert self._open in (List(None), UidlAsked(None)), f"no listing answers {self._open}"
        assert not self._listing, "the listing was begun before"
        self._listing = True
        self._out.append(ok_line(text))

    def lines(self, data: bytes) -> None:
        """Queue ready-made lines, as `scan_lines` and `uidl_lines` give them: CRLF-ended, none begins with a dot."""
        assert self._listing, "no listing was begun"
        self._out.append(data)

    def end_lines(self) -> None:
        """End the listing."""
        assert self._listing, "no listing was begun"
        self._listing = False
        self._claim(List, UidlAsked)
        self._out.append(END)

    def begin_message(self, octets: int | None = None) -> None:
        """Begin the answer to RETR or TOP; `octets` is told where it is known for certain."""
        assert isinstance(self._open, (Retr, Top)), f"no message answers {self._open}"
        assert self._message is None, "the message was begun before"
        self._message = DotStuffing()
        self._out.append(_octets_line(octets))

    def message(self, chunk: bytes) -> None:
        """Queue a chunk of the message, stuffed. It has been through `CrlfRepair`. Send before the next one."""
        assert self._message is not None, "no message was begun"
        if chunk:
            self._out.append(self._message.feed(chunk))

    def whole_message(self, message: bytes, octets: int | None = None) -> None:
        """Answer RETR with a whole message, which has been through `CrlfRepair`: begin, stuff and end it in one go."""
        self.ready_message(ready_reply(message, octets), len(message))

    def ready_message(self, reply: bytes, octets: int) -> None:
        """Answer RETR with what `ready_reply` gave for a message of so many octets."""
        assert type(self._open) is Retr, f"no message answers {self._open}"
        self._out.append(reply)
        self._open = None
        self.queued += octets

    def end_message(self) -> None:
        """End the message. To cut one that cannot be finished, close the connection instead: never end it."""
        assert self._message is not None, "no message was begun"
        assert self._message.at_line_start, "a message ends with CRLF"
        self._message = None
        self._claim(Retr, Top)
        self._out.append(END)

    def quit_accepted(self, text: str = "") -> None:
        """Answer QUIT once all it promises is on disk: the state is CLOSED, the next event Closed."""
        self._claim(Quit)
        self._out.append(ok_line(text))
        self._finish("quit")

    def quit_refused(self, text: str, code: ResponseCode | None = None) -> None:
        """Answer QUIT where its deletions are not certain to last (RFC 1939 §6): CLOSED, as "update failed"."""
        self._claim(Quit)
        self._out.append(error_line(text, code))
        self._finish("update failed")

    def _refused(self, text: str, code: ResponseCode | None, close: bool) -> None:
        self._out.append(error_line(text, code))
        if close:
            self._finish("refused")

    def _claim(self, *kinds: type[Request]) -> None:
        """Take the open request as answered."""
        assert isinstance(self._open, kinds), f"this does not answer {type(self._open).__name__}"
        assert not self._listing, "the listing was not ended"
        assert self._message is None, "the message was not ended"
        self._open = None

    def _step(self, step: Step) -> None:
        self._state = STEPS[self._state, step]

    def _finish(self, reason: CloseReason) -> None:
        self._end = reason
        self._step(Step.ENDED)


def ready_reply(message: bytes, octets: int | None = None) -> bytes:
    """Give all of the answer to RETR, of a whole message that has been through `CrlfRepair`."""
    assert message.endswith(b"\n") or not message, "a message ends with CRLF"
    return b"".join((_octets_line(octets), DotStuffing().feed(message), END))


def _octets_line(octets: int | None) -> bytes:
    return ok_line() if octets is None else b"+OK %d octets\r\n" % octets
