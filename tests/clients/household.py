"""A bridge before several accounts, with devices that each see them in their own way, and the owner's commands."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import trio

from bridge.control import ask
from tests.clients.comparing import subject
from tests.support.bridge_config import Table, Value, dovecot_account, write_config
from tests.support.bridge_process import BridgeProcess, popbridge
from tests.support.device import Device
from tests.support.dovecot import Dovecot
from tests.support.imap_reference import append_at_once
from tests.support.mail_clients import Login, MailClient
from tests.support.ports import free_ports, wait_until

POLL = 1
"""Seconds between two looks at a mailbox that the server does not push, and as many for which a copy is held back."""

WAIT = 0.3
"""Seconds that a login waits for a server that is down."""


def account(dovecot: Dovecot, user: str, *mailboxes: str) -> dict[str, Value]:
    """Give an account's table; a mailbox that is not there yet is made."""
    with dovecot.client(user) as imap:
        for mailbox in mailboxes:
            imap.create(f'"{mailbox}"')
    return {**dovecot_account(dovecot, user), "mailboxes": list(mailboxes), "poll_interval": POLL}


def letter(name: str) -> bytes:
    """Give a message; its subject is its name."""
    head = "From: anna@example.org\r\nTo: ben@example.org\r\nDate: Thu, 01 Jan 2026 08:00:00 +0000\r\n"
    return f"{head}Subject: {name}\r\nMessage-ID: <{name.replace(' ', '.')}@example.org>\r\n\r\n{name}\r\n".encode()


class Household:
    """`with Household(…) as home:` the bridge runs, and nothing was listed yet."""

    def __init__(
        self,
        directory: Path,
        accounts: Mapping[str, Table],
        devices: Mapping[str, Table],
        programs: Mapping[str, MailClient] | None = None,
        undo_window: float = 0,
    ) -> None:
        self._directory = directory
        self._programs = programs or {}
        server: Table = {"undo_window": undo_window, "refresh_wait": WAIT}
        devices = {name: {"password": f"secret of {name}", **table} for name, table in devices.items()}
        self.devices = tuple(devices)
        # Programs remember by port what they fetched: it stays over a restart.
        doors: list[Table] = [{"address": f"127.0.0.1:{port}", "tls": "none"} for port in free_ports(1)]
        self.config = write_config(directory, accounts, devices, doors, server)
        self.bridge = BridgeProcess(self.config)

    def __enter__(self) -> Self:
        self.bridge.start()
        return self

    def restart(self) -> None:
        """Kill the bridge and start it again."""
        self.bridge.kill()
        self.bridge.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bridge.kill()

    # --- devices

    def login(self, name: str) -> Login:
        """Give the login of a device."""
        return Login(self.bridge.door(), name, f"secret of {name}", self._directory)

    def session(self, name: str) -> Device:
        """Give a device that has logged in."""
        login = self.login(name)
        device = Device(login.door)
        device.login(login.name, login.password)
        return device

    def listing(self, name: str, what: str = "UIDL") -> bytes:
        """Give what a device is told by UIDL or LIST, octet by octet, in a session that changes nothing."""
        with self.session(name) as device:
            octets = b"".join(device.body(what))
            device.quit()
        return octets

    def listings(self, *what: str) -> dict[tuple[str, str], bytes]:
        """Give the listings of all devices, each in a session of its own."""
        return {(name, each): self.listing(name, each) for name in self.devices for each in what or ("UIDL",)}

    def subjects(self, name: str) -> list[str]:
        """Give the subjects of what a device is shown, in its order."""
        with self.session(name) as device:
            heads = [device.top(num, 0) for num in device.unique_ids()]
            device.quit()
        return [subject(head).decode() for head in heads]

    def fetch(self, name: str) -> list[str]:
        """Have a device's program fetch what is new to it, and give the subjects, sorted."""
        home = self._directory / name
        home.mkdir(exist_ok=True)
        return sorted(subject(each).decode() for each in self._programs[name].fetch_new(self.login(name), home))

    def delete(self, name: str, *nums: int) -> None:
        """Have a device delete messages by their numbers, and QUIT."""
        with self.session(name) as device:
            for num in nums:
                device.command(f"DELE {num}")
            device.quit()

    # --- the owner

    def command(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        """Give what a command says with `--json`; it must end with this status."""
        done = popbridge(*arguments, "--json", config=self.config)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        said: dict[str, Any] = json.loads(done.stdout)
        assert said["version"] == 1
        return said

    def told(self, *arguments: str, status: int = 0) -> str:
        """Give what a command says to people; it must end with this status."""
        done = popbridge(*arguments, config=self.config)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    # --- waiting

    def status(self) -> dict[str, Any]:
        """Give what `status --json` has, without a process for it."""
        return trio.run(partial(ask, str(self._directory / "control.sock"), "status"))

    def account(self, name: str) -> dict[str, Any]:
        """Give what `status` has of an account."""
        return _named(self.status()["accounts"], name)

    def device(self, name: str) -> dict[str, Any]:
        """Give what `status` has of a device."""
        return _named(self.status()["devices"], name)

    def wait_listed(self, counts: Mapping[str, Sequence[int]], seconds: float = 30, pause: float = 0.1) -> None:
        """Return once every account's mailboxes, in their order, have as many messages, and all are known."""
        for name, wanted in counts.items():
            ready = partial(self._listed, name, wanted)
            wait_until(ready, seconds, f"{list(wanted)} messages in account {name}", pause)

    def _listed(self, name: str, wanted: Sequence[int]) -> bool:
        boxes = self.account(name)["mailboxes"]
        unknown = sum(box["unidentified"] + box["unmeasured"] for box in boxes)
        return [box["messages"] for box in boxes if box["listed"]] == list(wanted) and not unknown


class OneAccount(Household):
    """A household with one account, `family`, whose first mailbox has these letters."""

    def __init__(
        self,
        directory: Path,
        dovecot: Dovecot,
        devices: Mapping[str, Table],
        letters: Sequence[str],
        *,
        mailboxes: Sequence[str] = ("INBOX",),
        programs: Mapping[str, MailClient] | None = None,
        undo_window: float = 0,
    ) -> None:
        self.dovecot = dovecot
        self.user = dovecot.fresh_user()
        table = account(dovecot, self.user, *mailboxes)
        super().__init__(directory, {"family": table}, devices, programs, undo_window)
        self.deliver(*letters, mailbox=mailboxes[0])
        self._counts = (len(letters), *(0 for _ in mailboxes[1:]))

    def __enter__(self) -> Self:
        super().__enter__()
        self.wait_listed({"family": self._counts})
        return self

    def deliver(self, *letters: str, mailbox: str = "INBOX") -> None:
        """Have letters arrive."""
        with self.dovecot.client(self.user) as imap:
            append_at_once(imap, mailbox, map(letter, letters))

    def mail(self, mailbox: str = "INBOX") -> list[str]:
        """Give who is in a mailbox upstream, in the order of UIDs."""
        return [subject(each).decode() for each in self.dovecot.fetch_all(self.user, mailbox).values()]

    def wait_mail(self, *letters: str, mailbox: str = "INBOX") -> None:
        """Return once these are in a mailbox upstream, and no other."""
        wait_until(lambda: self.mail(mailbox) == list(letters), 30, f"{letters} in {mailbox}", 0.1)


def _named(rows: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"] == name)
