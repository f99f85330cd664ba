"""The bridge put together: the one place that knows every room."""

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

import trio

from bridge.config import hash_password, verify
from bridge.control import Progress, serve_control
from bridge.index import DeviceMaildrops, IntentRunner, Reading
from bridge.model.failures import BridgeError, ConfigError
from bridge.model.secret import Secret
from bridge.model.settings import ServerSettings, Settings
from bridge.net import Listener, Stream, notify, open_listeners, run_guarded, use_own_resolver, watchdog_interval
from bridge.sasl import ScramHash, ScramKeys
from bridge.serve.accounts import RunningAccounts
from bridge.serve.admin import Administration, Running
from bridge.serve.clock import SteadyClock, passed
from bridge.serve.descriptors import room_for_sessions
from bridge.serve.expiry import Expiry
from bridge.serve.overview import Overview
from bridge.serve.passing import PassedThrough
from bridge.serve.requests import carry_out
from bridge.serve.returns import Returns
from bridge.serve.running_live import RunningLive
from bridge.session import (
    Allowance,
    ConfiguredDoorkeeper,
    DeviceSession,
    Gate,
    Hashed,
    Leases,
    Listings,
    PassingDoorkeeper,
    Services,
    SharedFetches,
    derived,
    introduced,
)
from bridge.store import Runner, Store, in_thread, open_store
from bridge.telemetry import announce, get_logger

log = get_logger("serve")

DRAIN_SECONDS = 10.0
"""How long sessions may go on after SIGTERM; then they are cut, which undoes nothing and removes nothing."""

HISTORY_PAUSE = 6 * 3600.0
"""Seconds between two looks for session rows that are too old."""

Load = Callable[[], Settings]
Result = TypeVar("Result")


