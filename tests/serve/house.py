"""A whole bridge in the test's own loop, in front of a sandbox, with devices that poll it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import trio

from bridge.control import ask
from bridge.model.names import AccountId, DeviceId
from bridge.model.secret import Secret
from bridge.model.settings import (
    AccountSettings,
    DeviceSettings,
    ListenerSettings,
    OnDelete,
    ServerSettings,
    Settings,
    Source,
)
from bridge.sandbox import SandboxServer
from bridge.serve.bridge import Bridge, running_bridge
from tests.support.bridge_process import Door
from tests.support.device import Device

T = TypeVar("T")

LETTER = "Message-ID: <{0}@example.org>\r\nSubject: letter {0}\r\n\r\nHello\r\n"


@dataclass
class House:
    """A bridge that has listed its accounts. A reload takes up what `settings` is then."""

    upstream: SandboxServer
    bridge: Bridge
    settings: Settings

    async def ask(self, command: str, **arguments: object) -> dict[str, Any]:
        """Give a command over the control socket."""
        return await ask(self.settings.server.control, command, **arguments)

    async def session(self, login: str, use: Callable[[Device], T]) -> T:
        """Have a device use one session, and end it by QUIT."""
        return await trio.to_thread.run_sync(self._session, login, use)

    def _session(self, login: str, use: Callable[[Device], T]) -> T:
        with self.connected(login) as device:
            found = use(device)
            device.command("QUIT")
        return found

    def connected(self, login: str) -> Device:
        """Give a device that has logged in. Blocks: call it in a thread."""
        address, _, port = self.bridge.listeners[0].address.rpartition(":")
        device = Device(Door(address, int(port), "none"))
        device.login(login, "secret")
        return device


def inbox(letters: int = 3) -> SandboxServer:
    """Give an upstream with letters in its inbox; it does not run yet."""
    upstream = SandboxServer()
    upstream.add_user("anna", "secret").create("Trash", "\\Trash")
    for number in range(1, letters + 1):
        upstream.deliver("anna", LETTER.format(number).encode())
    return upstream


@asynccontextmanager
async def house(
    directory: Path,
    upstream: SandboxServer | None = None,
    on_delete: OnDelete = "hide",
    listeners: tuple[ListenerSettings, ...] = (ListenerSettings(host="127.0.0.1"),),
) -> AsyncIterator[House]:
    """Run a bridge whose devices `fax` and `den` read one inbox."""
    async with trio.open_nursery() as nursery:
        upstream = upstream or inbox()
        port = await nursery.start(upstream.run)
        settings = replace(_settings(directory, port, on_delete), listeners=listeners)
        async with running_bridge(settings, load=lambda: at.settings) as bridge:
            at = House(upstream, bridge, settings)
            with trio.fail_after(20):
                await bridge.listed()
            yield at
        nursery.cancel_scope.cancel()


def _settings(directory: Path, port: int, on_delete: OnDelete) -> Settings:
    anna = AccountId("anna")
    account = AccountSettings(anna, "anna", "127.0.0.1", port, "none", "anna", Secret("secret"))
    fax = DeviceSettings(DeviceId("fax"), "fax", "fax", Secret("secret"), (Source(anna, "INBOX"),), on_delete=on_delete)
    den = replace(fax, id=DeviceId("den"), name="den", login="den")
    server = ServerSettings(str(directory / "state"), str(directory / "control.sock"), undo_window=0)
    return Settings(server, (), {anna: account}, {fax.id: fax, den.id: den})
