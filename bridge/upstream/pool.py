"""All connections of one account, and who gets which."""

import time
from dataclasses import replace
from typing import Any

import trio

from bridge.model.failures import SignInNeeded, UpstreamError, UpstreamLoginFailed, UpstreamUnavailable
from bridge.model.registries import KEEP_CONNECTIONS
from bridge.model.settings import AccountSettings
from bridge.model.upkeep import Refusal
from bridge.net import run_guarded
from bridge.telemetry import count, get_logger
from bridge.upstream.connection import Connection
from bridge.upstream.health import AccountHealth, HealthRecord
from bridge.upstream.latest import Latest
from bridge.upstream.link import Link
from bridge.upstream.refusals import Refusals
from bridge.upstream.request import Request
from bridge.upstream.signin import SignIn
from bridge.upstream.urgency import Urgency
from bridge.upstream.waiting import WaitingLine

log = get_logger("upstream")

KEEP_SECONDS = 60.0
"""How long a connection that nobody needs is kept."""

LONG_KEEP_SECONDS = 600.0
"""The same where the server takes offence at new ones: below any server's 30 minutes (RFC 9051 §5.4)."""

FEWER_SECONDS = 600.0
"""How long the pool keeps to the number of connections that the server let it have."""


async def nothing(link: Link) -> None:
    """A job that only shows that the connection is there."""
    await trio.lowlevel.checkpoint()