class Bridge:
    """A running bridge. Made by `running_bridge`."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        nursery: trio.Nursery,
        load: Load | None,
        clock: SteadyClock,
        runner: Runner,
    ) -> None:
        self.listeners: list[Listener] = []
        self._clock = clock
        self._now = now = clock.now
        self.since = now()
        self._runner = runner
        self._load = load
        self._store = store
        self._nursery = nursery
        self._accounts = RunningAccounts(store, nursery, now)
        self._intents = IntentRunner(self._accounts.indexed, store, now, self._count_votes, self._undo_window)
        self._maildrops = self._devices_maildrops(settings.server.refresh_wait)
        self._leases = Leases()
        self._passed = PassedThrough(
            settings, store, self._accounts, self._maildrops, self._leases, self._hash_password, now
        )
        configured = ConfiguredDoorkeeper(
            settings.devices.values(), self._verify, self._derive, settings.server.login_seed
        )
        self._doorkeeper = PassingDoorkeeper(configured, self._passed)
        self._listings = Listings()
        self._allowance = Allowance(settings.server.read_ahead_total)
        self._together = SharedFetches(
            lambda key, *rest: self._accounts.upstream(key.account).batches(key, *rest), self._allowance
        )
        self._gate = Gate(settings.server, room_for_sessions(settings))
        self._live = RunningLive(self._accounts, self._maildrops, self._leases, self._intents, self._passed)
        self._returns = Returns(store, self._live)
        self._expiry = Expiry(clock.wall)  # as devices judge
        self._overview = Overview(
            store, self._accounts, self._maildrops, self._leases, self._gate, self._expiry, self._passed
        )

    def _devices_maildrops(self, refresh_wait: float) -> DeviceMaildrops:
        return DeviceMaildrops(
            self._accounts.indexed,
            self._store,
            self._intents,
            Reading(
                lambda location, size, whole: self._accounts.upstream(location.key.account).read(
                    location, size, whole=whole
                ),
                self._store.spool,
            ),
            refresh_wait,
            self._now,
            # The store's threads are for the store.
            None if self._runner is in_thread else self._runner,
        )

    @property
    def settings(self) -> Settings:
        """The configuration, with the accounts and devices that passthrough made."""
        return self._passed.settings

    def _undo_window(self) -> float:
        return self.settings.server.undo_window

    async def _verify(self, stored: Hashed, given: Secret) -> bool:
        return await self._off_the_loop(partial(verify, stored, given))

    async def _derive(self, hash_: ScramHash, password: Secret, salt: bytes, rounds: int) -> ScramKeys:
        return await self._off_the_loop(partial(derived, hash_, password, salt, rounds))

    async def _hash_password(self, password: Secret) -> str:
        return await self._off_the_loop(partial(hash_password, password))

    async def _off_the_loop(self, work: Callable[[], Result]) -> Result:
        if self._runner is not in_thread:
            done: Result = await self._runner(work)
            return done
        return await trio.to_thread.run_sync(work)

    async def start(self) -> None:
        """Take up the state, bind the listeners, start every task but the listeners'. Waits for no upstream."""
        await self._store.use_keys(self.settings.server.token_keys)
        await self._store.follow_clock()
        await self._accounts.upkeep.load()
        await self._take_up(self._passed.configured)
        self.listeners = await open_listeners(self.settings.listeners)
        self._expiry.read(self.listeners)
        await self._nursery.start(serve_control, self.settings.server.control, self._command)
        for name, task in (("intents", self._intents.run), ("history", self._forget), ("watchdog", _watchdog)):
            self._nursery.start_soon(run_guarded, name, task)
        self._nursery.start_soon(run_guarded, "clock", self._clock.watch, self._store)
        for name, task in (
            ("certificates", self._expiry.run),
            ("leftovers", self._maildrops.leftovers.run),
            ("returns", self._returns.run),
            ("spool", self._store.spool.run),
            ("upkeep", self._accounts.upkeep.run),
            ("passthrough", self._passed.run),
        ):
            self._nursery.start_soon(run_guarded, name, task)

    async def listed(self) -> None:
        """Wait until every account was listed; the caller brings the deadline."""
        for account in list(self._accounts.indexed.values()):
            await account.wait_fresh()

    async def serve_devices(self, stop: trio.Event, *, task_status: trio.TaskStatus[None]) -> None:
        """Take connections until `stop`, then let sessions end; `started` once every listener is ready."""
        async with trio.open_nursery() as sessions:
            async with trio.open_nursery() as listening:
                for listener in self.listeners:
                    await listening.start(listener.serve, self._take, sessions)
                    announce("listening", address=listener.address, tls=listener.settings.tls)
                announce("ready", listeners=len(self.listeners))
                notify("READY=1")
                self._accounts.go()
                task_status.started()
                await stop.wait()
                notify("STOPPING=1")
                for listener in self.listeners:
                    listener.close()
            log.info("draining", sessions=self._gate.inside, seconds=DRAIN_SECONDS)
            sessions.cancel_scope.deadline = trio.current_time() + DRAIN_SECONDS
        await self._maildrops.leftovers.flush()
        await self._accounts.upkeep.flush()
        # Somebody who sets a clock restarts what goes by it.
        await self._clock.look(self._store)

    async def _take(self, stream: Stream, listener: Listener) -> None:
        began = trio.current_time()
        if listener.relayed(stream) and not await introduced(stream, self._gate):
            return
        waited = trio.current_time() - began
        services = Services(
            self.settings.server,
            self._doorkeeper,
            self._maildrops,
            self._leases,
            lambda: self._gate.login_seconds() - waited,
            self._now,
            together=self._together,
            allowance=self._allowance,
            listings=self._listings,
            logged_in=self._logged_in,
        )
        session = DeviceSession(stream, listener.settings, listener.tls, services)
        with self._gate.enter(session) as admitted:
            if admitted:
                try:
                    await session.run()
                finally:
                    self._passed.left(session.device)
                return
        with self._gate.refusing(session) as told:
            await session.refuse(told=told)

    def _logged_in(self, session: DeviceSession) -> None:
        self._gate.logged_in(session)
        self._overview.tls[session.device] = session.tls

    async def _command(self, command: str, arguments: Mapping[str, Any], progress: Progress) -> Mapping[str, Any]:
        # Whoever asks is told of every session that has ended.
        await self._maildrops.leftovers.flush()
        if command == "status":
            return {
                **await self._overview.show(self.settings, self.listeners, self.since),
                "clock_behind": self._clock.behind,
            }
        running = Running(self._live, self._returns)
        return await carry_out(
            Administration(self._store, self.settings, running, self._now), command, arguments, progress
        )

    async def reload(self) -> None:
        """Read the config again; a wrong one is told in the log and changes nothing. Sessions keep what they have."""
        notify("RELOADING=1")
        try:
            await self._reload()
        except ConfigError as failure:
            for problem in failure.problems:
                log.error("reload.refused", problem=problem)
        except BridgeError as failure:
            log.error("reload.failed", problem=str(failure))
        finally:
            notify("READY=1")

    async def _reload(self) -> None:
        if self._load is None:
            return
        fresh = await trio.to_thread.run_sync(self._load)
        self._reload_certificates(fresh)
        if sealed := await self._store.use_keys(fresh.server.token_keys):
            log.info("secrets.sealed_again", secrets=sealed)
        before = self.settings.server
        await self._take_up(fresh)
        self._doorkeeper.replace(fresh.devices.values(), fresh.server.login_seed)
        self._gate.server, self._gate.most = fresh.server, room_for_sessions(fresh)
        self._allowance.total = fresh.server.read_ahead_total
        self._maildrops.refresh_wait = fresh.server.refresh_wait
        for what in _needing_restart(before, fresh.server):
            log.warning("reload.restart_needed", key=f"server.{what}")
        log.info("reloaded", accounts=len(fresh.accounts), devices=len(fresh.devices))

    async def _take_up(self, configured: Settings) -> None:
        """Run what the configuration has, and what logins made that pass through."""
        await self._passed.load(configured)
        awake = await self._passed.awake()
        await self._accounts.apply(awake, self._passed.known().accounts.values())
        self._together.forget()
        await self._maildrops.load(awake.devices)
        self._passed.publish()
        await self._count_votes()

    async def _count_votes(self) -> None:
        """Release what devices agree on under `delete_when = "all"`: one that is not configured any more has no say."""
        due = self._now() + self.settings.server.undo_window
        if await self._store.evaluate_votes(list(self.settings.devices), due):
            self._intents.promised()

    def _reload_certificates(self, fresh: Settings) -> None:
        """First of all that changes, because it can fail: then the old certificates, and all else, stay. All are read
        before any is shown, so that it fails as a whole.
        """
        places = {(one.host, one.port, one.systemd): one for one in fresh.listeners}
        kept = []
        for listener in self.listeners:
            old = listener.settings
            new = places.get((old.host, old.port, old.systemd))
            if new is not None and new.tls == old.tls:
                kept.append((listener, new, listener.tls.prepare(new) if listener.tls is not None else None))
        for listener, new, show in kept:
            listener.settings = new
            if show is not None:
                show()
        self._expiry.read(self.listeners)
        if len(kept) != len(self.listeners) or len(fresh.listeners) != len(self.settings.listeners):
            log.warning("reload.restart_needed", key="listener")

    async def _forget(self) -> None:
        while True:
            await self._store.forget_sessions(self._now() - self.settings.server.history)
            await trio.sleep(HISTORY_PAUSE)


