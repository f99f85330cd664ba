"""What is running while it is measured: upstream, peer, lines, devices, and bridges. All of it ends with its block."""

import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bench import machine
from tests.bench.device import Device
from tests.bench.mailboxes import MANY, USERS, Mailbox, fill
from tests.bench.peer import Peer, peer_users
from tests.bench.wire import Failed, Login, source_address
from tests.support.bridge_config import Table, write_config
from tests.support.bridge_process import BridgeProcess
from tests.support.delay_line import DelayLine
from tests.support.dovecot import Dovecot

LOGINS = """\
service auth {
  client_limit = 5000
}
service pop3-login {
  service_count = 0
  process_min_avail = 2
  client_limit = 1000
}
service pop3 {
  process_min_avail = 10
  service_count = 1000
}
"""
"""Processes that serve many logins instead of one each: Dovecot's own way to be quick at them."""

UPSTREAM = f"""\
{LOGINS}
service imap-login {{
  service_count = 0
  process_min_avail = 2
  client_limit = 1000
}}
pop3_no_flag_updates = yes
"""

MEMORY = Path("/dev/shm")
NEEDED = 3_000_000_000
"""Octets that must be free there for the mail to lie there: on disk, 120,000 files would still be written while others
are read, and take minutes to go.
"""

MEASURED_WITHIN = 600.0
"""Seconds that a bridge has to list and measure all its mailboxes before anything warm is timed."""

DEVICE_PASSWORD = "a device's own secret"


@dataclass(frozen=True)
class Account:
    """An account of a bridge: which mailbox, whether over the line, and more keys of its table."""

    mailbox: Mailbox
    line: bool = False
    more: Table = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name; so is the device called that comes first."""
        return self.mailbox.user + ("-line" if self.line else "")


class Bridge(BridgeProcess):
    """A running `popbridge serve`, and the logins of its devices."""

    def login(self, device: str, number: int = 0) -> Login:
        """Give where a device goes; device `number` comes from an address of its own."""
        door = self.door()
        return Login(door.host, door.port, device, DEVICE_PASSWORD, source_address(number))

    def wait_measured(self) -> None:
        """Return once every mailbox is listed and measured, so that nothing runs in the background any more."""
        end = time.monotonic() + MEASURED_WITHIN
        while time.monotonic() < end:
            status = self.status()
            mailboxes = [mailbox for account in status["accounts"] for mailbox in account["mailboxes"]]
            if mailboxes and all(mailbox["listed"] and not mailbox["unmeasured"] for mailbox in mailboxes):
                return
            time.sleep(0.5)
        raise Failed(f"not measured within {MEASURED_WITHIN:g} s:\n{self.log[-2000:]}")

    def wait_line(self, line: str) -> None:
        """Return as soon as the log has the line; looks often, because a clock is running."""
        while line not in self.log:
            time.sleep(0.001)


def mail_directory() -> str:
    """Give where the upstream's mail is to lie: in memory, where there is enough of it."""
    free = shutil.disk_usage(MEMORY).free if os.access(MEMORY, os.W_OK) else 0
    return str(MEMORY) if min(free, machine.available()) > NEEDED else "/tmp"


