"""Rows about fetching messages: small ones, large ones, and the same ones by a second device."""

import functools
import threading
from collections.abc import Callable, Iterator

from tests.bench import machine
from tests.bench.device import Fetched
from tests.bench.figures import NATIVE, OURS, PEER, RAW, Row, interleaved
from tests.bench.grounds import Account, Bridge, Grounds
from tests.bench.mailboxes import GIANT, HUNDRED, MANY, MEGA, Mailbox
from tests.bench.plan import ROUND_TRIPS, Plan
from tests.bench.wire import Failed, Login
from tests.support.bridge_process import popbridge
from tests.support.delay_line import DelayLine

FETCHED = 2_000
OUTSTANDING = 32
"""Commands a pipelining device has unanswered."""

PEER_PLAIN = f"{PEER}, without fetch-headers"


def retr(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Fetch 2,000 messages of 8 KB in their order, not pipelined and pipelined."""
    grounds.fill(MANY)
    with grounds.bridge([Account(MANY), Account(MANY, line=True)]) as bridge:
        for round_trip in plan.at(ROUND_TRIPS):
            for outstanding in (1, OUTSTANDING):
                grounds.set_round_trip(round_trip)
                yield _retr_row(grounds, plan, bridge, round_trip, outstanding)
        grounds.set_round_trip(0)


def _retr_row(grounds: Grounds, plan: Plan, bridge: Bridge, round_trip: int, outstanding: int) -> Row:
    pipelined = ", pipelined" if outstanding > 1 else ""
    row = Row(f"RETR of {FETCHED:,} × 8 KB{pipelined}, RTT {round_trip}", "messages/s", "more")
    line = round_trip > 0
    logins = {OURS: bridge.login(Account(MANY, line).name), PEER: grounds.over_imapc(MANY, line)}
    if not line:
        logins[NATIVE] = grounds.native(MANY)
    seconds = plan.patience(round_trip)
    contenders: dict[str, Callable[[], float]] = {
        name: functools.partial(_rate, grounds, login, outstanding, seconds) for name, login in logins.items()
    }
    contenders[RAW] = functools.partial(_raw_rate, grounds, grounds.raw(MANY, line), FETCHED)
    row.series = interleaved(plan.times(7 if not line else 5), contenders, rehearse=not line)
    if line:
        lines = {OURS: grounds.bridge_line, PEER: grounds.peer_line}
        row.round_trips = {
            name: _round_trips(grounds, lines[name], login, outstanding, seconds) for name, login in logins.items()
        }
    _retr_floors(row, round_trip, bool(pipelined))
    return row


def _retr_floors(row: Row, round_trip: int, pipelined: bool) -> None:
    if round_trip:
        row.floor(PEER, 70)
        row.floor(RAW, 0.5)
    elif pipelined:
        row.floor(PEER, 3)
    else:
        row.floor(PEER, 2)
        row.floor(NATIVE, 0.6)


def _whole(fetched: Fetched, octets: int) -> Fetched:
    """A message that came short would make a contender look quick."""
    if fetched.octets < fetched.messages * octets:
        raise Failed(f"{fetched.messages} messages of {octets} octets came as {fetched.octets}")
    return fetched


def _rate(grounds: Grounds, login: Login, outstanding: int, seconds: float) -> float:
    fetched = _whole(grounds.device.retrieve(login, 1, FETCHED, outstanding, seconds), MANY.octets)
    return fetched.messages / fetched.seconds


def _raw_rate(grounds: Grounds, login: Login, messages: int) -> float:
    fetched = _whole(grounds.device.fetch_all(login, 1, messages), MANY.octets)
    return fetched.messages / fetched.seconds


def _round_trips(grounds: Grounds, line: DelayLine, login: Login, outstanding: int, seconds: float) -> float:
    """For the whole session, as if it had fetched all messages at this rate."""
    before = line.counts()
    fetched = grounds.device.retrieve(login, 1, FETCHED, outstanding, seconds)
    return (line.counts() - before).round_trips * FETCHED / fetched.messages


def large(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Fetch 200 messages of 1 MB in their order."""
    grounds.fill(MEGA)
    with grounds.bridge([Account(MEGA), Account(MEGA, line=True)]) as bridge:
        for round_trip in plan.at((0, 100)):
            grounds.set_round_trip(round_trip)
            line = round_trip > 0
            row = Row(f"RETR of {MEGA.messages} × 1 MB, RTT {round_trip}", "MB/s", "more")
            logins = {
                OURS: bridge.login(Account(MEGA, line).name),
                PEER: grounds.over_imapc(MEGA, line),
                PEER_PLAIN: grounds.over_imapc(MEGA, line, plain=True),
            }
            if not line:
                logins[NATIVE] = grounds.native(MEGA)
            contenders = _speeds(grounds, plan, MEGA, logins, round_trip)
            contenders[RAW] = functools.partial(_raw_speed, grounds, grounds.raw(MEGA, line), MEGA)
            row.series = interleaved(plan.times(3 if line else 5), contenders, rehearse=not line)
            if line:
                row.floor(RAW, 0.5)
            else:
                row.floor(NATIVE, 0.7)
            yield row
        grounds.set_round_trip(0)


def giant(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Fetch 3 messages of 50 MB, and see what memory that takes."""
    if not plan.at((0,)):
        return
    grounds.fill(HUNDRED, GIANT)
    idle = _idle_memory(grounds)
    with grounds.bridge([Account(GIANT)]) as bridge:
        row = Row(f"RETR of {GIANT.messages} × 50 MB, RTT 0", "MB/s", "more")
        logins = {
            OURS: bridge.login(Account(GIANT).name),
            NATIVE: grounds.native(GIANT),
            PEER: grounds.over_imapc(GIANT),
            PEER_PLAIN: grounds.over_imapc(GIANT, plain=True),
        }
        row.series = interleaved(plan.times(5), _speeds(grounds, plan, GIANT, logins, 0))
        row.floor(NATIVE, 0.7)
        ours = (machine.resident(bridge.pid, "VmHWM") - idle) / 1e6
        row.at_most("memory over idle", ours, 8, "MB")
        row.notes.append(f"memory over idle: the peer's was {_peers_memory(grounds, logins[PEER]):.0f} MB")
        yield row


def _idle_memory(grounds: Grounds) -> int:
    """Give what is resident of a daemon with a small account, which has never seen a large message."""
    with grounds.bridge([Account(HUNDRED)]) as bridge:
        grounds.device.poll(bridge.login(Account(HUNDRED).name), HUNDRED.messages)
        return machine.resident(bridge.pid)


def _speeds(
    grounds: Grounds, plan: Plan, mailbox: Mailbox, logins: dict[str, Login], round_trip: int
) -> dict[str, Callable[[], float]]:
    seconds = plan.patience(round_trip)
    return {name: functools.partial(_speed, grounds, login, mailbox, seconds) for name, login in logins.items()}


def _speed(grounds: Grounds, login: Login, mailbox: Mailbox, seconds: float) -> float:
    fetched = _whole(grounds.device.retrieve(login, 1, mailbox.messages, 1, seconds), mailbox.octets)
    return fetched.octets / fetched.seconds / 1e6


def _raw_speed(grounds: Grounds, login: Login, mailbox: Mailbox) -> float:
    fetched = _whole(grounds.device.fetch_all(login, 1, mailbox.messages), mailbox.octets)
    return fetched.octets / fetched.seconds / 1e6


def _peers_memory(grounds: Grounds, login: Login) -> float:
    """Give the megabytes by which the peer's processes were seen to grow, looking again and again."""
    idle = machine.pss(machine.session_of(grounds.peer.pid))
    seen = [idle]
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            seen.append(machine.pss(machine.session_of(grounds.peer.pid)))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        grounds.device.retrieve(login, 1, GIANT.messages)
    finally:
        ended.set()
        watcher.join()
    return (max(seen) - idle) / 1e6


def second_device(grounds: Grounds, plan: Plan) -> Iterator[Row]:
    """Fetch the same 2,000 messages twice, each time by another device, with a spool."""
    grounds.fill(MANY)
    account = Account(MANY, line=True, more={"spool": "ahead"})
    row = Row(f"a second device fetches the same {FETCHED:,} messages, spool on", "MB from upstream")
    if refused := _refused(grounds, account):
        row.notes.append(f"SKIPPED: {refused}")
        yield row
        return
    with grounds.bridge([account], devices_each=2) as bridge:
        octets = []
        for device in ("0", "1"):
            before = grounds.bridge_line.counts()
            grounds.device.retrieve(bridge.login(f"{account.name}.{device}"), 1, FETCHED)
            octets.append((grounds.bridge_line.counts() - before).down)
    row.series = {"first device": [octets[0] / 1e6], OURS: [octets[1] / 1e6]}
    row.at_most("octets from upstream", octets[1], 0, "octets")
    yield row


def _refused(grounds: Grounds, account: Account) -> str:
    """Say why a config with such an account is refused, or give an empty text."""
    with grounds.scratch() as directory:
        done = popbridge("check", config=grounds.configure(directory, [account], devices_each=2))
    return "" if done.returncode == 0 else done.stderr.strip().rpartition(":")[2].strip() or f"exit {done.returncode}"
