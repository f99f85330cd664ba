"""SIGKILL at each named instant, and at random: nothing lost, nothing shown again after `+OK`, no unique-id changed."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from threading import Timer

import pytest

from tests.support.bridge_config import dovecot_account, write_config
from tests.support.bridge_process import Door
from tests.support.device import Cut, Device, Refused
from tests.support.dovecot import Dovecot
from tests.support.ports import wait_until

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("POPBRIDGE_CRASH_ROUNDS", "10"))
POLICIES = ("hide", "seen", "flag", "archive", "trash", "expunge")
INSTANTS = (
    "quit.received",
    "quit.committed",
    "store.before_commit",
    "store.after_commit",
    "intent.before",
    "intent.after",
)
MAIL = 6


class Serving:
    """One life of the bridge."""

    def __init__(self, config: Path, instant: str = "never", times: int = 0) -> None:
        self._log = config.with_name("serve.log")
        self._log.write_bytes(b"")
        with self._log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.crash.serving", str(config), instant, str(times)],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )

    def door(self) -> Door | None:
        """Wait until it listens; None when it was killed before."""
        found: list[str] = []

        def up() -> bool:
            found[:] = re.findall(r"^listening address=127\.0\.0\.1:(\d+)", self._log.read_text(), re.MULTILINE)
            return bool(found) or self.process.poll() is not None

        wait_until(up, 30, "popbridge's listener")
        return Door("127.0.0.1", int(found[0]), "none") if found else None

    def killed(self) -> None:
        """Be sure that it ended by SIGKILL, whoever sent it."""
        self.process.kill()
        assert self.process.wait(30) == -signal.SIGKILL, self._log.read_text()


@contextmanager
def serving(config: Path, instant: str = "never", times: int = 0) -> Iterator[Serving]:
    """Run one life, ended by SIGKILL."""
    life = Serving(config, instant, times)
    try:
        yield life
    finally:
        life.killed()


def listing(door: Door) -> dict[int, str]:
    """Log in as soon as the first listing lets us, and give the unique-ids."""
    found: list[dict[int, str]] = []

    def listed() -> bool:
        with Device(door) as device:
            try:
                device.login("fax", "secret")
            except Refused as refused:
                if "[SYS/TEMP]" in str(refused) or "[IN-USE]" in str(refused):
                    return False
                raise
            found.append(device.unique_ids())
            device.quit()
        return True

    wait_until(listed, 30, "a login")
    return found[-1]


def delete_one(door: Door) -> tuple[str, bool]:
    """Fetch the first message, delete it and quit; gives its unique-id and whether `+OK` came."""
    uidl = ""
    try:
        with Device(door) as device:
            device.login("fax", "secret")
            uidl = device.unique_ids()[1]
            device.retr(1)
            device.command("DELE 1")
            device.quit()
    except (Cut, Refused, OSError):
        return uidl, False
    return uidl, True


class House:
    """One device on one mailbox, and what must hold of it after each life."""

    def __init__(self, directory: Path, dovecot: Dovecot, policy: str) -> None:
        self.user = dovecot.fresh_user()
        self._dovecot = dovecot
        self._policy = policy
        for number in range(MAIL):
            self._append(number)
        device = {"password": "secret", "sources": ["mail"], "on_delete": policy}
        self.config = write_config(
            directory, {"mail": dovecot_account(dovecot, self.user)}, {"fax": device}, server={"undo_window": "0s"}
        )
        self.gone: set[str] = set()
        self.maybe: set[str] = set()
        self.seen: set[str] = set()
        self.number = MAIL

    def _append(self, number: int) -> None:
        self._dovecot.append(self.user, "INBOX", b"Message-ID: <%d@example.org>\r\n\r\nbody %d\r\n" % (number, number))

    def deliver(self) -> None:
        """Have a new message arrive, so that there always is one to delete."""
        self._append(self.number)
        self.number += 1

    def check(self) -> None:
        """Start anew: what was acknowledged is gone, what was not deleted is there, and has its unique-id."""
        with serving(self.config) as life:
            door = life.door()
            assert door is not None
            shown = list(listing(door).values())
        assert len(shown) == len(set(shown))
        assert not self.gone.intersection(shown), "shown again after +OK"
        assert self.seen - self.gone - self.maybe <= set(shown), "vanished, or given another unique-id"
        self.gone |= self.maybe.difference(shown)
        self.maybe.clear()
        self.seen |= set(shown)

    def upstream_keeps_all(self) -> bool:
        """Every message that was ever delivered is in some mailbox upstream, unless the policy removes."""
        boxes = ("INBOX", "Archive", "Trash")
        found = [body for box in boxes for body in self._dovecot.fetch_all(self.user, box).values()]
        kept = {number for number in range(self.number) if any(b"<%d@" % number in body for body in found)}
        return len(kept) >= (self.number - len(self.gone | self.maybe) if self._policy == "expunge" else self.number)


@pytest.mark.parametrize("policy", POLICIES)
def test_killed_at_instants_and_at_random(tmp_path: Path, dovecot: Dovecot, policy: str) -> None:
    house = House(tmp_path, dovecot, policy)
    chance = Random(policy)
    house.check()
    for turn in range(ROUNDS):
        instant = (*INSTANTS, "random")[turn % (len(INSTANTS) + 1)]
        house.deliver()
        with serving(house.config, instant, chance.randrange(1, 4)) as life:
            door = life.door()
            if door is not None:
                killer = Timer(chance.uniform(0.0, 0.3), life.process.kill)
                if instant == "random":
                    killer.start()
                uidl, acknowledged = delete_one(door)
                killer.cancel()
                if uidl:
                    (house.gone if acknowledged else house.maybe).add(uidl)
        house.check()
    assert house.upstream_keeps_all()
