"""The TRANSACTION state (RFC 1939 §5): one maildrop, this session's marks, and the replies to what is asked."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, NamedTuple, assert_never

import trio

from bridge.adapt import position_stub
from bridge.maildrop import Maildrop, SourceEdit
from bridge.model.failures import MessageChanged, UpstreamError
from bridge.model.names import MsgNum
from bridge.octets import sound
from bridge.pop3 import (
    Dele,
    Last,
    List,
    Pop3Connection,
    Retr,
    Rset,
    Stat,
    Top,
    TopCut,
    UidlAsked,
    ready_reply,
    scan_lines,
    uidl_lines,
)
from bridge.session.ahead import ReadAhead
from bridge.session.answers import ALREADY_DELETED, NO_SUCH_MESSAGE, answer
from bridge.session.listings import ROWS, Listings
from bridge.session.outgoing import Outgoing
from bridge.session.ports import Content, Maildrops
from bridge.telemetry import Seldom, count, get_logger, instant

JOINED = 65_536
"""Octets of whole messages that are sent together where a device does not wait for each."""

log = Seldom(get_logger("session"))

Command = Stat | List | UidlAsked | Retr | Top | Dele | Last | Rset
Flush = Callable[[], Awaitable[None]]
OpenAhead = Callable[[Maildrop, Collection[MsgNum], Callable[[MsgNum], bool] | None], ReadAhead | None]
"""Opens what reads a maildrop ahead, given the numbers that are not fetched any more, and what tells those spooled, if
any are.
"""


class CutConnection(Exception):
    """A reply that was begun cannot be finished: the connection is cut, never ended properly."""


@dataclass(slots=True)
class Marks:
    """What this session did. Deletions become durable by QUIT alone. `accessed` is what LAST tells.

    `sent` are the messages that RETR sent whole, with how many octets were on the wire when each was.
    """

    deleted: set[MsgNum] = field(default_factory=set)
    sent: dict[MsgNum, int] = field(default_factory=dict)
    accessed: int = 0
    retr: int = 0
    top: int = 0
    octets: int = 0

    @property
    def nothing(self) -> bool:
        """True when QUIT has nothing to record."""
        return not self.deleted and not self.sent


class _Prepared(NamedTuple):
    """The reply to a RETR that has not come yet, and the message's octets that it was made of."""

    text: bytes
    reply: bytes


