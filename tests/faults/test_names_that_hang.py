"""Names of many accounts that nobody resolves: whoever else is there notices nothing."""

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trio

from bridge.model.names import AccountId, DeviceId
from bridge.model.settings import Settings, Source
from bridge.store import in_thread
from tests.faults.house import ANNA, house
from tests.faults.outcome import Outcome

DEAD = 45
"""More than Trio has threads for everybody."""

WAIT = 3.0
"""`refresh_wait`."""

OUTCOME = Outcome(
    hears="what it always hears; `-ERR [SYS/TEMP]` where its account was never listed",
    within=f"login {WAIT:g} s (`refresh_wait`)",
    left="nothing changed",
)


@pytest.fixture
def silence(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a name server that says nothing of names that begin with `dead`."""
    real, over = socket.getaddrinfo, threading.Event()

    def look_up(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host)
        # Trio asks first whether it is an address, and never waits for that.
        if name.startswith("dead") and not (rest[-1:] or [0])[0] & socket.AI_NUMERICHOST:
            over.wait(60)
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    yield
    over.set()


def with_dead_accounts(settings: Settings) -> Settings:
    """Add accounts whose servers' names nobody resolves, each with a device."""
    accounts, devices, [well], [fax] = {}, {}, settings.accounts.values(), settings.devices.values()
    for number in range(DEAD):
        name = f"dead{number}"
        account = replace(well, id=AccountId(name), name=name, host=f"{name}.example.org")
        accounts[account.id] = account
        device = replace(fax, id=DeviceId(name), name=name, login=name, sources=(Source(account.id, "INBOX"),))
        devices[device.id] = device
    well = replace(well, host="localhost")
    server = replace(settings.server, refresh_wait=WAIT)
    return replace(settings, server=server, accounts={ANNA: well, **accounts}, devices={**devices, fax.id: fax})


@pytest.mark.usefixtures("silence")
async def test_others_log_in_and_get_their_mail(tmp_path: Path) -> None:
    """Their passwords are checked, and their account is reached by its name."""
    async with house(tmp_path, runner=in_thread, listed=False, change=with_dead_accounts) as at:
        for login, answer in (("fax", "+OK"), ("dead7", "-ERR [SYS/TEMP]")):
            async with at.connected() as device:
                with trio.fail_after(WAIT + 3):
                    assert (await device.login(login)).startswith(answer)
