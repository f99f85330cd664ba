"""Rows about many devices: all at once, all idle, and logging in over and over."""

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence

from tests.bench import machine
from tests.bench.figures import NATIVE, OURS, PEER, Row, interleaved
from tests.bench.grounds import Account, Bridge, Grounds
from tests.bench.mailboxes import CROWD, Mailbox
from tests.bench.plan import Plan
from tests.bench.wire import Login

DEVICES = 200
EACH = DEVICES // len(CROWD)
FETCHED = 10
AT_ONCE = 50
LOGINS = 40
"""How often each of those logs in."""


def crowd(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Let 200 devices poll and fetch 10 messages each, all at once."""
    if not plan.at((0,)):
        return
    with _crowded(grounds) as bridge:
        logins = _logins(grounds, bridge)
        wall = Row(f"{DEVICES} devices at once, each polling and fetching {FETCHED}", "s")
        cpu = Row(f"{DEVICES} devices at once, CPU", "CPU seconds")
        taken: dict[str, list[float]] = {name: [] for name in logins}
        processes = _processes(grounds, bridge)

        def run(name: str) -> Callable[[], float]:
            def measure() -> float:
                before = machine.cpu_seconds(processes[name]())
                seconds = grounds.device.crowd(logins[name], FETCHED)
                taken[name].append(machine.cpu_seconds(processes[name]()) - before)
                return seconds

            return measure

        wall.series = interleaved(plan.times(5), {name: run(name) for name in logins})
        cpu.series = {name: values[1:] for name, values in taken.items()}
        wall.floor(NATIVE, 0.8)
        cpu.floor(PEER, 1.0)
        wall.notes.append(f"{len(CROWD)} mailboxes of 100 × 8 KB, {EACH} devices each")
        yield wall
        yield cpu


def idle(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Let 200 devices be logged in and silent."""
    if plan.at((0,)):
        row = Row(f"{DEVICES} idle plain sessions, PSS of each over the idle daemon", "KB")
        # Half of them tell what each of the second half adds, when memory that was free before is used up.
        further: dict[str, list[float]] = {OURS: [], PEER: []}
        row.series = interleaved(
            plan.times(3),
            {OURS: lambda: _idle_ours(grounds, further[OURS]), PEER: lambda: _idle_peers(grounds, further[PEER])},
            rehearse=False,
        )
        row.floor(PEER, 15)
        row.notes.append("each run with daemons just started, which have had one session before")
        each = ", ".join(f"{name} {statistics.median(values):.0f} KB" for name, values in further.items())
        row.notes.append(f"each of the second {DEVICES // 2} adds: {each}")
        yield row


def _idle_ours(grounds: Grounds, further: list[float]) -> float:
    with _crowded(grounds) as bridge:
        return _growth(grounds, _logins(grounds, bridge)[OURS], lambda: [bridge.pid], further)


def _idle_peers(grounds: Grounds, further: list[float]) -> float:
    logins = _peers_logins(grounds)
    grounds.peer.restart()
    return _growth(grounds, logins, lambda: machine.session_of(grounds.peer.pid), further)


def _growth(grounds: Grounds, logins: list[Login], processes: Callable[[], list[int]], further: list[float]) -> float:
    """Give the kilobytes that each of these sessions adds. What was kept from sessions before would hide some of it."""
    grounds.device.poll(logins[0], CROWD[0].messages)
    before = machine.pss(processes())
    half = DEVICES // 2
    with grounds.device.idle(logins[:half]):
        first = machine.pss(processes())
        with grounds.device.idle(logins[half:]):
            both = machine.pss(processes())
    further.append((both - first) / half / 1000)
    return (both - before) / DEVICES / 1000


def logins_a_second(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Let 50 devices log in and QUIT, over and over."""
    if not plan.at((0,)):
        return
    with _crowded(grounds) as bridge:
        logins = _logins(grounds, bridge)
        row = Row(f"logins, {AT_ONCE} at a time", "logins/s", "more")
        step = DEVICES // AT_ONCE
        times = {OURS: LOGINS, NATIVE: LOGINS, PEER: LOGINS // 8}
        row.series = interleaved(
            plan.times(5),
            {name: _often(grounds, logins[name][::step], times[name]) for name in (OURS, NATIVE, PEER)},
        )
        row.floor(NATIVE, 0.9)
        yield row


def _often(grounds: Grounds, logins: Sequence[Login], times: int) -> Callable[[], float]:
    return lambda: grounds.device.log_in_often(logins, times)


def _crowded(grounds: Grounds) -> contextlib.AbstractContextManager[Bridge]:
    grounds.fill(*CROWD)
    return grounds.bridge([Account(mailbox) for mailbox in CROWD], EACH)


def _numbered() -> Iterator[tuple[Mailbox, int, int]]:
    """Give each device's mailbox, its number there, and its number among all, which gives it an address of its own."""
    return ((mailbox, device, at * EACH + device) for at, mailbox in enumerate(CROWD) for device in range(EACH))


def _logins(grounds: Grounds, bridge: Bridge) -> dict[str, list[Login]]:
    """Give each contender's 200 logins."""
    return {
        OURS: [bridge.login(f"{mailbox.user}.{device}", number) for mailbox, device, number in _numbered()],
        NATIVE: [grounds.native(mailbox, number) for mailbox, _, number in _numbered()],
        PEER: _peers_logins(grounds),
    }


def _peers_logins(grounds: Grounds) -> list[Login]:
    return [grounds.over_imapc(mailbox, number=number) for mailbox, _, number in _numbered()]


def _processes(grounds: Grounds, bridge: Bridge) -> dict[str, Callable[[], list[int]]]:
    return {
        OURS: lambda: [bridge.pid],
        NATIVE: lambda: machine.session_of(grounds.upstream.pid),
        PEER: lambda: machine.session_of(grounds.peer.pid),
    }
