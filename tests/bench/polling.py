"""Rows about polling: warm, for the first time ever, and with a little new mail."""

import functools
import math
import statistics
import time
from collections.abc import Callable, Iterator

from tests.bench.figures import NATIVE, OURS, PEER, Row, interleaved
from tests.bench.grounds import Account, Bridge, Grounds
from tests.bench.mailboxes import HUGE, HUNDRED, MANY, NEWS, Filler, Mailbox
from tests.bench.plan import ROUND_TRIPS, Plan
from tests.bench.wire import Login
from tests.support.delay_line import DelayLine

NEW = 5
"""Messages that arrive between two polls."""

ARRIVAL = 1.0
"""Seconds between a message's arrival and the poll that is to find it: so long, the index has to know of it."""


def warm_poll_100(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Poll 100 messages again and again."""
    yield from _warm(grounds, plan, HUNDRED, 1.0, 30)


def warm_poll_100000(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Poll 100,000 messages again and again."""
    yield from _warm(grounds, plan, HUGE, 5.0, 10)


def _warm(grounds: Grounds, plan: Plan, mailbox: Mailbox, floor: float, runs: int) -> Iterator[Row]:
    grounds.fill(mailbox)
    with grounds.bridge([Account(mailbox), Account(mailbox, line=True)]) as bridge:
        for round_trip in plan.at(ROUND_TRIPS):
            grounds.set_round_trip(round_trip)
            yield _warm_row(grounds, plan, bridge, mailbox, round_trip, floor, runs)
        grounds.set_round_trip(0)


def _warm_row(
    grounds: Grounds, plan: Plan, bridge: Bridge, mailbox: Mailbox, round_trip: int, floor: float, runs: int
) -> Row:
    row = Row(f"warm poll of {mailbox.messages:,} messages, RTT {round_trip}", "ms")
    line = round_trip > 0
    poll = functools.partial(_milliseconds, grounds, mailbox.messages)
    logins = {
        OURS: bridge.login(Account(mailbox, line).name),
        NATIVE: grounds.native(mailbox),
        PEER: grounds.over_imapc(mailbox, line),
    }
    if line and mailbox.messages > 10_000:
        runs = max(3, runs // 2)
    row.series = interleaved(plan.times(runs), {name: poll(login) for name, login in logins.items()})
    # Counted apart, on the line in any case, since at RTT 0 nothing but the two is to be on the way.
    ours = poll(bridge.login(Account(mailbox, line=True).name))
    row.round_trips[OURS] = _round_trips(grounds.bridge_line, ours)
    row.round_trips[PEER] = _round_trips(grounds.peer_line, poll(grounds.over_imapc(mailbox, line=True)))
    row.floor(NATIVE, floor)
    row.at_most("upstream round trips", row.round_trips[OURS], 0, "")
    return row


def _milliseconds(grounds: Grounds, messages: int, login: Login) -> Callable[[], float]:
    return lambda: 1000 * grounds.device.poll(login, messages)


def _round_trips(line: DelayLine, poll: Callable[[], float]) -> float:
    poll()
    found = []
    for _ in range(3):
        before = line.counts()
        poll()
        found.append((line.counts() - before).round_trips)
    return statistics.median(found)


def first_poll(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Poll 20,000 messages that the contender has never heard of; the upstream has."""
    grounds.fill(MANY)
    each = 0.0
    for round_trip in plan.at((0, 20)):
        grounds.set_round_trip(round_trip)
        row = Row(f"first poll ever of {MANY.messages:,} messages, RTT {round_trip}", "s")
        contenders = {OURS: functools.partial(_our_first, grounds, round_trip > 0)}
        if not round_trip or plan.full:
            contenders[PEER] = functools.partial(_peers_first, grounds, round_trip > 0)
        runs = 1 if round_trip and plan.full else plan.times(5)
        row.series = interleaved(runs, contenders, rehearse=False)
        if PEER not in row.series:
            each = each or _round_trips_of_a_first(grounds, round_trip)
            row.series[PEER] = [_extrapolated(grounds, each, plan)]
            row.notes.append(
                f"{PEER} needs {each:,.0f} round trips; it was stopped on the way, and its time is what it took for "
                "those it had made, times all of them (`--full` lets it end)"
            )
        row.floor(PEER, 8 if round_trip == 0 else 400, estimated=bool(row.notes))
        yield row
    grounds.set_round_trip(0)


def _our_first(grounds: Grounds, line: bool) -> float:
    """From the reload that brings the account to the end of the poll that served it whole."""
    account = Account(MANY, line)
    with grounds.fresh_bridge([Account(HUNDRED)]) as bridge:
        bridge.wait_measured()
        grounds.configure(bridge.config.parent, [Account(HUNDRED), account])
        began = time.perf_counter()
        bridge.reload()
        bridge.wait_line("reloaded accounts=2")
        grounds.device.first_poll(bridge.login(account.name), MANY.messages, 300)
        return time.perf_counter() - began


def _peers_first(grounds: Grounds, line: bool) -> float:
    return grounds.device.first_poll(grounds.never_seen(line), MANY.messages, 900)


def _round_trips_of_a_first(grounds: Grounds, round_trip: int) -> float:
    grounds.set_round_trip(0)
    before = grounds.peer_line.counts()
    _peers_first(grounds, line=True)
    grounds.set_round_trip(round_trip)
    return (grounds.peer_line.counts() - before).round_trips


def _extrapolated(grounds: Grounds, round_trips: float, plan: Plan) -> float:
    before, began = grounds.peer_line.counts(), time.perf_counter()
    took = grounds.device.first_poll(grounds.never_seen(line=True), MANY.messages, 5 if plan.quick else 20)
    if not math.isinf(took):
        return took
    made = (grounds.peer_line.counts() - before).round_trips
    return (time.perf_counter() - began) * round_trips / made


def new_mail(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Poll and fetch when a few messages have come."""
    grounds.fill(NEWS)
    for round_trip in plan.at((100,)):
        row = Row(f"{NEW} new messages, poll and fetch, RTT {round_trip}", "ms")
        peer = grounds.over_imapc(NEWS, line=True)
        with (
            grounds.bridge([Account(NEWS, line=True)]) as bridge,
            Filler(grounds.upstream, NEWS, NEWS.messages) as filler,
        ):
            grounds.set_round_trip(round_trip)
            ours = bridge.login(Account(NEWS, line=True).name)
            contenders = {
                name: functools.partial(_news, grounds, filler, login) for name, login in ((OURS, ours), (PEER, peer))
            }
            row.series = interleaved(plan.times(6), contenders)
        grounds.set_round_trip(0)
        row.floor(PEER, 10)
        row.notes.append(f"the mail came {ARRIVAL:g} s before the poll")
        yield row


def _news(grounds: Grounds, filler: Filler, login: Login) -> float:
    filler.append(NEW)
    time.sleep(ARRIVAL)
    took = grounds.device.poll_and_fetch(login, NEW, filler.present)
    filler.expunge_from(NEWS.messages + 1)
    return 1000 * took
