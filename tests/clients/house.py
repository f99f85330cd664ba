"""The bridge as its owner would run it: one account on Dovecot, many devices, three listeners."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.bridge_config import Table, dovecot_account, three_doors, write_config
from tests.support.bridge_process import BridgeProcess, Door
from tests.support.certificates import make_certificate
from tests.support.device import Device, Refused
from tests.support.dovecot import Dovecot
from tests.support.mail_clients import Login
from tests.support.ports import wait_until

DEVICES = 40


class House:
    """`dovecot`, its user `user`, the `bridge` in front of it, and devices that nobody used yet."""

    def __init__(self, dovecot: Dovecot, directory: Path) -> None:
        self.dovecot = dovecot
        self.user = dovecot.fresh_user()
        self.directory = directory
        self.certificate = make_certificate(directory)
        self._unused = iter(range(DEVICES))
        devices: dict[str, Table] = {
            f"device{n}": {"password": f"device secret {n}", "sources": ["account"]} for n in range(DEVICES)
        }
        accounts = {"account": dovecot_account(dovecot, self.user)}
        self.config = write_config(directory, accounts, devices, three_doors(self.certificate))
        self.bridge = BridgeProcess(self.config)

    def __enter__(self) -> Self:
        self.bridge.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.bridge.kill()

    def append(self, messages: Iterable[bytes]) -> list[int]:
        """Append messages upstream, and give their UIDs."""
        return self.dovecot.append_all(self.user, messages)

    def new_login(self, door: Door | None = None) -> Login:
        """Give the login of a device that nobody used yet, at the plain door or another."""
        n = next(self._unused)
        return Login(door or self.bridge.door(), f"device{n}", f"device secret {n}", self.certificate.ca)

    def login_again(self, login: Login) -> Login:
        """Give the same device's login after a restart, which may have moved the door."""
        return replace(login, door=self.bridge.door(login.door.tls))

    def session(self, login: Login, buffer: int = 0) -> Device:
        """Give a device that is logged in."""
        device = Device(login.door, login.ca if login.door.tls != "none" else None, buffer)
        device.login(login.name, login.password)
        return device

    def wait_for_messages(self, count: int, seconds: float = 60) -> None:
        """Return once the bridge lists `count` messages, all of them measured."""
        login = self.new_login()

        def listed() -> bool:
            try:
                with self.session(login) as device:
                    return device.stat()[0] == count
            except Refused as answer:
                if "[SYS/TEMP]" not in str(answer):
                    raise
                return False

        wait_until(listed, seconds, f"{count} messages in the maildrop")
        wait_until(lambda: unmeasured(self.bridge.status()) == 0, seconds, "all messages measured")


def unmeasured(status: object) -> int:
    """Add up every `unmeasured` of what `status --json` says; there must be one."""
    found = list(_values(status, "unmeasured"))
    assert found, "status tells nothing of what is unmeasured"
    return sum(found)


def _values(node: object, key: str) -> Iterator[int]:
    if isinstance(node, dict):
        for name, value in node.items():
            if name == key and isinstance(value, int):
                yield value
            else:
                yield from _values(value, key)
    elif isinstance(node, list):
        for value in node:
            yield from _values(value, key)