class Grounds:
    """`with Grounds() as grounds:` everything but the bridges, which a row starts for itself."""

    def __init__(self, window: int) -> None:
        self._stack = contextlib.ExitStack()
        self._window = window
        self._filled: set[str] = set()
        self._known: set[str] = set()
        self._firsts = iter(range(1000))

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.upstream = stack.enter_context(Dovecot(users=USERS, extra=UPSTREAM, where=mail_directory()))
            target = self.upstream.imap_port
            self.bridge_line, self.peer_line, self.raw_line = (
                stack.enter_context(DelayLine(target, self._window)) for _ in range(3)
            )
            logins = peer_users(USERS, MANY.user, target, self.peer_line.port)
            self.peer = stack.enter_context(Peer(self.upstream, logins, LOGINS))
            self.device = stack.enter_context(Device())
            self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="popbridge-bench-")))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        # Who ends it with a second signal would leave half of it behind.
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        self._stack.close()

    def fill(self, *mailboxes: Mailbox) -> None:
        """Have these mailboxes filled; each is filled once a run."""
        for mailbox in mailboxes:
            if mailbox.user not in self._filled:
                fill(self.upstream, mailbox)
                self._filled.add(mailbox.user)

    def set_round_trip(self, milliseconds: int) -> None:
        """Let each line take so long for a round trip."""
        for line in (self.bridge_line, self.peer_line, self.raw_line):
            line.set_round_trip(milliseconds / 1000)

    def native(self, mailbox: Mailbox, number: int = 0) -> Login:
        """Give the login at Dovecot's own POP3."""
        source = source_address(number)
        return Login(self.upstream.host, self.upstream.pop3_port, mailbox.user, mailbox.password, source)

    def over_imapc(self, mailbox: Mailbox, line: bool = False, plain: bool = False, number: int = 0) -> Login:
        """Give the login at the peer. It has seen the mailbox before: its indexes are there."""
        home = mailbox.user + ("-plain" if plain else "")
        if home not in self._known:
            # Without delay, whichever way it is used later: the first listing takes a round trip for each message.
            self._known.add(home)
            self.device.poll(self._peer(home, mailbox), mailbox.messages)
        return self._peer(home + ("-line" if line else ""), mailbox, number)

    def _peer(self, name: str, mailbox: Mailbox, number: int = 0) -> Login:
        return Login(self.peer.host, self.peer.pop3_port, name, mailbox.password, source_address(number))

    def never_seen(self, line: bool) -> Login:
        """Give a login at the peer for the 20,000 messages of which it has no index yet."""
        return self._peer(f"first{next(self._firsts)}{'-line' if line else ''}", MANY)

    def raw(self, mailbox: Mailbox, line: bool) -> Login:
        """Give the login at the upstream's IMAP."""
        port = self.raw_line.port if line else self.upstream.imap_port
        return Login(self.upstream.host, port, mailbox.user, mailbox.password)

    @contextlib.contextmanager
    def bridge(self, accounts: Sequence[Account], devices_each: int = 1) -> Iterator[Bridge]:
        """Run a bridge with these accounts until the block ends; it has listed and measured them all.

        Each account has a device of its name; with `devices_each`, devices NAME.0, NAME.1 ….
        """
        with self.fresh_bridge(accounts, devices_each) as bridge:
            bridge.wait_measured()
            yield bridge

    @contextlib.contextmanager
    def fresh_bridge(self, accounts: Sequence[Account], devices_each: int = 1) -> Iterator[Bridge]:
        """Run a bridge that is ready, and may still be listing."""
        with self.scratch() as directory, Bridge(self.configure(directory, accounts, devices_each)) as bridge:
            yield bridge

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give a directory that goes with the block."""
        with tempfile.TemporaryDirectory(dir=self.directory) as directory:
            yield Path(directory)

    def configure(self, directory: Path, accounts: Sequence[Account], devices_each: int = 1) -> Path:
        """Write a bridge's config; written anew, it is what a reload takes up."""
        devices: dict[str, Table] = {}
        for account in accounts:
            names = [account.name] if devices_each == 1 else [f"{account.name}.{n}" for n in range(devices_each)]
            devices |= {name: {"password": DEVICE_PASSWORD, "sources": [account.name]} for name in names}
        return write_config(
            directory,
            {account.name: self._table(account) for account in accounts},
            devices,
            server={"max_sessions": 4000, "max_sessions_per_peer": 4000},
        )

    def _table(self, account: Account) -> Table:
        mailbox = account.mailbox
        return {
            "host": self.upstream.host,
            "port": self.bridge_line.port if account.line else self.upstream.imap_port,
            "tls": "none",
            "user": mailbox.user,
            "password": mailbox.password,
            **account.more,
        }
