"""`popbridge demo`: an upstream with mail, the bridge, and a device, all on this machine."""

import itertools
import secrets
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from bridge.model.failures import BridgeError
from bridge.model.names import AccountId, DeviceId
from bridge.model.secret import Secret
from bridge.model.settings import (
    AccountSettings,
    DeviceSettings,
    ListenerSettings,
    ServerSettings,
    Settings,
    Source,
)
from bridge.net import NetError, open_listeners
from bridge.sandbox import SandboxServer
from bridge.sandbox.mail import USERS, arriving, settle_in
from bridge.serve.bridge import Bridge, running_bridge
from bridge.serve.demo_device import DemoFailed, show_session
from bridge.telemetry import configure

LOGIN = "demo"
PORTS = 100
"""Ports that are tried, from the wanted one on."""

ARRIVAL_SECONDS = 30.0
"""Between two new messages while the demo runs."""

LISTING_SECONDS = 60.0


class DemoError(BridgeError):
    """The demo could not be set up, or its device was not served."""


def run_demo(host: str, port: int, once: bool) -> int:
    """Run the demo; `once` ends it behind one device's session. Gives the exit status. Nothing is kept."""
    configure("console", "warning")
    with tempfile.TemporaryDirectory(prefix="popbridge-demo-") as directory:
        try:
            trio.run(_demo, Path(directory), host, port, once)
        except* KeyboardInterrupt:
            _progress("stopped")
        except* DemoFailed as failures:
            raise DemoError(str(failures.exceptions[0])) from None
    return 0


async def _demo(directory: Path, host: str, port: int, once: bool) -> None:
    password = secrets.token_hex(5)
    async with trio.open_nursery() as nursery:
        with _step("starting an upstream with two accounts of mail"):
            upstream = SandboxServer()
            settle_in(upstream, password, int(time.time()))
            upstream_port = await nursery.start(upstream.run)
        with _step(f"starting the bridge, its database in {directory}"):
            free = await _free_port(host, port)
            settings = _settings(directory, host, free, upstream_port, password)
        async with running_bridge(settings) as bridge:
            with _step("listing the accounts for the first time"):
                await _listed(bridge)
            address = bridge.listeners[0].address
            place, _, listening = address.rpartition(":")
            _say(f"One device's POP3 session, as it happens at {address}:")
            await show_session(place.strip("[]"), int(listening), LOGIN, password, lambda line: _say(f"  {line}"))
            if not once:
                _say("The bridge goes on, and new mail comes now and then. Point a mail program at it; Ctrl-C ends it.")
            for name, value in (("host", place.strip("[]")), ("port", listening), ("login", LOGIN)):
                _say(f"{name}: {value}")
            _say(f"password: {password}")
            if not once:
                await _deliver_forever(upstream)
        nursery.cancel_scope.cancel()


async def _free_port(host: str, port: int) -> int:
    """Give the first port from the wanted one on that can be listened on."""
    for each in range(port, min(port + PORTS, 65536)) if port else (0,):
        try:
            (listener,) = await open_listeners([ListenerSettings(host=host, port=each)])
        except NetError:
            continue
        listener.close()
        return each
    raise DemoError(f"no port from {port} to {port + PORTS - 1} is free on {host}: choose one with --listen")


def _settings(directory: Path, host: str, port: int, upstream_port: int, password: str) -> Settings:
    accounts = {
        AccountId(user): AccountSettings(
            id=AccountId(user),
            name=user,
            host="127.0.0.1",
            port=upstream_port,
            tls="none",
            user=user,
            password=Secret(password),
        )
        for user in USERS
    }
    device = DeviceSettings(
        id=DeviceId(LOGIN),
        name=LOGIN,
        login=LOGIN,
        password=Secret(password),
        sources=tuple(Source(account, "INBOX") for account in accounts),
    )
    return Settings(
        ServerSettings(state_dir=str(directory), control=str(directory / "control.sock")),
        (ListenerSettings(host=host, port=port),),
        accounts,
        {device.id: device},
    )


async def _listed(bridge: Bridge) -> None:
    """Wait until every mailbox was listed whole."""
    with trio.move_on_after(LISTING_SECONDS):
        await bridge.listed()
        return
    raise DemoError(f"the accounts were not listed within {LISTING_SECONDS:g} s")


async def _deliver_forever(upstream: SandboxServer) -> None:
    for number in itertools.count():
        await trio.sleep(ARRIVAL_SECONDS)
        user, letter = arriving(number, int(time.time()))
        upstream.deliver(user, letter.octets, letter.mailbox, letter.date)
        _progress(f"new mail for {user}")


@contextmanager
def _step(what: str) -> Iterator[None]:
    """Tell on stderr what is being set up, and how long it took."""
    began = time.monotonic()
    _progress(f"{what} …")
    yield
    _progress(f"{what}: {time.monotonic() - began:.1f} s")


def _progress(text: str) -> None:
    sys.stderr.write(f"== {text}\n")
    sys.stderr.flush()


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
