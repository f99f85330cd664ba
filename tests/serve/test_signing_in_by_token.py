"""Whole: an authorization server that signs tokens, a Dovecot that checks them, and a device that knows a password."""

import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from bridge.control import ask
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
from bridge.serve.bridge import Bridge, running_bridge
from bridge.serve.offline import administer_offline
from bridge.telemetry.logs import configure
from tests.support.bridge_process import Door
from tests.support.device import Device, Refused
from tests.support.dovecot import Dovecot, dovecot_missing
from tests.support.imap_reference import append
from tests.support.token_server import TokenServer, dovecot_for_tokens, token_server

LETTER = b"Message-ID: <%d@example.org>\r\nSubject: letter %d\r\n\r\nHello\r\n"
LONG = b"What is as long as this is kept in no memory.\r\n" * 20_000
KEY = Secret(base64.b64encode(b"k" * 32).decode())
OTHER_KEY = Secret(base64.b64encode(b"o" * 32).decode())
SECONDS = 30.0


@pytest.fixture(scope="module")
def xoauth2() -> Iterator[Dovecot]:
    """Give a Dovecot that takes tokens by XOAUTH2 alone."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with dovecot_for_tokens("xoauth2") as server:
        yield server


@pytest.fixture
def oauthbearer() -> Iterator[Dovecot]:
    """Give a Dovecot that takes tokens by OAUTHBEARER alone, for a test that has it crash."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with dovecot_for_tokens("oauthbearer") as server:
        yield server