def _needing_restart(before: ServerSettings, after: ServerSettings) -> Sequence[str]:
    return [key for key in ("state_dir", "control", "log", "log_level") if getattr(before, key) != getattr(after, key)]


async def _watchdog() -> None:
    """Tell systemd that the event loop turns."""
    interval = watchdog_interval()
    while interval is not None:
        notify("WATCHDOG=1")
        await trio.sleep(interval)


@asynccontextmanager
async def running_bridge(
    settings: Settings,
    *,
    new_state: bool = False,
    load: Load | None = None,
    now: Callable[[], float] = time.time,
    passed: Callable[[], float] = passed,
    runner: Runner = in_thread,
) -> AsyncIterator[Bridge]:
    """Run a bridge for the block: store, accounts, control socket, then devices. Raises `BridgeError`s at the start.

    Left, it takes no more connections, lets sessions end, and closes everything in the reverse order. `now` gives Unix
    seconds, `passed` seconds that nobody sets, `runner` runs what blocks: what the store does, and password hashes.
    """
    use_own_resolver()
    clock = SteadyClock(now, passed)
    opened = open_store(settings.server.state_dir, runner=runner, new_state=new_state, now=clock.now)
    async with opened as store, trio.open_nursery() as accounts:
        bridge = Bridge(settings, store, accounts, load, clock, runner)
        stop = trio.Event()
        try:
            await bridge.start()
            async with trio.open_nursery() as devices:
                # Sessions outlive a cancelled block by as long as they may drain.
                shelter = trio.CancelScope(shield=True)
                await devices.start(_sheltered, shelter, bridge, stop)
                try:
                    yield bridge
                finally:
                    stop.set()
        finally:
            accounts.cancel_scope.cancel()


async def _sheltered(
    shelter: trio.CancelScope, bridge: Bridge, stop: trio.Event, task_status: trio.TaskStatus[None]
) -> None:
    with shelter:
        await bridge.serve_devices(stop, task_status=task_status)
