"""One connection to a server: the stream and the protocol together, driven by the one task that owns it."""

from collections.abc import Callable
from typing import Final

import trio

from bridge.imap import Command, ImapConnection, ImapProtocolError, UnsendableArgument, commands
from bridge.imap.events import BodyChunk, Closed, Event, FetchedBody, NeedData, Status, Tagged
from bridge.model.failures import UpstreamBroken, UpstreamError, UpstreamRefused, UpstreamUnavailable
from bridge.model.secret import repeats
from bridge.net import NetError, Stream, secure
from bridge.telemetry import count
from bridge.upstream.failures import Asked, Dropped, asked_of, quoted, refusal
from bridge.upstream.pace import Pace
from bridge.upstream.patience import Patience
from bridge.upstream.selected import Selected
from bridge.upstream.urgency import Urgency

CHUNK_OCTETS = 256 * 1024
"""Received at once at most, so no chunk of a body is larger."""

LOGOUT_SECONDS = 2.0
"""How long a server may take over LOGOUT before it is simply closed."""

EVENT_LIMIT = 1_000_000
"""Untagged responses to one command that asks for a bounded answer. Our own: beyond any account."""


_OCTETS: Final = frozenset({FetchedBody, BodyChunk})
"""Most of what comes; nothing about a connection or a mailbox follows from them."""


