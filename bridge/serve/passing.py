"""Accounts and devices that passthrough makes: which there are, which of them run, and what is remembered of them."""

import hmac
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Any

import trio

from bridge.config import parse_hash
from bridge.index import DeviceMaildrops
from bridge.model.failures import BridgeError, NoKey, NoRoom, NotListedYet, SealBroken, StoreError
from bridge.model.names import AccountId, DeviceId
from bridge.model.passthrough import (
    PassedLogin,
    Remembered,
    is_passed,
    passed_logins,
    read_login,
    taken_logins,
    with_passed,
)
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PassthroughSettings, PasswordHash, Settings
from bridge.serve.accounts import RunningAccounts
from bridge.serve.waiting import passed_facts
from bridge.session import Leases, Standing, expire_for_strangers
from bridge.store import Store
from bridge.telemetry import get_logger

log = get_logger("serve")

TEND_SECONDS = 10.0
"""Between two looks at which accounts are idle."""

AFTER_SESSION = 60.0
"""Seconds that an account is watched after the last session, where its password is not remembered: devices come back
at once, and a connection that nobody needs is kept as long.
"""

FORGOTTEN_AFTER = 86400.0
"""Seconds after which nothing of such an account is kept in memory."""

ASLEEP_AFTER = 30 * 86400.0
"""Seconds without a login after which an account whose password is remembered is watched no longer, unless something
is still to be done there: its next login has it watched again.
"""

MOST_DEVICES = 100
"""Devices of one account, by its tags: more were made up by a program that makes a new one at each login."""

REMEMBER_SECONDS = 15.0
"""What keeping a password may take, whatever becomes of the session meanwhile."""

HashPassword = Callable[[Secret], Awaitable[str]]
"""Gives `scrypt$…` for a password, off the event loop."""


