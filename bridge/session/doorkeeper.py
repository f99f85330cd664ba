"""Device logins against the configuration's secrets: slow hashes before a no, and once before a yes."""

import hmac
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_network

import trio

from bridge.model.names import DeviceId
from bridge.model.peer import Peer
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash
from bridge.session.places import peer_group
from bridge.session.retention import expire_for_strangers
from bridge.session.suspects import Latest, Suspects
from bridge.session.turns import Rank, Turns

CACHE_SECONDS = 300.0
"""How long a verified password skips the slow hash: long enough for a device that polls every few minutes."""

CHECKS_AT_ONCE = 2
"""Password checks at once: each takes 16 MiB and 40 ms of a core."""

Verify = Callable[[PasswordHash, Secret], Awaitable[bool]]
"""Checks a password against a slow hash, off the event loop."""


class ConfiguredDoorkeeper:
    """Admits the devices of the configuration. Unknown names take the same work as wrong passwords, and after a wrong
    one its address waits for the answer, a little longer each time. The right password never waits for that: a device
    gets in from an address that somebody else guesses from, too.
    """

    def __init__(self, devices: Iterable[DeviceSettings], verify: Verify) -> None:
        self._verify = verify
        self._cache_key = secrets.token_bytes(32)
        self._verified: dict[str, tuple[bytes, float]] = {}
        self._turns = Turns(CHECKS_AT_ONCE)
        self._suspects = Suspects()
        self._checking: Counter[str] = Counter()
        self._familiar: Latest[tuple[str, str], None] = Latest()
        self.replace(devices)

    def replace(self, devices: Iterable[DeviceSettings]) -> None:
        """Take a reloaded configuration's devices; what was verified before is verified again."""
        self._devices = {device.login: device for device in devices}
        self._ids = tuple(device.id for device in self._devices.values())
        self._expire = expire_for_strangers(self._devices.values())
        self._stand_ins = [_nobody(device.password) for device in self._devices.values()] or [NOBODY]
        self._verified.clear()

    @property
    def devices(self) -> tuple[DeviceId, ...]:
        """The devices that there are now, whatever a session began with."""
        return self._ids

    @property
    def expire(self) -> str | None:
        """What EXPIRE tells a device that has not logged in."""
        return self._expire

    async def admit(self, login: str, password: Secret, peer: Peer) -> DeviceSettings | None:
        """Give the device, or None. Waits for the hash when the cache does not know the password; and before it gives
        None, as long as this address has to wait for that.
        """
        group = peer_group(peer)
        device = self._devices.get(login)
        if device is not None and not _in_networks(peer, device.networks):
            device = None  # from there it does not exist, whatever the password
        if await self._matches(login, group, device.password if device else None, password):
            self._familiar.note((login, group), None)
            return device
        await trio.sleep(self._suspects.failed(group))
        return None

    async def _matches(self, login: str, group: str, stored: PasswordHash | Secret | None, given: Secret) -> bool:
        digest = self._digest(login, given)
        known, until = self._verified.get(login, (b"", 0.0))
        if stored is not None and trio.current_time() < until and hmac.compare_digest(known, digest):
            return True
        if isinstance(stored, Secret) and hmac.compare_digest(digest, self._digest(login, stored)):
            return True  # who knows it may know how quickly it is checked
        # One slow hash before every no: time must not tell which logins exist or how a password is stored.
        hashed = stored if isinstance(stored, PasswordHash) else _nobody(stored) if stored else self._stand_in(login)
        with self._counted(group):
            async with self._turns.take(self._rank(login, group)):
                right = await self._verify(hashed, given)
        if right and isinstance(stored, PasswordHash):
            self._verified[login] = (digest, trio.current_time() + CACHE_SECONDS)
        return right and isinstance(stored, PasswordHash)

    def _rank(self, login: str, group: str) -> Rank:
        if (login, group) in self._familiar:
            return Rank.KNOWN
        if self._suspects.failures(group):
            return Rank.FAILING
        return Rank.ONE_OF_MANY if self._checking[group] > 1 else Rank.NEW

    @contextmanager
    def _counted(self, group: str) -> Iterator[None]:
        self._checking[group] += 1
        try:
            yield
        finally:
            self._checking[group] -= 1
            if not self._checking[group]:
                del self._checking[group]

    def _stand_in(self, login: str) -> PasswordHash:
        """Give the hash for a login that does not exist: always the same for one, and as dear as those that do are."""
        chosen = hmac.digest(self._cache_key, login.encode("utf-8", "surrogateescape"), "sha256")
        return self._stand_ins[int.from_bytes(chosen[:8]) % len(self._stand_ins)]

    def _digest(self, login: str, password: Secret) -> bytes:
        octets = login.encode("utf-8", "surrogateescape") + b"\0" + password.reveal().encode("utf-8", "surrogateescape")
        return hmac.digest(self._cache_key, octets, "sha256")


NOBODY = PasswordHash(n=2**14, r=8, p=1, salt=b"nobody has this!", digest=bytes(32))
"""A hash that no password has, for logins that do not exist."""


def _nobody(like: PasswordHash | Secret) -> PasswordHash:
    """Give a hash that no password has, and that takes as long as this one to check."""
    return replace(NOBODY, n=like.n, r=like.r, p=like.p) if isinstance(like, PasswordHash) else NOBODY


def _in_networks(peer: Peer, networks: Iterable[str]) -> bool:
    allowed = tuple(networks)
    if not allowed:
        return True
    address = ip_address(peer.host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ip_network(network) for network in allowed)
