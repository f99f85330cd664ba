"""A whole bridge in the test's own loop whose devices log in with a sandbox's users, and are counted at its door."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import trio

from bridge.config.device import Device as DeviceTable
from bridge.config.device import common_settings
from bridge.control import ask
from bridge.model.names import AccountId, DeviceId
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, ListenerSettings, PassthroughSettings, ServerSettings, Settings
from bridge.sandbox import SandboxServer
from bridge.serve.bridge import Bridge, running_bridge
from tests.support.bridge_process import Door
from tests.support.device import Device, Refused

T = TypeVar("T")

KEY = Secret("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
DOMAIN = "example.org"
ANN, BEN = f"ann@{DOMAIN}", f"ben@{DOMAIN}"
PASSWORDS = {ANN: "ann-secret-1", BEN: "ben-secret-1"}


def letter(name: str) -> bytes:
    """Give a message by this name."""
    return f"Message-ID: <{name}@example.org>\r\nSubject: {name}\r\n\r\nHello\r\n".encode()


def upstream() -> SandboxServer:
    """Give a server with two users, who have two letters and one; it does not run yet."""
    server = SandboxServer()
    for user, letters in ((ANN, ("a1", "a2")), (BEN, ("b1",))):
        server.add_user(user, PASSWORDS[user]).create("Trash", "\\Trash")
        for name in letters:
            server.deliver(user, letter(name), date=int(time.time()))
    return server


def passthrough(port: int, *, remember: bool = True, **device: Any) -> PassthroughSettings:
    """Give the settings of the domain; `device` are keys of its devices."""
    account = AccountSettings(AccountId(""), "", "127.0.0.1", port, "none", "", Secret(""))
    return PassthroughSettings(DOMAIN, account, replace(common_settings(DeviceTable()), **device), remember)


def settings(directory: Path, *tables: PassthroughSettings) -> Settings:
    """Give a configuration of nothing else. A login waits for what is down for a moment only."""
    server = ServerSettings(
        state_dir=str(directory / "state"),
        control=str(directory / "control.sock"),
        undo_window=0,
        refresh_wait=1,
        token_keys=(KEY,),
    )
    doors = (ListenerSettings(host="127.0.0.1"),)
    return Settings(server, doors, {}, {}, {table.domain: table for table in tables})


@dataclass
class House:
    """A bridge that runs. A reload takes up what `settings` is then."""

    bridge: Bridge
    settings: Settings

    async def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Give a command over the control socket."""
        return await ask(self.settings.server.control, command, **arguments)

    async def session(self, login: str, use: Callable[[Device], T], password: str = "") -> T:
        """Have a device use one session, and end it by QUIT. Raises `Refused`."""
        return await trio.to_thread.run_sync(self._session, login, use, password)

    def _session(self, login: str, use: Callable[[Device], T], password: str) -> T:
        with self.device(login, password) as device:
            found = use(device)
            device.quit()
        return found

    async def subjects(self, login: str, password: str = "") -> list[str]:
        """Give the subjects of what a device is shown."""
        return await self.session(login, subjects, password)

    async def refusal(self, login: str, password: str = "") -> str:
        """Give what a device hears that is refused; empty where it is not."""
        try:
            await self.session(login, Device.stat, password)
        except Refused as refused:
            return str(refused)
        return ""

    @contextmanager
    def device(self, login: str, password: str = "") -> Iterator[Device]:
        """Give a device that has logged in. Blocks: call it in a thread."""
        address, _, port = self.bridge.listeners[0].address.rpartition(":")
        with Device(Door(address, int(port), "none")) as device:
            device.login(login, password or PASSWORDS[account_of(login)])
            yield device

    async def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Give `status` once it is as wanted."""
        with trio.fail_after(10):
            while not holds(found := await self.ask("status")):  # noqa: ASYNC110 - another process's state
                await trio.sleep(0.02)
        return found

    async def account(self, name: str = ANN) -> dict[str, Any]:
        """Give what `status` has of an account."""
        found: dict[str, Any] = next(one for one in (await self.ask("status"))["accounts"] if one["name"] == name)
        return found

    async def domain(self) -> dict[str, Any]:
        """Give what `status` has of the domain."""
        found: dict[str, Any] = (await self.ask("status"))["passthrough"][0]
        return found


def account_of(login: str) -> str:
    """Give whose login it is."""
    return login.removeprefix("recent:").partition("+")[0]


def subjects(device: Device) -> list[str]:
    """Give the subjects of a device's messages."""
    heads = [device.top(num, 0).decode() for num in device.unique_ids()]
    return [head.partition("Subject: ")[2].partition("\r\n")[0] for head in heads]


def sign_ins(server: SandboxServer) -> int:
    """Give how many sign-ins were asked for."""
    return len(server.commands("AUTHENTICATE"))


@asynccontextmanager
async def serving(server: SandboxServer) -> AsyncIterator[int]:
    """Run an upstream for the block, and give its port."""
    async with trio.open_nursery() as nursery:
        yield await nursery.start(server.run)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def house(configured: Settings) -> AsyncIterator[House]:
    """Run a bridge for the block."""
    async with running_bridge(configured, load=lambda: at.settings) as bridge:
        at = House(bridge, configured)
        yield at


def device_ids(found: dict[str, Any]) -> list[DeviceId]:
    """Give the devices that `status` tells of."""
    return [DeviceId(one["name"]) for one in found["devices"]]