class Link:
    """Commands out, events in; every wait has a deadline. Only its owner's task waits for it; what does not wait
    (`begin`, `nudge`, `interrupt`) others may call while a job of theirs is being done.

    After a failure `lost` is set: everything raises it, and all that can be done is `close`. `hurry` says that nobody
    waits for the answers to the commands under way any more. `resyncs` is False once the server refused to tell what
    happened since. `overhear` is given every event but octets of messages: what a server tells by itself comes at any
    time. `received` is told how many octets came.
    """

    def __init__(self, account: str, stream: Stream, timeout: float) -> None:
        self.account = account
        self.stream = stream
        self.timeout = timeout
        self.imap = ImapConnection()
        self.selected: Selected | None = None
        self.lost: UpstreamError | None = None
        self.last_heard = trio.current_time()
        self.pace = Pace()
        self.hurry = False
        self.resyncs = True
        self.wanted: Callable[[Urgency], bool] = lambda urgency: False
        self.overhear: Callable[[Event], None] = lambda event: None
        self.unsayable: set[str] = set()
        self.received: Callable[[int], None] = lambda octets: None
        self._owes: dict[str, int] = {}
        self._openings: dict[str, Selected] = {}
        self._keepers: dict[str, Callable[[Event], None]] = {}
        self._ended: dict[str, Tagged] = {}
        self._listening: trio.CancelScope | None = None
        self._receiving: trio.CancelScope | None = None
        self._nudged = False
        self._half_sent = False
        self._eof = False
        self._bye = ""
        self._asked = Asked()

    def patience(self) -> Patience:
        """Give the deadline of a command that begins now."""
        return Patience(self.timeout)

    @property
    def owed(self) -> int:
        """About how many octets the commands under way will still bring."""
        return sum(self._owes.values())

    @property
    def clean(self) -> bool:
        """True when nothing is under way, so that the next command can follow."""
        return self.lost is None and not self._half_sent and not self.imap.open_tags

    def sayable(self, text: str) -> str:
        """Give a server's words, or none where it repeats what it was sent to sign in, or a piece of that: some repeat
        a whole command that they do not like, or its beginning.
        """
        return "" if repeats(text, self.unsayable) else text

    def can(self, capability: str) -> bool:
        """Tell whether the server offers something."""
        return capability in self.imap.capabilities

    # --- commands

    def begin(self, command: Command, owed: int = 0, keep: Callable[[Event], None] | None = None) -> str:
        """Queue a command; it goes out at the next `step` or `nudge`. `owed` is about how many octets it will bring.

        `keep` is given every untagged event until the command's end. Of several commands under way a server may carry
        out the later one first, so it must pick out its own.
        """
        if self.lost is not None:
            raise self.lost
        try:
            tag = self.imap.send(command)
        except ImapProtocolError as failure:
            raise self._broken(failure) from failure
        if owed:
            self._owes[tag] = owed
        if keep is not None:
            self._keepers[tag] = keep
        return tag

    def nudge(self) -> None:
        """Have what was queued sent at once, also while the owner waits in a `step` for what comes."""
        if self._receiving is not None:
            self._nudged = True
            self._receiving.cancel()

    async def step(self, patience: Patience) -> Event:
        """Give the next event, `Tagged` included; waits until the deadline at most, then the connection is lost."""
        while True:
            event = self._next()
            if not isinstance(event, NeedData):
                return event
            await self._exchange(patience)

    async def finish(self, tag: str, patience: Patience, keep: Callable[[Event], None] | None = None) -> Tagged:
        """Wait for the end of a command, giving every other event to `keep`."""
        for _ in range(EVENT_LIMIT):
            if (answer := self._ended.pop(tag, None)) is not None:
                return answer
            event = await self.step(patience)
            if isinstance(event, Tagged):
                self._ended[event.tag] = event
            elif keep is not None:
                keep(event)
        raise self.lose(UpstreamBroken(self.account, f"account {self.account}: the server's answer has no end"))

    def answered(self, tag: str) -> bool:
        """Tell whether the end of a command has come, for `finish` to take."""
        return tag in self._ended

    async def ask(self, command: Command, keep: Callable[[Event], None] | None = None) -> Tagged:
        """Send a command and wait for its end, NO and BAD included."""
        return await self.finish(self.begin(command), self.patience(), keep)

    async def must(self, what: str, command: Command, keep: Callable[[Event], None] | None = None) -> Tagged:
        """Send a command and wait for its OK. Raises `refusal` otherwise; `what` reads like `list mailboxes`."""
        answer = await self.ask(command, keep)
        if answer.kind != "OK":
            raise self.refused(what, answer)
        return answer

    def refused(self, what: str, answer: Tagged) -> UpstreamError:
        """Make the failure for a NO or BAD; one that says that the connection is of no use makes it so."""
        failure = refusal(self.account, what, answer)
        if isinstance(failure, Dropped):
            self.lost = failure
        return failure

    async def open(self, command: Command, selected: Selected) -> Tagged:
        """Send EXAMINE or SELECT. After its OK, `selected` is what is open; after NO nothing is (RFC 3501 §6.3.1)."""
        return await self.finish(self.begin_open(command, selected), self.patience())

    def begin_open(self, command: Command, selected: Selected, keep: Callable[[Event], None] | None = None) -> str:
        """Queue EXAMINE or SELECT, as `begin` does: commands behind it find that mailbox open, if it opens."""
        tag = self.begin(command, keep=keep)
        self._openings[tag] = selected
        return tag

    # --- what the server says by itself

    async def listen(self, deadline: float) -> bool:
        """Take what comes by itself: True when something came, False at `deadline` or when interrupted.

        Something may have come already, with the answer to a command: then nothing is waited for.
        """
        if self._drain():
            await trio.lowlevel.checkpoint()
            return True
        with trio.CancelScope(deadline=deadline) as scope:
            self._listening = scope
            try:
                await self._transfer(None)
            finally:
                self._listening = None
            self._drain()
            return True
        return False

    def interrupt(self) -> None:
        """End a `listen` that is under way; from any task."""
        if self._listening is not None:
            self._listening.cancel()

    def _drain(self) -> bool:
        found = False
        while not isinstance(event := self._next(), NeedData):
            found = True
            if isinstance(event, Tagged):
                self._ended[event.tag] = event
        return found

    # --- the wire

    def _next(self) -> Event:
        if self.lost is not None:
            raise self.lost
        try:
            event = self.imap.next_event()
        except ImapProtocolError as failure:
            # A response that the server cut off is no more than an end of the connection.
            raise (self._dropped() if self._eof else self._broken(failure)) from failure
        if isinstance(event, Closed):
            raise self._dropped()
        if type(event) not in _OCTETS:
            self._note(event)
        return event

    def _note(self, event: Event) -> None:
        self.overhear(event)
        if isinstance(event, Tagged):
            self._end(event)
            return
        for keep in self._keepers.values():
            keep(event)
        mailbox = self._meant() if self._openings else self.selected
        if mailbox is not None:
            mailbox.note(event)
        if isinstance(event, Status) and event.kind == "BYE":
            self._bye = self.sayable(event.text) or "BYE"
            self._asked = asked_of(event.code.name if event.code else "", event.text)

    def _meant(self) -> Selected | None:
        """Give the mailbox that responses are about: servers carry out commands in their order."""
        oldest = next(iter(self.imap.open_tags), "")
        return self._openings.get(oldest, self.selected)

    def _end(self, event: Tagged) -> None:
        self._keepers.pop(event.tag, None)
        if (opened := self._openings.pop(event.tag, None)) is not None:
            opened.note(event)
            opened.settled = event.kind == "OK"
            self.selected = opened if opened.settled else None
        self._owes.pop(event.tag, None)

    async def _exchange(self, patience: Patience) -> None:
        with trio.CancelScope(deadline=patience.deadline) as scope:
            await self._transfer(scope)
        if self._nudged:
            self._nudged = False
        elif scope.cancelled_caught:
            sentence = f"account {self.account}: the server took longer than {self.timeout:g} s to answer"
            raise self.lose(UpstreamUnavailable(self.account, sentence))

    async def _transfer(self, nudged: trio.CancelScope | None) -> None:
        """Send what is due, then receive once, or unpack some of what came. What is sent is small, so that neither side
        can block the other. A nudge ends `nudged`, but only once all was sent.
        """
        try:
            if data := self.imap.data_to_send():
                self._half_sent = True
                await self.stream.send_all(data)
                self._half_sent = False
            if self.imap.packed:
                await trio.lowlevel.checkpoint()
                self.imap.receive_data(b"")
                return
            self._receiving = nudged
            received = await self.stream.receive_some(CHUNK_OCTETS)
        except NetError as failure:
            sentence = f"account {self.account}: {failure}{quoted(self._bye)}"
            raise self._gone(sentence) from failure
        finally:
            self._receiving = None
        self._take(received)

    def _take(self, received: bytes) -> None:
        if not received:
            self._eof = True
            self.imap.receive_eof()
            return
        now = trio.current_time()
        self.pace.took(len(received), now - self.last_heard)
        self.last_heard = now
        self._pay(len(received))
        count("upstream_octets", len(received))
        self.received(len(received))
        self.imap.receive_data(received)

    def _pay(self, octets: int) -> None:
        """Take what arrived as the answers to the oldest commands; what is still owed of one goes with its end."""
        for tag, owed in self._owes.items():
            self._owes[tag] = owed - min(octets, owed)
            octets -= min(octets, owed)
            if not octets:
                return

    def _dropped(self) -> UpstreamError:
        sentence = f"account {self.account}: the server closed the connection{quoted(self._bye)}"
        return self._gone(sentence)

    def _gone(self, sentence: str) -> UpstreamError:
        asked = self._asked
        failure = Dropped(self.account, sentence, asked.pause, throttled=asked.throttled, crowded=asked.crowded)
        return self.lose(failure)

    def _broken(self, failure: ImapProtocolError) -> UpstreamError:
        return self.lose(UpstreamBroken(self.account, f"account {self.account}: {failure}"))

    def lose(self, failure: UpstreamError) -> UpstreamError:
        """Give the connection up, for a reason that everything raises from now on; gives it back, to be raised."""
        self.lost = failure
        return failure

    # --- its beginning and its end

    async def start_tls(self, host: str, ca_file: str) -> None:
        """Upgrade after the OK of STARTTLS. Octets behind that OK are fatal, and so is a handshake that fails."""
        try:
            # Before the handshake, so that octets behind the OK are seen while they are known to be in clear.
            self.imap.tls_started()
            await secure(self.stream, host, ca_file, self.timeout)
        except ImapProtocolError as failure:
            raise self._broken(failure) from failure
        except NetError as failure:
            raise self.lose(UpstreamBroken(self.account, f"account {self.account}: {failure}")) from failure

    async def log_out(self) -> None:
        """Take leave of the server, if it listens; CLOSE is never sent, for it expunges (RFC 3501 §6.4.2)."""
        with trio.move_on_after(LOGOUT_SECONDS):
            try:
                await self.ask(commands.logout())
            except UpstreamError:
                return

    async def close(self) -> None:
        """Close the stream, whatever is under way; cancelled or not it is closed, within a second, and what TLS took
        is given back.
        """
        try:
            await self.stream.aclose()
        finally:
            self.stream.forget()


def unsendable(account: str, failure: UnsendableArgument) -> UpstreamRefused:
    """Make the failure for what no command can carry."""
    return UpstreamRefused(account, f"account {account}: {failure}")