@dataclass
class TokenHouse:
    """A bridge whose one account signs in by token, and the device `fax`."""

    tokens: TokenServer
    settings: Settings
    bridge: Bridge | None = None

    async def account(self) -> dict[str, Any]:
        """Give the account's part of `status --json`."""
        found = await ask(self.settings.server.control, "status")
        account: dict[str, Any] = found["accounts"][0]
        return account

    def use_keys(self, *keys: Secret) -> None:
        """Have the configuration name these keys, from the next start or reload on."""
        self.settings = replace(self.settings, server=replace(self.settings.server, token_keys=keys))

    async def sign_in(self) -> None:
        """What `popbridge login` does when the person has agreed."""
        text = self.tokens.granted().text().reveal()
        await ask(self.settings.server.control, "account_signed_in", account="mail", tokens=text)

    async def until(self, fits: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait until the account's part of `status` fits."""
        with trio.fail_after(SECONDS):
            while not fits(found := await self.account()):
                await wait_all_tasks_blocked(0.01)
        return found

    async def session(self, use: Callable[[Device], Any]) -> Any:
        """Have the device use a session."""

        def work() -> Any:
            with self.connected() as device:
                device.login("fax", "of the fax alone")
                found = use(device)
                device.command("QUIT")
            return found

        return await trio.to_thread.run_sync(work)

    def connected(self) -> Device:
        """Connect the device. Blocks."""
        assert self.bridge is not None
        address, _, port = self.bridge.listeners[0].address.rpartition(":")
        return Device(Door(address, int(port), "none"))


@asynccontextmanager
async def token_house(directory: Path, dovecot: Dovecot, user: str, life: float = 3600.0) -> AsyncIterator[TokenHouse]:
    """Prepare a house; `living` runs its bridge."""
    async with token_server(user, life) as tokens:
        mail = AccountId("mail")
        account = AccountSettings(
            mail, "mail", dovecot.host, dovecot.imap_port, "none", user, Secret(""), oauth=tokens.settings
        )
        fax = DeviceSettings(DeviceId("fax"), "fax", "fax", Secret("of the fax alone"), (Source(mail, "INBOX"),))
        server = ServerSettings(str(directory / "state"), str(directory / "control.sock"), token_keys=(KEY,))
        server = replace(server, upstream_timeout=5, refresh_wait=0.2)
        settings = Settings(server, (ListenerSettings(host="127.0.0.1"),), {mail: account}, {fax.id: fax})
        yield TokenHouse(tokens, settings)


@asynccontextmanager
async def living(house: TokenHouse) -> AsyncIterator[None]:
    """Run the house's bridge for the block."""
    async with running_bridge(house.settings, load=lambda: house.settings) as house.bridge:
        yield


def deliver(dovecot: Dovecot, user: str, *numbers: int) -> None:
    """Put letters into the inbox, as another mail program that knows the password."""
    with dovecot.client(user) as imap:
        for number in numbers:
            append(imap, "INBOX", LETTER % (number, number) + (LONG if number == 3 else b""), (), None)


def fresh(dovecot: Dovecot) -> str:
    """Give a user with three letters whom nobody else was given."""
    user = dovecot.fresh_user()
    deliver(dovecot, user, 1, 2, 3)
    return user


def listed(account: dict[str, Any]) -> bool:
    return account["state"] == "online" and all(one["listed"] for one in account["mailboxes"])


async def test_a_life_by_token(tmp_path: Path, oauthbearer: Dovecot, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody has signed in; somebody does; tokens end and are had anew; the sign-in is taken back, and given anew."""
    configure("console", "debug")
    user = fresh(oauthbearer)
    async with token_house(tmp_path, oauthbearer, user, life=3) as house, living(house):
        found = await house.until(lambda account: account["state"] == "needs sign-in")
        assert "popbridge login mail" in found["note"]
        with pytest.raises(Refused, match=r"\[SYS/TEMP\]"):
            await house.session(lambda device: None)
        await house.sign_in()
        await house.until(listed)
        assert "method=OAUTHBEARER" in oauthbearer.log
        probed = await ask(house.settings.server.control, "account_probe", account="mail")
        assert probed["ok"]
        assert "to sign in: AUTHENTICATE OAUTHBEARER with an initial response" in probed["lines"]

        def read_on(device: Device) -> None:
            assert b"Subject: letter 1" in device.retr(1)
            trio.from_thread.run(house.until, lambda _: house.tokens.ended(1))
            oauthbearer.kill()  # every connection is lost, and another needs a token that is good now
            oauthbearer.start()
            for number in (2, 3):
                assert b"Subject: letter %d" % number in device.retr(number)

        await house.session(read_on)
        ids = await house.session(lambda device: device.unique_ids())
        assert house.tokens.refused == 0

        house.tokens.revoke()
        found = await house.until(lambda account: account["state"] == "needs sign-in")
        assert "invalid_grant" in found["note"]
        await house.until(lambda account: house.tokens.ended())
        deliver(oauthbearer, user, 4)
        await trio.to_thread.run_sync(oauthbearer.kill)
        await trio.to_thread.run_sync(oauthbearer.start)
        await house.until(lambda account: account["connections"] == 0)
        asked = house.tokens.asked
        assert await house.session(lambda device: device.unique_ids()) == ids
        with pytest.raises(Refused, match=r"-ERR \[SYS/TEMP\]"):
            await house.session(lambda device: device.command("RETR 3"))
        assert house.tokens.asked == asked, "what was refused is not asked for again and again"

        await house.sign_in()
        await house.until(lambda account: listed(account) and account["mailboxes"][0]["messages"] == 4)
        assert b"Subject: letter 4" in await house.session(lambda device: device.retr(4))
        secrets = house.tokens.secrets
    shown = capsys.readouterr()
    assert not [one for one in secrets if one in shown.err + shown.out + str(found)]
    assert shown.err.count("account.needs_sign_in") == 2
    state = b"".join(path.read_bytes() for path in sorted((tmp_path / "state").glob("popbridge*")))
    assert not [one for one in secrets if one.encode() in state]


async def test_restarts_and_keys(tmp_path: Path, xoauth2: Dovecot) -> None:
    """No refresh token is shown twice, whatever happens; what no key opens is said, and opens once the key is back."""
    async with token_house(tmp_path, xoauth2, fresh(xoauth2), life=3) as house:
        async with living(house):
            await house.sign_in()
            await house.until(listed)
            assert "method=XOAUTH2" in xoauth2.log
            assert b"Subject: letter 2" in await house.session(lambda device: device.retr(2))
            await house.until(lambda _: house.tokens.asked > 0)
        house.use_keys(OTHER_KEY)
        async with living(house):
            found = await house.until(lambda account: account["state"] == "needs sign-in")
            assert "put the key back and reload" in found["note"]
            assert len(await house.session(lambda device: device.unique_ids())) == 3
            house.use_keys(OTHER_KEY, KEY)
            assert house.bridge is not None
            await house.bridge.reload()
            await house.until(listed)
        house.use_keys(OTHER_KEY)
        async with living(house):
            await house.until(listed)
        asking = partial(administer_offline, house.settings, "account_probe", {"account": "mail"})
        probed = await trio.to_thread.run_sync(asking)
        assert probed["ok"], probed["lines"]
        assert house.tokens.refused == 0


async def test_a_token_that_the_server_does_not_take(tmp_path: Path, xoauth2: Dovecot) -> None:
    """Another is had, once; then it is the owner's to see to. The device keeps what it has."""
    user = fresh(xoauth2)
    async with token_house(tmp_path, xoauth2, user) as house, living(house):
        house.tokens.user = "somebody.else"
        await house.sign_in()
        found = await house.until(lambda account: f"does not take the token for {user}" in account["note"])
        assert (found["state"], house.tokens.asked) == ("needs sign-in", 1)
        house.tokens.user = user
        await house.sign_in()
        await house.until(listed)
        assert house.tokens.asked == 1