class PassedThrough:
    """`PassedAccounts` over what runs. `settings` is the configuration with the accounts and devices that there are
    besides; the accounts have no password there. `now` gives Unix seconds.
    """

    def __init__(
        self,
        configured: Settings,
        store: Store,
        accounts: RunningAccounts,
        maildrops: DeviceMaildrops,
        leases: Leases,
        hash_password: HashPassword,
        now: Callable[[], float],
    ) -> None:
        self.configured = self.settings = configured
        self._store = store
        self._accounts = accounts
        self._maildrops = maildrops
        self._leases = leases
        self._hash = hash_password
        self._now = now
        self._taken, self._expire = taken_logins(configured), _expire(configured)
        self._logins: dict[DeviceId, PassedLogin] = {}
        self._passwords: dict[AccountId, Secret] = {}
        self._verifiers: dict[AccountId, PasswordHash] = {}
        self._used: dict[AccountId, float] = {}

    # --- the configuration

    async def load(self, configured: Settings) -> None:
        """Take up the configuration, at the start or on reload, and what the store has of its domains' users.

        What is remembered of a password whose domain does so no longer is forgotten. Raises `StoreUnavailable`.
        """
        known = await self._store.remembered()
        last = await self._store.last_logins()
        await self._load_secrets(configured)
        logins = {login.device: login for login in passed_logins(configured, known.devices)}
        accounts = {login.account for login in logins.values()}
        every: tuple[dict[AccountId, Any], ...] = (self._passwords, self._verifiers, self._used)
        for kept in every:
            for account in kept.keys() - accounts:
                del kept[account]
        for login in logins.values():
            self._used[login.account] = max(self._used.get(login.account, 0.0), last.get(login.device, self._now()))
        self._logins, self._taken, self.configured = logins, taken_logins(configured), configured
        self._expire = _expire(configured)

    def publish(self) -> None:
        """Show in `settings` what `load` took up: by now it runs."""
        self.settings = self.known()

    def known(self) -> Settings:
        """Give the configuration with all accounts and devices that there are besides."""
        return with_passed(self.configured, self._logins.values())

    async def _load_secrets(self, configured: Settings) -> None:
        for owner in await self._store.secret_owners("remembered"):
            account = AccountId(owner)
            login = read_login(owner, configured.passthrough)
            if login is None:
                continue  # its table may come back, and `account forget` is there for when it does not
            if not configured.passthrough[login.domain].remember:
                await self._store.forget_secret("remembered", owner)
                self._verifiers.pop(account, None)
            elif account not in self._verifiers:
                await self._load_secret(account)

    async def _load_secret(self, account: AccountId) -> None:
        try:
            secret = await self._store.load_secret("remembered", account)
            found = Remembered.read(secret) if secret else None
            if found is not None:
                self._verifiers[account] = parse_hash(found.verifier.reveal())
                self._passwords[account] = found.password
        except (SealBroken, NoKey, ValueError) as failure:
            log.warning("passthrough.not_opened", account=account, problem=str(failure))

    async def awake(self) -> Settings:
        """Give the configuration with the accounts that are to run, with their passwords, and their devices."""
        busy = await self._store.accounts_with_promises()
        able = [account for account in self._used if account in self._passwords]
        wanted = sorted((one for one in able if self._wakes(one, busy)), key=self._used.__getitem__, reverse=True)
        chosen: set[AccountId] = set()
        for passthrough in self.configured.passthrough.values():
            mine = [one for one in wanted if _domain(one) == passthrough.domain]
            chosen.update(mine[: passthrough.max_accounts])
        logins = [login for login in self._logins.values() if login.account in chosen]
        return with_passed(self.configured, logins, self._passwords)

    def _wakes(self, account: AccountId, busy: Collection[AccountId]) -> bool:
        if self._accounts.running(account) is not None:
            return True
        fresh = self._now() - self._used[account] < ASLEEP_AFTER
        return account in self._verifiers and (fresh or account in busy)

    # --- the doorkeeper's questions

    @property
    def domains(self) -> Collection[str]:
        """The domains whose logins pass through."""
        return self.configured.passthrough

    @property
    def devices(self) -> tuple[DeviceId, ...]:
        """The devices that there are now."""
        return tuple(self.settings.devices)

    @property
    def expire(self) -> str | None:
        """What EXPIRE tells strangers."""
        return self._expire

    def read(self, login: str) -> PassedLogin | None:
        """Give what a login means; a device of the configuration goes first."""
        found = read_login(login, self.configured.passthrough)
        return None if found is None or found.device in self._taken else found

    def networks(self, login: PassedLogin) -> Iterable[str]:
        """Give where the device may log in from."""
        return self.configured.passthrough[login.domain].device.networks

    def standing(self, account: AccountId) -> Standing:
        """Tell how an account is."""
        kept, running = account in self._verifiers, self._accounts.running(account)
        if running is None:
            return "remembered" if kept else "unknown"
        health = running.upstream.health
        if health.state == "needs sign-in":
            return "refused"
        if health.state == "online" and health.connections:
            return "signed in"
        return "remembered" if kept else "unknown"

    def verifier(self, account: AccountId) -> PasswordHash | None:
        """Give the hash of the account's password where that is remembered."""
        return self._verifiers.get(account)

    # --- logging in

    async def sign_in(self, login: PassedLogin, password: Secret) -> None:
        """Have the account sign in. The connection stays for what comes next."""
        account, passthrough = login.account, self._table(login)
        running = self._accounts.running(account)
        same = _same(self._passwords.get(account), password)
        if running is not None and same and self.standing(account) != "refused":
            await running.upstream.prove()
            return
        wanted = with_passed(self.configured, [login], {account: password})
        async with self._accounts.proven(wanted, account) as proven:
            if self._table(login) is not passthrough:
                raise _changed(login)
            if running is None:
                self._check_room(passthrough)
            await self._accounts.install(proven)
            self._make_room(passthrough, account)
            self._passwords[account], self._used[account] = password, self._now()
        if passthrough.remember:
            await self._kept(account)

    async def _kept(self, account: AccountId) -> None:
        """Keep the password that the account signs in with, whatever becomes of the session meanwhile. Where it cannot
        be kept, the login goes on, and the next start knows nothing of it.
        """
        with trio.CancelScope(shield=True), trio.move_on_after(REMEMBER_SECONDS):
            await self._remember(account, self._passwords[account])

    async def _remember(self, account: AccountId, password: Secret) -> None:
        hashed = await self._hash(password)
        try:
            await self._store.save_secret("remembered", account, Remembered(password, Secret(hashed)).secret())
        except (StoreError, NoKey) as failure:
            log.error("passthrough.not_remembered", account=account, problem=str(failure))
        self._verifiers[account] = parse_hash(hashed)

    async def enter(self, login: PassedLogin) -> DeviceSettings:
        """Give the device of a login that is right. Its row is there by then, and its account is watched."""
        account, passthrough = login.account, self._table(login)
        self._used[account] = self._now()
        if passthrough.remember and account not in self._verifiers and account in self._passwords:
            await self._kept(account)  # it was not to be remembered when the server was asked
        if login.device not in self._logins:
            if len(self.logins(account)) >= MOST_DEVICES:
                raise NoRoom(f"account {account} has {MOST_DEVICES} devices: `device forget` makes room for another")
            await self._store.register([account], [login.device])
            self._logins[login.device] = login
            self.settings = with_passed(self.settings, [login])
            log.info("passthrough.device", device=login.device, account=account)
        if self._accounts.running(account) is None:
            self._check_room(passthrough)
            await self._accounts.start(with_passed(self.configured, [login], self._passwords), account)
            self._make_room(passthrough, account)
        else:
            self._accounts.follow(account)
        device = self.settings.devices.get(login.device)
        if device is None or self._accounts.running(account) is None:
            raise _changed(login)
        await self._maildrops.add(device)
        return device

    def _table(self, login: PassedLogin) -> PassthroughSettings:
        found = self.configured.passthrough.get(login.domain)
        if found is None or login.device in self._taken:
            raise _changed(login)
        return found

    def _check_room(self, passthrough: PassthroughSettings) -> None:
        """Raise `NoRoom` where as many of the domain's accounts run as may, and none of them is idle."""
        running = self._running_of(passthrough)
        if len(running) >= passthrough.max_accounts and not set(running) - self._in_session():
            raise NoRoom(
                f"passthrough {passthrough.domain}: {len(running)} accounts run (`max_accounts`), none is idle"
            )

    def _make_room(self, passthrough: PassthroughSettings, newcomer: AccountId) -> None:
        """Retire the accounts of the domain that were idle longest, as far as more run than may."""
        running = self._running_of(passthrough)
        idle = sorted(set(running) - self._in_session() - {newcomer}, key=lambda one: self._used.get(one, 0.0))
        for account in idle[: max(0, len(running) - passthrough.max_accounts)]:
            self._retire(account)

    def _running_of(self, passthrough: PassthroughSettings) -> list[AccountId]:
        return [one for one in self._running() if _domain(one) == passthrough.domain]

    # --- keeping house

    async def run(self) -> None:
        """Rest and retire accounts that no device needs, until cancelled."""
        while True:
            await trio.sleep(TEND_SECONDS)
            try:
                await self._tend()
            except StoreError as failure:
                log.error("passthrough.paused", problem=str(failure))

    async def _tend(self) -> None:
        late, running = self._now() - ASLEEP_AFTER, self._running()
        asleep = self._verifiers.keys() - set(running)
        sleepy = any(self._used.get(account, 0.0) < late for account in running)
        busy = await self._store.accounts_with_promises() if sleepy or asleep else frozenset()
        for account in asleep & busy:
            await self._wake(account)
        self._used.update(dict.fromkeys(self._in_session(), self._now()))
        for account in self._running():
            self._tend_to(account, self._now() - self._used.get(account, 0.0), busy)

    def _tend_to(self, account: AccountId, idle: float, busy: Collection[AccountId]) -> None:
        if account in self._verifiers:
            if idle > ASLEEP_AFTER and account not in busy:
                self._retire(account)
        elif idle > FORGOTTEN_AFTER:
            self._retire(account)
        elif idle > AFTER_SESSION and self._follows(account):
            self._accounts.rest(account)

    async def _wake(self, account: AccountId) -> None:
        """Run an account at which something is still to be done, where there is room."""
        login = next(iter(self.logins(account)), None)
        if login is None or account not in self._passwords:
            return
        passthrough = self.configured.passthrough[login.domain]
        if len(self._running_of(passthrough)) < passthrough.max_accounts:
            await self._accounts.start(with_passed(self.configured, [login], self._passwords), account)

    def _follows(self, account: AccountId) -> bool:
        running = self._accounts.running(account)
        return running is not None and running.following

    def _running(self) -> list[AccountId]:
        return [account for account in self._accounts.indexed if is_passed(account)]

    def _in_session(self) -> set[AccountId]:
        return {login.account for login in self._logins.values() if self._leases.held(login.device)}

    def _retire(self, account: AccountId) -> None:
        """Run an account no longer. A password that is not remembered goes with it."""
        self._accounts.retire(account)
        if account not in self._verifiers:
            self._passwords.pop(account, None)
        for login in self.logins(account):
            self._maildrops.drop(login.device)
        log.info("passthrough.retired", account=account)

    # --- the owner's commands

    def logins(self, account: AccountId) -> list[PassedLogin]:
        """Give the devices of an account."""
        return [login for login in self._logins.values() if login.account == account]

    def left(self, device: DeviceId) -> None:
        """Hear that a session of a device ended."""
        if (login := self._logins.get(device)) is not None:
            self._used[login.account] = self._now()

    def forget_account(self, account: AccountId) -> None:
        """Run an account no longer and know no password of it: the store has forgotten it."""
        self._passwords.pop(account, None)
        self._verifiers.pop(account, None)
        if self._accounts.running(account) is not None:
            self._retire(account)

    def forget_device(self, device: DeviceId) -> None:
        """Know nothing of a device: the store has forgotten it. The account of the last one goes with it."""
        login = self._logins.pop(device, None)
        if login is None:
            return
        self._maildrops.drop(device)
        if not self.logins(login.account):
            self.forget_account(login.account)
            self._used.pop(login.account, None)
        self.publish()

    def about(self, account: AccountId) -> dict[str, Any]:
        """Give what `status` tells of one account besides: its domain, and whether its password is remembered. One that
        runs and is not watched, because no device is there, is `idle`.
        """
        about = {"passthrough": _domain(account), "remembered": account in self._verifiers}
        running = self._accounts.running(account)
        if running is None or running.following or running.upstream.health.state != "online":
            return about
        return {**about, "state": "idle"}

    def facts(self) -> list[dict[str, Any]]:
        """Give what `status` tells of each domain: how many accounts and devices there are, and how they are."""
        return [self._facts(each) for each in self.configured.passthrough.values()]

    def _facts(self, passthrough: PassthroughSettings) -> dict[str, Any]:
        logins = list(self._logins.values())
        accounts = {login.account for login in logins if login.domain == passthrough.domain}
        running = [one for each in accounts if (one := self._accounts.running(each)) is not None]
        states = [one.upstream.health.state for one in running]
        return {
            **passed_facts(passthrough, logins),
            "remembered": len(accounts & self._verifiers.keys()),
            "running": len(running),
            "watched": sum(one.following for one in running),
            "wrong": sum(state == "needs sign-in" for state in states),
            "unreachable": sum(state == "offline" for state in states),
        }


def _expire(configured: Settings) -> str | None:
    passed = (each.device for each in configured.passthrough.values())
    return expire_for_strangers([*configured.devices.values(), *passed])


def _domain(account: AccountId) -> str:
    return account.rpartition("@")[2]


def _same(one: Secret | None, other: Secret) -> bool:
    known = one.reveal().encode("utf-8", "surrogateescape") if one else b""
    return bool(known) and hmac.compare_digest(known, other.reveal().encode("utf-8", "surrogateescape"))


def _changed(login: PassedLogin) -> BridgeError:
    return NotListedYet(f"device {login.device}: the configuration has changed meanwhile")