class Pool:
    """Opens connections when requests wait, at most `max_connections`, and hands each free one the next request.

    Requests of the watcher go to the connection it adopted. That one serves others too when it is the only one.
    """

    def __init__(self, settings: AccountSettings, sign_in: SignIn) -> None:
        self.sign_in = sign_in
        self.health = HealthRecord()
        if sign_in.quiet.left:
            self.health.turn("offline", sign_in.quiet.why)
        self.latest = Latest()
        self.closing = False
        self.connections: list[Connection] = []
        self._settings = settings
        self.account = settings.name
        self.keep_seconds = LONG_KEEP_SECONDS if KEEP_CONNECTIONS in settings.quirks else KEEP_SECONDS
        self._waiting = WaitingLine()
        self._nursery: trio.Nursery | None = None
        self.refusals = Refusals(settings.name)
        self._fewer = settings.max_connections
        self._fewer_until = 0.0

    async def run(self, task_status: "trio.TaskStatus[None]" = trio.TASK_STATUS_IGNORED) -> None:
        """Own the connections until cancelled; what waits then fails."""
        try:
            async with trio.open_nursery() as self._nursery:
                task_status.started()
                try:
                    await trio.sleep_forever()
                finally:
                    self.closing = True
        finally:
            self._waiting.fail(self._not_running())

    def _not_running(self) -> UpstreamUnavailable:
        return UpstreamUnavailable(self.account, f"account {self.account}: its connections are closed")

    # --- asking

    def submit(self, request: "Request[Any]") -> None:
        """Have any connection serve the request. It may fail at once. Waits for nothing."""
        if self._nursery is None or self.closing:
            request.fail(self._not_running())
        elif (refused := self.refusals.standing) is not None:
            request.fail(refused)
        elif self.sign_in.quiet.throttled:
            request.fail(self.sign_in.quiet.failure())
        else:
            self._waiting.put(request)
            self._staff()

    def submit_to(self, connection: Connection, request: "Request[Any]") -> None:
        """Have this connection serve the request, which fails if the connection is gone."""
        if connection not in self.connections:
            request.fail(UpstreamUnavailable(self.account, f"account {self.account}: the connection was lost"))
            return
        connection.private.put(request)
        connection.wake()

    async def adopt(self) -> Connection:
        """Give a connection, signed in, for the watcher to keep; wait for one at most as long as signing in takes."""
        request = Request(self.account, Urgency.WATCH, nothing)
        request.adopts = True
        self.submit(request)
        adopted = False
        try:
            await request.wait()
            adopted = True
        finally:
            if not adopted and request.taken_by is not None:
                self.release(request.taken_by)
        connection: Connection = request.taken_by
        return connection

    def release(self, connection: Connection) -> None:
        """Take the connection back from the watcher."""
        connection.watching = False
        connection.private.fail(self._not_running())
        connection.wake()

    def sign_in_again(self) -> None:
        """Forget that the password was refused."""
        self.refusals.forget()

    # --- connections asking for work

    @property
    def limit(self) -> int:
        """How many connections there may be now."""
        fewer = trio.current_time() < self._fewer_until
        return min(self._fewer, self._settings.max_connections) if fewer else self._settings.max_connections

    @property
    def told(self) -> AccountHealth:
        """How the connections are."""
        quiet, most = self.sign_in.quiet, self._settings.max_connections
        return replace(
            self.health.told(len(self.connections)),
            paused_until=quiet.until,
            paused_why=quiet.why if quiet.until else "",
            most=self.limit,
            fewer_until=time.time() + self._fewer_until - trio.current_time() if self.limit < most else 0.0,
            retried_at=self.refusals.retried_at,
        )

    def heard(self, failure: UpstreamError | None) -> None:
        """Take note of how a request ended over a connection that goes on."""
        if isinstance(failure, UpstreamUnavailable) and failure.throttled:
            self.sign_in.leave_alone(failure)

    def take_for(self, connection: Connection) -> "Request[Any] | None":
        """Give the connection its next request, if there is one."""
        own, general = connection.private.first(), self._general_for(connection)
        if own is not None and (general is None or own.urgency <= general.urgency or connection.served_general):
            connection.served_general = False
            return connection.private.take()
        if general is None:
            return None
        self._waiting.take()
        general.taken_by = connection
        connection.served_general = True
        connection.watching = connection.watching or general.adopts
        return general

    def has_work_for(self, connection: Connection) -> bool:
        """Tell whether `take_for` would give something."""
        return connection.private.first() is not None or self._general_for(connection) is not None

    def wanted(self, connection: Connection, urgency: Urgency) -> bool:
        """Tell whether a request at least as urgent waits for this connection to end what it does."""
        waiting = (connection.private.first(), self._general_for(connection))
        return any(request is not None and request.urgency <= urgency for request in waiting)

    def _general_for(self, connection: Connection) -> "Request[Any] | None":
        request = self._waiting.first()
        if request is None or not connection.watching:
            return request
        return request if self.limit <= 1 and not request.adopts else None

    # --- connections coming and going

    def _staff(self) -> None:
        """See that somebody looks at what waits: who is idle, or a new connection, or the one there is."""
        if self._waiting.first() is None or self._nursery is None or self.closing:
            return
        able = [connection for connection in self.connections if self._general_for(connection) is not None]
        idle = [connection for connection in able if connection.idle]
        coming = [connection for connection in able if connection.link is None or connection.looking]
        if len(coming) >= len(self._waiting):
            return  # each of them takes one when it has signed in, or when its task runs
        if idle:
            idle[0].wake()
        elif len(self.connections) < self.limit:
            connection = Connection(self)
            self.connections.append(connection)
            self._nursery.start_soon(run_guarded, "upstream connection", connection.run)
        else:
            for connection in able:
                connection.wake()

    def connected(self, connection: Connection, link: Link) -> None:
        """Take note of a connection that has signed in."""
        link.wanted = lambda urgency: self.wanted(connection, urgency)
        count("upstream_connects")
        self.refusals.forget()
        self.health.signed_in(link.imap.capabilities)
        log.info(
            "upstream.connected",
            account=self.account,
            server=str(link.stream.peer),
            tls=link.stream.tls,
            connections=len(self.connections),
        )

    def left(self, connection: Connection, failure: UpstreamError | None) -> None:
        """Take note of a connection that is gone, with the reason unless it was we who closed it."""
        if connection in self.connections:
            self.connections.remove(connection)
        connection.private.fail(failure or self._not_running())
        if failure is not None and connection.link is None:
            self._could_not_connect(failure)
        elif failure is not None:
            self.sign_in.leave_alone(failure)
            count("upstream_losses")
            log.warning("upstream.lost", account=self.account, problem=str(failure))
            if isinstance(failure, UpstreamUnavailable) and failure.crowded:
                signed_in = sum(one.link is not None for one in self.connections)
                self._be_fewer(max(1, signed_in), failure)
            if not self.connections:
                self.health.turn("offline", str(failure))
        self._staff()

    def _could_not_connect(self, failure: UpstreamError) -> None:
        """What waits fails, unless another connection can serve it, or may be able to soon.

        Then the server is not asked for as many again for a while: each try is one more that it may hold against us.
        """
        if isinstance(failure, UpstreamLoginFailed):
            self._refuse(failure)
        elif others := len(self.connections):
            self._be_fewer(others, failure)
        else:
            self._fewer_until = 0.0
            if isinstance(failure, UpstreamUnavailable) and failure.crowded:
                self._be_fewer(1, failure)
            self.health.turn("offline", str(failure))
            log.warning("upstream.unreachable", account=self.account, problem=str(failure))
            self._waiting.fail(failure)

    def _be_fewer(self, connections: int, failure: UpstreamError) -> None:
        """Keep to fewer connections for a while, and say so once."""
        if self.limit > connections:
            log.warning("upstream.fewer", account=self.account, connections=connections, problem=str(failure))
        self._fewer, self._fewer_until = connections, trio.current_time() + FEWER_SECONDS

    def remember(self, refusal: Refusal) -> None:
        """Go on from a refusal of the same user and password before a restart."""
        self.refusals.remember(refusal)
        if self.refusals.standing is not None:
            self.health.turn("needs sign-in", refusal.sentence)

    def _refuse(self, failure: UpstreamLoginFailed) -> None:
        count("upstream_logins_failed")
        news = self.refusals.refused(failure, definite=self.sign_in.definite)
        self.health.turn("needs sign-in", str(failure))
        if news or not isinstance(failure, SignInNeeded):
            log.error("upstream.login_failed", account=self.account, problem=str(failure))
        self._waiting.fail(failure)