class Pieces:
    """A message that is here, as `Content`."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)

    async def receive(self) -> bytes:
        """Give the next octets; waits for nothing. Others get their turn when these are sent."""
        await trio.lowlevel.checkpoint_if_cancelled()
        return next(self._pieces, b"")


class Transaction:
    """Answers the commands of one logged-in session."""

    def __init__(
        self,
        device: str,
        maildrop: Maildrop,
        pop3: Pop3Connection,
        port: Maildrops,
        flush: Flush,
        on_wire: Callable[[], int],
        *,
        ahead: OpenAhead | None = None,
        joined: int = JOINED,
        listings: Listings | None = None,
    ) -> None:
        self.maildrop = maildrop
        self.marks = Marks(accessed=maildrop.accessed)
        self._device = device
        self._pop3 = pop3
        self._port = port
        self._flush = flush
        self._on_wire = on_wire
        self._spools = port.spools(maildrop)
        self._edits = maildrop.origin is not None and any(maildrop.origin.edits)
        self._open_ahead = ahead
        self._ahead: ReadAhead | None = None  # until something is fetched: most sessions only look
        self._joined = joined
        self._listings = listings or Listings()
        self._queued: list[MsgNum] = []
        self._gone = 0  # octets of what is marked, so that STAT costs the same however much that is
        self._prepared: _Prepared | None = None

    def at_once(self, command: Retr) -> bool:
        """Answer RETR of a message that is here whole: that waits for nothing. False, and nothing has happened, where
        it is for `handle`. `full` is for the caller to look at behind it.
        """
        num, maildrop = command.num, self.maildrop
        if self._ahead is None or num in self.marks.deleted or (text := self._ahead.whole(num)) is None:
            return False
        if self._spools:
            self._port.fetched(maildrop.seq(num), maildrop.location(num), (text,))
        prepared, self._prepared = self._prepared, None
        if prepared is not None and prepared.text is text:
            self._pop3.ready_message(prepared.reply, len(text))
            self._sending(num, len(text))
            return True
        try:
            self._whole(num, text)
        except MessageChanged as failure:
            self._failed(num, failure)
        return True

    def prepare(self) -> None:
        """Make the reply to what is likely to be asked next, while the device has something else to do. Waits for
        nothing, and tells nobody: a message that is not as it was listed is left to `at_once`.
        """
        likely = None if self._ahead is None or self._prepared is not None else self._ahead.next_whole()
        if likely is not None and self._as_listed(*likely):
            num, text = likely
            self._prepared = _Prepared(text, ready_reply(text, self.maildrop.sizes[num - 1]))

    @property
    def full(self) -> bool:
        """True when so much is queued that it is to be sent before the next command."""
        return self._pop3.queued >= self._joined

    async def handle(self, command: Command) -> None:
        """Answer one command. Waits for the upstream and the device; raises `CutConnection` when a reply that was
        begun cannot be ended, and whatever the device's stream raises. Marks made so far stay.
        """
        match command:
            case Stat():
                self._stat()
            case List(num=None) | UidlAsked(num=None):
                await self._listing(command)
            case Last():
                self._pop3.ok(str(self.marks.accessed))
            case Rset():
                # RFC 1460 §5: this is taken back too; to where the session began, so that nothing is fetched again.
                self.marks.deleted.clear()
                self._gone = 0
                self.marks.accessed = self.maildrop.accessed
                self._pop3.ok(f"maildrop has {len(self.maildrop)} messages")
            case List(num=number) | UidlAsked(num=number) | Retr(num=number) | Top(num=number) | Dele(num=number):
                await self._one(command, number)
            case _:
                assert_never(command)

    def flushed(self) -> None:
        """Hear that all that was queued was sent."""
        if self._queued:
            end, sent = self._on_wire(), self.marks.sent
            for num in self._queued:
                sent.setdefault(num, end)
            self._queued.clear()
            if self._ahead is not None:
                self._ahead.go_on()

    def close(self) -> None:
        """Fetch nothing more. Done again, it does nothing."""
        self._prepared = None
        if self._ahead is not None:
            self._ahead.close()

    def _stat(self) -> None:
        """STAT counts what is not marked as deleted (RFC 1939 §5)."""
        self._pop3.stat(len(self.maildrop) - len(self.marks.deleted), self.maildrop.total - self._gone)

    async def _listing(self, command: List | UidlAsked) -> None:
        left = len(self.maildrop) - len(self.marks.deleted)
        self._pop3.begin_lines(f"{left} messages")
        for at, lines in enumerate(self._lines(command)):
            if at:  # what is last goes out together with the end
                await self._flush()
            self._pop3.lines(lines)
        self._pop3.end_lines()

    def _lines(self, command: List | UidlAsked) -> Iterator[bytes]:
        """Give the lines slice by slice: kept ones, unless this session's marks make them its own."""
        scan = isinstance(command, List)
        column: Any = self.maildrop.sizes if scan else self.maildrop.uidls
        make: Callable[..., bytes] = uidl_lines
        if scan:
            make = scan_lines
        if not self.marks.deleted:
            yield from self._listings.slices(column, make)
            return
        for first in range(0, len(column), ROWS):
            yield make(first + 1, column[first : first + ROWS], self.marks.deleted)

    async def _one(self, command: List | UidlAsked | Retr | Top | Dele, num: MsgNum | None) -> None:
        if num is None or not 1 <= num <= len(self.maildrop):
            self._pop3.error(NO_SUCH_MESSAGE)
        elif num in self.marks.deleted:
            self._pop3.error(ALREADY_DELETED.format(num=num))
        elif isinstance(command, List):
            self._pop3.scan(num, self.maildrop.sizes[num - 1])
        elif isinstance(command, UidlAsked):
            self._pop3.unique_id(num, self.maildrop.uidls[num - 1])
        elif isinstance(command, Dele):
            self.marks.deleted.add(num)
            self._gone += self.maildrop.sizes[num - 1]
            count("dele")
            self._pop3.ok(f"message {num} deleted")
        elif self.maildrop.stub(num):
            await self._stub(command, num)
        else:
            await self._body(command, num)

    async def _stub(self, command: Retr | Top, num: MsgNum) -> None:
        """Send what keeps the number of a message that is not shown any more. Nothing upstream is asked for."""
        stub = position_stub(self.maildrop.uidls[num - 1])
        if isinstance(command, Retr):
            self._pop3.begin_message(len(stub))
            self._pop3.message(stub)
            await self._end_message()
            self._accessed(num, len(stub))
        else:
            self._pop3.begin_message(None)
            self._pop3.message(TopCut(command.lines).feed(stub))
            await self._end_message()
            self._looked_at()

    async def _body(self, command: Retr | Top, num: MsgNum) -> None:
        """Send a message or its beginning; what fails before the first octet is an `-ERR`, later a cut."""
        begun = False
        try:
            ahead = await self._fetched_ahead(command, num)
            if ahead is not None and len(ahead) == 1 and isinstance(command, Retr):
                self._whole(num, ahead[0])
                if self.full:
                    await self._flush()
                return
            async with self._open(command, num, ahead) as content:
                chunk = await content.receive()
                begun = True
                if isinstance(command, Retr):
                    await self._retr(num, content, chunk)
                else:
                    await self._top(command.lines, self.maildrop.edit(num), content, chunk)
        except UpstreamError as failure:
            self._failed(num, failure, begun=begun)

    def _failed(self, num: MsgNum, failure: UpstreamError, *, begun: bool = False) -> None:
        """Tell the device that a message cannot be had. Raises `CutConnection` where its reply was begun."""
        count("retr_failed")
        reply = answer(failure)
        log.say(reply.level, "message.failed", self._device, device=self._device, message=num, problem=str(failure))
        if begun:
            raise CutConnection(str(failure)) from failure
        self._pop3.error(reply.text, reply.code)

    async def _fetched_ahead(self, command: Retr | Top, num: MsgNum) -> list[bytes] | None:
        """Give a message that was fetched ahead, or is on its way. TOP takes what is here, and leaves it there."""
        if self._ahead is None and self._open_ahead is not None:
            spooled = self._spooled if self._spools else None
            self._ahead = self._open_ahead(self.maildrop, self.marks.deleted, spooled)
        if self._ahead is None:
            return None
        if isinstance(command, Top):
            return self._ahead.look(num)
        text = self._ahead.take(num)
        if text is None and self._ahead.coming(num):
            text = await self._ahead.wait(num)
        if text is not None and self._spools:
            self._port.fetched(self.maildrop.seq(num), self.maildrop.location(num), text)
        return text

    def _spooled(self, num: MsgNum) -> bool:
        return self._port.spooled(self.maildrop.seq(num), self.maildrop.location(num))

    def _open(
        self, command: Retr | Top, num: MsgNum, ahead: list[bytes] | None
    ) -> AbstractAsyncContextManager[Content]:
        if ahead is not None:
            return nullcontext(Pieces(ahead))
        location, size = self.maildrop.location(num), self.maildrop.sizes[num - 1]
        return self._port.read(self.maildrop.seq(num), location, size, whole=isinstance(command, Retr))

    def _whole(self, num: MsgNum, text: bytes) -> None:
        """Queue a message that is here whole: it goes out in one piece, or together with those that the device asked
        for with it. Raises `MessageChanged` where it is not as long as it was listed, and then nothing was queued.
        """
        listed, known = self.maildrop.sizes[num - 1], bool(self.maildrop.measured[num - 1])
        if not self._as_listed(num, text):
            text = self._repaired(num, text, listed, known)
        self._pop3.whole_message(text, listed if known else None)
        self._sending(num, len(text))

    def _sending(self, num: MsgNum, octets: int) -> None:
        self._queued.append(num)
        self._accessed(num, octets)

    def _as_listed(self, num: MsgNum, text: bytes) -> bool:
        """Tell whether a message can go out as it is: sound, and known to be as long as it is."""
        listed = self.maildrop.measured[num - 1] and len(text) == self.maildrop.sizes[num - 1]
        return bool(listed) and not self._edits and text.endswith(b"\n") and sound(text)

    def _repaired(self, num: MsgNum, text: bytes, listed: int, known: bool) -> bytes:
        outgoing = Outgoing(self.maildrop.edit(num), measure=not known)
        message = outgoing.whole(text)
        changed = known and outgoing.octets != listed
        if changed:
            outgoing = Outgoing(self.maildrop.edit(num))
            outgoing.whole(text)
        if changed or not known:
            self._port.measured(self.maildrop.location(num), outgoing.measured)
        if changed:
            raise MessageChanged("", f"message {num} of device {self._device} is no longer as long as it was listed")
        return message

    async def _retr(self, num: MsgNum, content: Content, chunk: bytes) -> None:
        edit, listed = self.maildrop.edit(num), self.maildrop.sizes[num - 1]
        known = bool(self.maildrop.measured[num - 1])
        self._pop3.begin_message(listed if known else None)
        outgoing = Outgoing(edit)
        while chunk:
            self._pop3.message(outgoing.feed(chunk))
            chunk = b""  # a slow device is waited for with one copy of it, not two
            await self._flush()
            instant("retr.sending")
            chunk = await content.receive()
        self._pop3.message(outgoing.finish())
        changed = known and outgoing.octets != listed
        if changed or not known:
            self._port.measured(self.maildrop.location(num), outgoing.measured)
        if changed:
            raise MessageChanged("", f"message {num} of device {self._device} is no longer as long as it was listed")
        await self._end_message()
        self.marks.sent.setdefault(num, self._on_wire())
        self._accessed(num, outgoing.octets)

    async def _end_message(self) -> None:
        self._pop3.end_message()
        await self._flush()

    def _accessed(self, num: MsgNum, octets: int) -> None:
        marks = self.marks
        if num > marks.accessed:
            marks.accessed = num
        marks.retr += 1
        marks.octets += octets
        count("retr")
        count("octets_sent", octets)

    async def _top(self, lines: int, edit: SourceEdit | None, content: Content, chunk: bytes) -> None:
        """TOP is cut from the octets RETR sends, and counts as nothing sent (RFC 1939 §7)."""
        self._pop3.begin_message(None)
        outgoing, cut = Outgoing(edit), TopCut(lines)
        while chunk:
            self._pop3.message(cut.feed(outgoing.feed(chunk)))
            await self._flush()
            if cut.done:
                break
            chunk = await content.receive()
        else:
            self._pop3.message(cut.feed(outgoing.finish()) + cut.finish())
        await self._end_message()
        self._looked_at()

    def _looked_at(self) -> None:
        self.marks.top += 1
        count("top")
