"""One device connection, from greeting to close."""

import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from typing import assert_never

import trio

from bridge.maildrop import Maildrop, unacknowledged_plan, update_plan
from bridge.model.failures import BridgeError, StoreError
from bridge.model.logins import MECHANISMS
from bridge.model.names import DeviceId, MsgNum, SessionId
from bridge.model.settings import DeviceSettings, ListenerSettings, ServerSettings, Way
from bridge.model.update import SessionRecord, UpdatePlan
from bridge.net import DeviceIdle, DevicePump, NetError, ServerTls, Stream
from bridge.pop3 import (
    AskSalt,
    Closed,
    Dele,
    Features,
    Last,
    List,
    Login,
    NeedData,
    Pop3Connection,
    Prove,
    Proven,
    Quit,
    Retr,
    Rset,
    StartTls,
    Stat,
    Top,
    UidlAsked,
)
from bridge.sasl import Proof, timestamp
from bridge.session.ahead import Allowance, FetchTogether, ReadAhead
from bridge.session.answers import NOT_REMOVED, TOO_MANY, WRONG_LOGIN, answer
from bridge.session.handshakes import counted_handshake, negotiated, said_at, through
from bridge.session.lease import Leases
from bridge.session.listings import Listings
from bridge.session.places import peer_group
from bridge.session.ports import Doorkeeper, Maildrops
from bridge.session.reception import clear_enough
from bridge.session.retention import expire
from bridge.session.transaction import JOINED, Command, CutConnection, Transaction
from bridge.telemetry import Seldom, count, get_logger, instant

UPDATE_DEADLINE = 15.0
"""Seconds a QUIT may wait for its commit before the device hears that nothing is certain."""

TURN = 8
"""Commands that a device is answered before others get their turn, where it does not wait for the replies: some 0.3 ms,
so that one that floods slows nobody down who does wait.
"""

REFUSAL_SECONDS = 1.0
"""Seconds that a connection over a limit may take to hear so: they hold descriptors, and nobody counts them."""

TLS_DEADLINE = 30.0
"""Seconds for a handshake after STLS: slow old processors need several."""

LOST = "lost"
"""Why a session ended whose device went without a word."""

log = get_logger("session")
seldom = Seldom(log)
"""For what a stranger can bring about."""


@dataclass(frozen=True, slots=True)
class Services:
    """What every session shares."""

    server: ServerSettings
    doorkeeper: Doorkeeper
    maildrops: Maildrops
    leases: Leases
    login_seconds: Callable[[], float]
    now: Callable[[], float] = time.time
    together: FetchTogether | None = None
    allowance: Allowance = field(default_factory=lambda: Allowance(0))
    listings: Listings = field(default_factory=Listings)
    logged_in: Callable[["DeviceSession"], None] = lambda session: None


