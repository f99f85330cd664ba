"""The door for logins that pass through to an upstream, beside that of the configuration's own devices."""

import hmac
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import trio

from bridge.model.failures import SignInsHeldBack, UpstreamError, UpstreamLoginFailed, UpstreamUnavailable
from bridge.model.names import AccountId, DeviceId
from bridge.model.passthrough import PassedLogin
from bridge.model.peer import Peer
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings
from bridge.sasl import Proof, ScramHash
from bridge.session.attempts import DOWN, Attempts, Pace
from bridge.session.doorkeeper import ConfiguredDoorkeeper, in_networks
from bridge.session.places import peer_group
from bridge.session.ports import Admitted, PassedAccounts
from bridge.session.suspects import Latest
from bridge.telemetry import count

OTHERS_SECONDS = 3600.0
"""How long a password that was right is good while the account signs in with another one: some providers give each
device its own. The one that it signs in with is good until it is refused. All are asked about at once when a new one
comes: it may have been changed.
"""

AT_ONCE = 2
"""Passwords of one address that upstreams are asked about at once."""


class PassingDoorkeeper:
    """Admits the devices of the configuration, and those whose upstream takes their password.

    An upstream is asked about a password once: then it is known until the upstream refuses it, and one that was refused
    is refused from memory. How often it is asked for strangers is bounded; whoever has the known password waits for
    none of that. Logins of other domains are answered like wrong passwords, in text and time.
    """

    def __init__(self, configured: ConfiguredDoorkeeper, accounts: PassedAccounts) -> None:
        self._configured = configured
        self._accounts = accounts
        self._key = secrets.token_bytes(32)
        self._verified: Latest[tuple[AccountId, bytes], float] = Latest()
        self._current: Latest[AccountId, bytes] = Latest()
        self._attempts = Attempts()
        self._pace = Pace()
        self._down: Latest[str, tuple[UpstreamError, float]] = Latest()
        self._turns: dict[object, trio.Semaphore] = {}
        self._waiting: Counter[object] = Counter()

    @property
    def devices(self) -> tuple[DeviceId, ...]:
        """The devices that there are now."""
        return self._accounts.devices

    @property
    def expire(self) -> str | None:
        """What EXPIRE tells a device that has not logged in."""
        return self._accounts.expire

    def replace(self, devices: Iterable[DeviceSettings], seed: bytes = b"") -> None:
        """Take a reloaded configuration's devices, as their own doorkeeper does. What upstreams took is good on."""
        self._configured.replace(devices, seed)

    def salt(self, login: str, hash_: ScramHash) -> tuple[bytes, int]:
        """Give salt and rounds for SCRAM: only devices of the configuration can log in so."""
        return self._configured.salt(login, hash_)

    async def prove(self, proof: Proof, peer: Peer) -> Admitted | None:
        """Give the device of the configuration that proves its password, or None."""
        return await self._configured.prove(proof, peer)

    async def admit(self, login: str, password: Secret, peer: Peer) -> DeviceSettings | None:
        """Give the device, or None, as its own doorkeeper does; waits for the upstream where that has to be asked.

        Raises an `UpstreamError` when it cannot be asked, and `SignInsHeldBack` when it was asked too often.
        """
        passed = self._accounts.read(login)
        if passed is None or not in_networks(peer, self._accounts.networks(passed)):
            return await self._admit_configured(login, password, peer)
        began = trio.current_time()
        if await self._right(passed, password, peer):
            return await self._accounts.enter(passed)
        await self._refuse(login, password, peer, began)
        return None

    async def _admit_configured(self, login: str, password: Secret, peer: Peer) -> DeviceSettings | None:
        if "@" in login and not self._configured.knows(login) and self._accounts.domains:
            await self._refuse(login, password, peer, trio.current_time())
            return None
        return await self._configured.admit(login, password, peer)

    async def _refuse(self, login: str, password: Secret, peer: Peer, began: float) -> None:
        """Wait until an upstream would have refused, then as long as any wrong login."""
        await trio.sleep_until(began + self._pace.seconds)
        await self._configured.turn_away(login.lower(), password, peer)

    async def _right(self, login: PassedLogin, password: Secret, peer: Peer) -> bool:
        digest, group = self._digest(login.account, password), peer_group(peer)
        known = await self._known(login, password, digest, group)
        if known is None:
            # Who waits for a turn of their address keeps no account's.
            async with self._turn(("address", group), AT_ONCE), self._turn(("account", login.account), 1):
                # Whoever had the turn before may have asked the same.
                known = self._remembered(login, digest)
                if known is None:
                    known = await self._ask(login, password, digest, group)
        if known:
            self._attempts.succeeded(login.account, group, digest)
        return known

    async def _known(self, login: PassedLogin, password: Secret, digest: bytes, group: str) -> bool | None:
        """Tell whether a password is right, or None where the upstream has to be asked."""
        known = self._remembered(login, digest)
        verifier = self._accounts.verifier(login.account)
        if known is not None or verifier is None or self._current.get(login.account) is not None:
            return known
        # Nobody has logged in since the start: the password is that of an earlier run, or another.
        if await self._configured.matches(f"\0{login.account}", group, verifier, password):
            self._take(login.account, digest)
            return self._remembered(login, digest)
        return None

    def _remembered(self, login: PassedLogin, digest: bytes) -> bool | None:
        standing = self._accounts.standing(login.account)
        current = hmac.compare_digest(self._current.get(login.account, b""), digest)
        if standing == "refused":
            # One that was changed must not be good once the account signs in with the new one.
            self._verified.pop((login.account, self._current.get(login.account, b"")), None)
        good = trio.current_time() < self._verified.get((login.account, digest), 0.0)
        if (current or good) and standing in ("signed in", "remembered"):
            count("passed_from_memory")
            return True
        return False if self._attempts.refused(login.account, digest) else None

    async def _ask(self, login: PassedLogin, password: Secret, digest: bytes, group: str) -> bool:
        self._check_reachable(login.account)
        self._check_reachable(login.domain)
        if not self._attempts.allowed(login.account, login.domain, group):
            count("passed_held_back")
            raise SignInsHeldBack(f"account {login.account}: its server refused too many passwords lately")
        began = trio.current_time()
        try:
            await self._accounts.sign_in(login, password)
        except UpstreamLoginFailed:
            count("passed_refused")
            self._pace.took(trio.current_time() - began)
            self._attempts.failed(login.account, login.domain, group, digest)
            self._verified.pop((login.account, digest), None)
            return False
        except UpstreamError as failure:
            if failure.password_told:
                self._attempts.unclear(login.account, login.domain, group)
            self._leave_alone(login, failure)
            raise
        count("passed_signed_in")
        self._take(login.account, digest)
        return True

    def _leave_alone(self, login: PassedLogin, failure: UpstreamError) -> None:
        """A server that asks for a pause, or ends the connection at a password, may mean one account; one that is down
        means all.
        """
        now, pause = trio.current_time(), 0.0
        if isinstance(failure, UpstreamUnavailable) and not failure.password_told:
            pause = failure.pause
        self._down.note(login.account, (failure, now + max(DOWN, pause)))
        if not pause and not failure.password_told:
            self._down.note(login.domain, (failure, now + DOWN))

    def _check_reachable(self, which: str) -> None:
        failure, until = self._down.get(which, (None, 0.0))
        if failure is not None and trio.current_time() < until:
            raise UpstreamUnavailable(failure.account, str(failure))

    def _take(self, account: AccountId, digest: bytes) -> None:
        """Take a password for the one that the account signs in with. One that is new may be in place of the others:
        these are asked about again.
        """
        if (account, digest) not in self._verified:
            self._verified.update({each: 0.0 for each in self._verified if each[0] == account})
        self._verified.note((account, digest), trio.current_time() + OTHERS_SECONDS)
        self._current.note(account, digest)

    @asynccontextmanager
    async def _turn(self, key: object, most: int) -> AsyncIterator[None]:
        """Let `most` at once through for a key."""
        turns = self._turns.setdefault(key, trio.Semaphore(most))
        self._waiting[key] += 1
        try:
            async with turns:
                yield
        finally:
            self._waiting[key] -= 1
            if not self._waiting[key]:
                del self._waiting[key], self._turns[key]

    def _digest(self, account: AccountId, password: Secret) -> bytes:
        octets = account.encode() + b"\0" + password.reveal().encode("utf-8", "surrogateescape")
        return hmac.digest(self._key, octets, "sha256")
