"""A device and its mail over many lives of the bridge, and what must hold of it after each."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import trio

from bridge.control import ask
from bridge.model.failures import BridgeError
from tests.crash.figures import AT_THE_END, Figures
from tests.crash.life import NEVER, Life, life
from tests.crash.memory import Memory, Visit
from tests.crash.policies import ACTING, COPYING, OFTEN, RANDOM, SPOOLING, Policy
from tests.support import imap_reference
from tests.support.bridge_config import Table, dovecot_account, write_config
from tests.support.bridge_process import Door
from tests.support.device import Cut, Device, Refused
from tests.support.dovecot import Dovecot
from tests.support.ports import wait_until
from tests.support.power import Disk

MAIL = 6
"""Messages that the device leaves there; it deletes what is above them, and at least one in each session."""

MOVES = 0.5
"""How often another client moves a message before a life."""

BOXES = ("INBOX", "Sorted")
LINE = b"and so on, and so on, and so on\r\n"
KEPT_IN = (*BOXES, "Archive", "Trash")

_NUMBER = re.compile(rb"^Message-ID: <(\d+)@", re.MULTILINE)


class House:
    """One device on two mailboxes of one account. A message is known by the number in it, whatever its unique-id.

    The device's program fetches what is new to it, deletes the oldest, and remembers what it fetched once QUIT is
    acknowledged.
    """

    def __init__(self, directory: Path, dovecot: Dovecot, policy: Policy, disk: Disk | None = None) -> None:
        self.figures = Figures(policy.name)
        self._dovecot = dovecot
        self._policy = policy
        self._user = dovecot.fresh_user()
        with dovecot.client(self._user) as imap:
            imap_reference.create(imap, "Sorted")
        account = {**dovecot_account(dovecot, self._user), "mailboxes": list(BOXES), **policy.account}
        self._disk = disk
        server: Table = {"undo_window": 0, **({} if disk is None else {"state_dir": str(disk.directory)})}
        device = {"password": "secret", "sources": ["mail"], **policy.device}
        self._control = directory / "control.sock"
        self._config = write_config(directory, {"mail": account}, {"fax": device}, server=server)
        self._delivered = 0
        self._memory = Memory(self.figures)

    # --- what others do upstream

    def _message(self, number: int) -> bytes:
        head = f"Message-ID: <{number}@example.org>\r\nSubject: message {number}\r\n\r\nbody {number}\r\n".encode()
        return head + -(-max(0, self._policy.octets - len(head)) // len(LINE)) * LINE

    def _deliver(self, count: int) -> None:
        numbers = range(self._delivered, self._delivered + count)
        self._dovecot.append_all(self._user, map(self._message, numbers))
        self._delivered += count

    def _move_one(self, chance: Random) -> None:
        """Another client moves a message from one mailbox to the other, by COPY and EXPUNGE."""
        with self._dovecot.client(self._user) as imap:
            found = [(box, uid) for box in BOXES for uid in sorted(imap_reference.flags(imap, box))]
            source, uid = chance.choice(found)
            [target] = {*BOXES} - {source}
            imap_reference.copy(imap, source, str(uid), target)
            imap_reference.expunge(imap, source, str(uid))

    # --- lives

    @contextmanager
    def _life(self, instant: str = NEVER, times: int = 0, after: float = 0) -> Iterator[Life]:
        """Live once; where there is a `disk`, the power goes with it."""
        with life(self._config, instant, times, after, {} if self._disk is None else self._disk.environ()) as one:
            yield one
        if self._disk is not None:
            self._disk.cut()

    def first_life(self) -> None:
        """Have everything listed, and known: what is moved before that, no one can know again."""
        self._deliver(MAIL)
        with self._life() as one:
            door = self._door(one)
            assert door is not None
            wait_until(self._identified, 30, "everything listed and known", 0.2)
            assert self._session(door)

    def _identified(self) -> bool:
        status = trio.run(partial(ask, str(self._control), "status"))
        boxes = status["accounts"][0]["mailboxes"]
        return all(box["listed"] for box in boxes) and not any(box["unidentified"] for box in boxes)

    def one_life(self, instant: str, chance: Random) -> None:
        """Live once, until that instant. What the lives before left is judged as soon as there is a login."""
        self._deliver(1)
        if chance.random() < MOVES:
            self._move_one(chance)
        times = chance.randint(1, OFTEN.get(instant, 1))
        after = chance.uniform(0.1, 3.0) if instant == RANDOM else 0
        with self._life(instant, times, after) as one:
            if (door := self._door(one)) is not None:
                self._live(one, door, instant)
            self.figures.killed[instant if one.over else AT_THE_END] += 1
        self.figures.rounds += 1

    def last_life(self) -> None:
        """Have everything shown that ever came, or acknowledged as deleted, and find the rest upstream."""
        with self._life() as one:
            door = self._door(one)
            assert door is not None
            wait_until(partial(self._shown_all, door), 60, "all that came in the device's listing", 0.2)
        kept = self._kept()
        allowed = self._memory.gone | self._memory.maybe if self._policy.removes else set()
        self.figures.lost += len(set(range(self._delivered)) - kept - allowed)

    def _door(self, one: Life) -> Door | None:
        door = one.door()
        self.figures.slowest = max(self.figures.slowest, one.start_up)
        return door

    def _live(self, one: Life, door: Door, instant: str) -> None:
        if not self._session(door):
            wait_until(lambda: one.over, 10, "the end of a bridge that cut a device off")
        elif instant in ACTING + COPYING:
            wait_until(lambda: one.over or "intent.settled" in one.log, 10, "an action carried out")
        elif instant in SPOOLING:
            wait_until(lambda: one.over or self._all_spooled(), 10, "all of it spooled", 0.2)

    def _all_spooled(self) -> bool:
        try:
            [account] = trio.run(partial(ask, str(self._control), "status"))["accounts"]
        except BridgeError:  # it was killed just now
            return False
        messages = sum(box["messages"] for box in account["mailboxes"])
        return bool(account["spooled"]["messages"] == messages)

    def _shown_all(self, door: Door) -> bool:
        assert self._session(door)
        return len(self._memory.names) == self._delivered

    def _kept(self) -> set[int]:
        found = (body for box in KEPT_IN for body in self._dovecot.fetch_all(self._user, box).values())
        return {_number(body) for body in found}

    # --- the device

    def _session(self, door: Door) -> bool:
        """Fetch, delete, QUIT; tells whether that was acknowledged."""
        visit = Visit()
        try:
            with Device(door) as device:
                self._use(device, visit)
        except (Cut, Refused, OSError):
            self._memory.cut(visit)
            return False
        self._memory.acknowledged(visit)
        return True

    def _use(self, device: Device, visit: Visit) -> None:
        device.login("fax", "secret")
        names = device.unique_ids()
        shown = {num: _number(device.top(num, 0)) for num in names}
        self._memory.judge(shown, names)
        oldest = list(shown)[: max(1, len(shown) - MAIL)]
        new = [num for num, number in shown.items() if number not in self._memory.fetched]
        for num in new if self._policy.deletes else oldest:
            assert device.retr(num) == self._message(shown[num])
            self._memory.received(shown[num], visit)
        for num in oldest:
            visit.gone.add(shown[num])
            if self._policy.deletes:
                device.command(f"DELE {num}")
        visit.quitting = True
        device.quit()


def _number(message: bytes) -> int:
    found = _NUMBER.search(message)
    assert found is not None, message
    return int(found[1])