class DeviceSession:
    """Runs one connection. As `Holder` it can lose its lease to a newer session of the same device."""

    def __init__(self, stream: Stream, listener: ListenerSettings, tls: ServerTls | None, services: Services) -> None:
        self.id = SessionId(secrets.token_hex(4))
        self.peer = stream.peer
        self.device = DeviceId("")
        self.updating = False
        self._stream = stream
        self._listener = listener
        self._tls = tls
        self._services = services
        # Its deadline is the login's; later there is none.
        self._scope = trio.CancelScope(deadline=trio.current_time() + services.login_seconds())
        self._began = trio.current_time()
        self._pump: DevicePump | None = None
        self._started = 0.0
        self._finished = False
        self._recorded = False
        self._answered = 0
        self._reason = LOST
        self._transaction: Transaction | None = None
        self._settings: DeviceSettings | None = None
        self._proven: tuple[DeviceSettings, Way] | None = None
        self._lease = ExitStack()
        self._offered = self._features(tls_active=listener.tls == "implicit")
        self._pop3 = Pop3Connection(self._offered, self._timestamps())

    @property
    def _group(self) -> str:
        return peer_group(self.peer)

    @property
    def tls(self) -> str:
        """What protects its line: the names of TLS's version and cipher, a proxy's where it ends there, or `none`."""
        relay = self._stream.relay
        return relay.tls if relay is not None and relay.tls and not self._stream.tls else negotiated(self._stream)

    def silent_for(self) -> float:
        """Seconds since the device last sent or took an octet."""
        return trio.current_time() - (self._pump.last_heard if self._pump else self._began)

    @property
    def busy(self) -> bool:
        """True while a reply is owed."""
        return self._pump is not None and self._pump.reply_outstanding

    def lose(self) -> None:
        """End at once: another session took the lease."""
        count("sessions_taken_over")
        self._reason = "taken over"
        self._finish()
        self._scope.cancel()

    async def run(self) -> None:
        """Serve the connection to its end. Raises nothing but `Cancelled`; the stream is closed whatever happens."""
        self._started = self._services.now()
        count("sessions_opened")
        try:
            with self._scope, self._lease:
                await self._greet_and_serve()
            if self._scope.cancelled_caught and self._reason == LOST:
                self._reason = "login time-out"
        except DeviceIdle:
            self._reason = "autologout"
        except NetError:
            pass
        except CutConnection as cut:
            self._reason = f"cut: {cut}"
        finally:
            if self._transaction is not None:
                self._transaction.close()
            self._finish()
            self._stream.abort()

    def turn_out(self) -> None:
        """End at once, without a word, to make room: it has not logged in."""
        self._reason = "made room"
        self._scope.cancel()

    async def refuse(self, *, told: bool) -> None:
        """Turn the connection away: there are too many. Inside TLS, or with `told` False, it is closed without a word.

        Waits a second at most. The stream is closed then.
        """
        if told and self._listener.tls != "implicit":
            self._pop3.refuse(TOO_MANY.text, TOO_MANY.code)
            with suppress(NetError), trio.move_on_after(REFUSAL_SECONDS):
                await self._stream.send_all(self._pop3.data_to_send())
                await self._stream.aclose()
        self._stream.abort()

    async def _greet_and_serve(self) -> None:
        if self._listener.tls == "implicit" and self._tls is not None:
            with counted_handshake(self._stream):
                await self._stream.start_tls_server(self._tls.context, self._services.server.login_timeout)
        async with DevicePump(self._stream, self._services.server.autologout) as pump:
            self._pump = pump
            self._pop3.greet()
            await self._serve()

    @property
    def _open_pump(self) -> DevicePump:
        assert self._pump is not None, "the pump runs while the conversation does"
        return self._pump

    async def _serve(self) -> None:
        pump = self._open_pump
        while True:
            event = self._pop3.next_event()
            match event:
                case NeedData():
                    await self._receive(pump)
                case Retr() if self._transaction is not None and self._transaction.at_once(event):
                    if self._transaction.full:
                        await self._flush()
                case Closed(reason=reason):
                    self._reason = reason
                    # RFC 1939 §6: released before the close, which waits for the device.
                    self._finish()
                    self._lease.close()
                    await self._flush()
                    await pump.close()
                    return
                case Login():
                    await self._log_in(event)
                case AskSalt():
                    salt, rounds = self._services.doorkeeper.salt(event.name, event.hash)
                    self._pop3.salted(salt, rounds, secrets.token_hex(12))
                case Prove():
                    await self._prove(event.proof)
                case Proven():
                    assert self._proven is not None, "a proof came first"
                    await self._let_in(*self._proven)
                case StartTls():
                    await self._start_tls()
                case Quit():
                    await self._flush()  # what is to be sent before it belongs to its plan
                    await self._quit()
                case Stat() | List() | UidlAsked() | Retr() | Top() | Dele() | Last() | Rset():
                    await self._handle(event)
                case _:
                    assert_never(event)

    async def _handle(self, command: Command) -> None:
        assert self._transaction is not None, "the state table lets no such command through before a login"
        await self._transaction.handle(command)
        self._answered += 1
        if self._answered >= TURN:
            self._answered = 0
            await trio.lowlevel.checkpoint()

    async def _receive(self, pump: DevicePump) -> None:
        self._answered = 0
        fetching = self._pop3.queued > 0
        await self._flush()
        if self._transaction is not None:
            self._transaction.prepare()
        data = await pump.receive(unfinished=self._pop3.buffered > 0, fetching=fetching)
        if data:
            self._pop3.receive_data(data)
        else:
            self._pop3.receive_eof()

    async def _flush(self) -> None:
        data = self._pop3.data_to_send()
        if data:
            await self._open_pump.send(data)
        if self._transaction is not None:
            self._transaction.flushed()

    def _features(self, *, tls_active: bool) -> Features:
        tls_before = self._stream.relay is not None and bool(self._stream.relay.tls)
        return Features(
            tls=self._listener.tls == "starttls" and not tls_active and not tls_before,
            passwords=tls_active or clear_enough(self._listener.plaintext_login, self._stream),
            expire=self._services.doorkeeper.expire,
            mechanisms=tuple(MECHANISMS[way] for way in self._listener.auth if way in MECHANISMS),
            apop="apop" in self._listener.auth,
        )

    def _timestamps(self) -> Iterator[bytes]:
        while True:
            yield timestamp(secrets.token_hex(16), int(self._services.now()))

    async def _start_tls(self) -> None:
        if self._tls is None:
            raise CutConnection("STLS on a listener without a certificate")
        self._pop3.begin_tls()
        self._open_pump.drop_input()
        await self._flush()
        with counted_handshake(self._stream):
            await self._open_pump.start_tls(self._tls.context, TLS_DEADLINE)
        self._offered = self._features(tls_active=True)
        self._pop3.tls_started(self._offered)

    async def _log_in(self, login: Login) -> None:
        way: Way = "login" if login.mechanism == "LOGIN" else "plain"
        try:
            device = await self._services.doorkeeper.admit(login.name, login.password, self.peer)
        except BridgeError as failure:
            self._not_now(login.name, self._group, failure)  # whoever it is: a stranger may give any name
            return
        if device is None:
            self._turn_away(login.name, way)
        else:
            await self._let_in(device, way)

    async def _prove(self, proof: Proof) -> None:
        admitted = await self._services.doorkeeper.prove(proof, self.peer)
        if admitted is None:
            self._turn_away(proof.login, proof.way)
        elif admitted.signature:
            self._proven = admitted.device, proof.way
            self._pop3.proven(admitted.signature)
        else:
            await self._let_in(admitted.device, proof.way)

    def _turn_away(self, name: str, way: Way) -> None:
        count("logins_failed")
        # The way is told of everybody, so that nobody can tell from the time whether it was what was wrong.
        seldom.warning("login.failed", self._group, login=name, peer=str(self.peer), auth=way)
        self._pop3.login_refused(WRONG_LOGIN.text, WRONG_LOGIN.code)

    async def _let_in(self, device: DeviceSettings, way: Way) -> None:
        self.device = device.id
        try:
            await self._services.leases.settle(self)
            self._lease.enter_context(self._services.leases.take(self))
            maildrop = await self._services.maildrops.open(device, self.id)
        except BridgeError as failure:
            self._lease.close()
            self._not_now(device.id, device.id, failure)
            return
        count("logins_ok")
        self._scope.deadline = float("inf")
        self._services.logged_in(self)
        self._settings = device
        self._transaction = self._open_transaction(device, maildrop)
        log.info(
            "session.opened",
            device=device.id,
            peer=str(self.peer),
            messages=len(maildrop),
            tls=negotiated(self._stream),
            **through(self._stream),
            auth=way,
            session=self.id,
        )
        offered = (
            self._offered if expire(device) == self._offered.expire else replace(self._offered, expire=expire(device))
        )
        self._pop3.login_accepted(len(maildrop), maildrop.total, offered)

    def _not_now(self, device: str, about: str, failure: BridgeError) -> None:
        """Refuse a login that may be right, or is. `about` is what lines of the log are counted by."""
        count("logins_temporary")
        reply = answer(failure)
        seldom.say(reply.level, "login.refused", about, device=device, peer=str(self.peer), problem=str(failure))
        self._pop3.login_refused(reply.text, reply.code)

    def _open_transaction(self, device: DeviceSettings, maildrop: Maildrop) -> Transaction:
        # Where it decides what is shown again, each message must be known to have gone out.
        joined = 0 if device.on_retrieve == "hide-unacknowledged" else JOINED
        return Transaction(
            device.id,
            maildrop,
            self._pop3,
            self._services.maildrops,
            self._flush,
            lambda: self._open_pump.sent,
            ahead=self._open_ahead,
            joined=joined,
            listings=self._services.listings,
        )

    def _open_ahead(
        self, maildrop: Maildrop, deleted: Collection[MsgNum], spooled: Callable[[MsgNum], bool] | None
    ) -> ReadAhead | None:
        services = self._services
        if services.together is None or not services.server.read_ahead:
            return None
        limit = services.server.read_ahead
        return ReadAhead(maildrop, deleted, services.together, limit, services.allowance, spooled)

    def _plan(self) -> UpdatePlan | None:
        if self._transaction is None or self._settings is None or self._transaction.marks.nothing:
            return None
        return update_plan(
            self._settings,
            self.id,
            self._transaction.maildrop,
            deleted=self._transaction.marks.deleted,
            sent=self._transaction.marks.sent,
            at=self._services.now(),
            undo_window=self._services.server.undo_window,
            electorate=self._services.doorkeeper.devices,
        )

    async def _quit(self) -> None:
        """UPDATE (RFC 1939 §6): `+OK` only once the plan is on disk; a drop from here on undoes nothing."""
        plan = self._plan()
        if plan is None or plan.empty:
            self._reason = "quit"
            self._pop3.quit_accepted("goodbye")
            return
        self.updating = True
        instant("quit.received")
        with trio.CancelScope(shield=True), trio.move_on_after(UPDATE_DEADLINE) as deadline:
            try:
                await self._services.maildrops.update(plan)
            except StoreError as failure:
                count("updates_failed")
                log.error("quit.failed", device=self.device, session=self.id, problem=str(failure))
                self._reason = "update failed"
                self._pop3.quit_refused(NOT_REMOVED.text, NOT_REMOVED.code)
                return
        if deadline.cancelled_caught:
            count("updates_failed")
            log.error("quit.uncertain", device=self.device, session=self.id, seconds=UPDATE_DEADLINE)
            self._reason = "update took too long"
            self._pop3.quit_refused(NOT_REMOVED.text, NOT_REMOVED.code)
            return
        self._recorded = True
        instant("quit.committed")
        count("updates")
        self._tell_of_held(plan)
        self._reason = "quit"
        self._pop3.quit_accepted("goodbye")

    def _tell_of_held(self, plan: UpdatePlan) -> None:
        """Tell the owner of what the guard against mass deletion keeps back: nothing else shows it to them."""
        held = sum(intent.state == "held" for intent in plan.intents)
        if held:
            count("updates_held")
            log.warning("quit.held", device=self.device, session=self.id, messages=held, action=plan.intents[0].action)

    def _finish(self) -> None:
        """Write the one canonical line of the session, and its history row: once, and before its lease is free, so that
        the session that comes next knows what this one has sent.
        """
        if self._finished:
            return
        self._finished = True
        count("sessions_closed")
        ended = self._services.now()
        if self._transaction is None:
            level = said_at(self._stream)
            seldom.say(level, "connection.closed", self._group, peer=str(self.peer), reason=self._reason)
            return
        marks = self._transaction.marks
        record = SessionRecord(
            session=self.id,
            device=self.device,
            peer=str(self.peer),
            started=self._started,
            ended=ended,
            retr=marks.retr,
            top=marks.top,
            dele=len(marks.deleted),
            octets=marks.octets,
            reason=self._reason,
        )
        self._services.maildrops.closed(record, self._sent_without_quit())
        log.info(
            "session.closed",
            device=self.device,
            peer=str(self.peer),
            retr=marks.retr,
            top=marks.top,
            dele=len(marks.deleted),
            octets=marks.octets,
            seconds=round(ended - self._started, 1),
            reason=self._reason,
            session=self.id,
        )

    def _sent_without_quit(self) -> UpdatePlan | None:
        """Without a QUIT that lasts there are no marks; what was sent completely is recorded as sent, and no more.

        What the kernel still held when the device vanished was not: the device never got it.
        """
        if self._transaction is None or self._settings is None or self._recorded:
            return None
        if not self._transaction.marks.sent:
            return None
        transaction, arrived = self._transaction, self._open_pump.confirmed
        sent = [num for num, end in transaction.marks.sent.items() if end <= arrived]
        plan = unacknowledged_plan(self._settings, self.id, transaction.maildrop, sent=sent, at=self._services.now())
        return None if plan.empty else plan
