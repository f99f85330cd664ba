"""Device logins against the configuration's secrets: slow hashes before a no, and once before a yes."""

import hashlib
import hmac
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import ip_address, ip_network
from typing import assert_never

import trio

from bridge.model.logins import allows
from bridge.model.names import DeviceId
from bridge.model.peer import Peer
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash, ScramVerifier, Way
from bridge.sasl import DigestProof, Proof, ScramHash, ScramKeys, ScramProof
from bridge.session.places import peer_group
from bridge.session.ports import Admitted
from bridge.session.proving import Derive, Proving, derive_here
from bridge.session.retention import expire_for_strangers
from bridge.session.suspects import Latest, Suspects
from bridge.session.turns import Rank, Turns

CACHE_SECONDS = 300.0
"""How long a verified password skips the slow hash: long enough for a device that polls every few minutes."""

CHECKS_AT_ONCE = 2
"""Password checks at once: each takes 16 MiB and 40 ms of a core."""

Hashed = PasswordHash | ScramVerifier
Stored = Hashed | Secret

Verify = Callable[[Hashed, Secret], Awaitable[bool]]
"""Checks a password against a slow hash, off the event loop."""


class ConfiguredDoorkeeper:
    """Admits the devices of the configuration. Unknown names take the same work as wrong passwords, and after a wrong
    one its address waits for the answer, a little longer each time, one guess behind the other; so does whoever tries
    a login that others have tried. The right password never waits for that: a device gets in from an address that
    somebody else guesses from, too.
    """

    def __init__(
        self, devices: Iterable[DeviceSettings], verify: Verify, derive: Derive = derive_here, seed: bytes = b""
    ) -> None:
        self._verify = verify
        self._derive = derive
        self._proving = Proving()
        self._cache_key = secrets.token_bytes(32)
        self._verified: dict[str, tuple[bytes, float]] = {}
        self._turns = Turns(CHECKS_AT_ONCE)
        self._suspects = Suspects()
        self._checking: Counter[str] = Counter()
        self._familiar: Latest[tuple[str, str], None] = Latest()
        self.replace(devices, seed)

    def replace(self, devices: Iterable[DeviceSettings], seed: bytes = b"") -> None:
        """Take a reloaded configuration's devices; what was verified before is verified again.

        `seed` is a secret that outlives restarts, such as the key of the database, or empty where there is none: then
        what logins that do not exist are told for SCRAM follows from the devices' own secrets.
        """
        self._devices = {device.login: device for device in devices}
        self._proving.replace(self._devices.values(), seed or _seed(self._devices.values()))
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
        device = self._there(login, peer, "plain")
        if await self._matches(login, group, device.password if device else None, password):
            self._familiar.note((login, group), None)
            return device
        await trio.sleep(self._suspects.failed(group, login))
        return None

    def salt(self, login: str, hash_: ScramHash) -> tuple[bytes, int]:
        """Give salt and rounds for SCRAM, whether there is such a login or not, and always the same for one."""
        return self._proving.salt(login, hash_)

    async def prove(self, proof: Proof, peer: Peer) -> Admitted | None:
        """Give the device that proves its password, or None, as `admit` does."""
        group = peer_group(peer)
        device = self._there(proof.login, peer, proof.way)
        signature: bytes | None
        match proof:
            case DigestProof():
                signature = b"" if self._proving.digest(proof, device) else None
            case ScramProof():
                signature = await self._proving.scram(proof, device, partial(self._in_turn, proof.login, group))
            case _:
                assert_never(proof)
        if signature is None or device is None:
            await trio.sleep(self._suspects.failed(group, proof.login))
            return None
        self._familiar.note((proof.login, group), None)
        return Admitted(device, signature)

    async def _in_turn(
        self, login: str, group: str, hash_: ScramHash, password: Secret, salt: bytes, rounds: int
    ) -> ScramKeys:
        with self._counted(group):
            async with self._turns.take(self._rank(login, group)):
                return await self._derive(hash_, password, salt, rounds)

    def _there(self, login: str, peer: Peer, way: Way) -> DeviceSettings | None:
        """Give the device of a login. From elsewhere, or for another way to log in, it does not exist."""
        device = self._devices.get(login)
        if device is None or not allows(device, way) or not in_networks(peer, device.networks):
            return None
        return device

    def knows(self, login: str) -> bool:
        """Tell whether there is a device with this login."""
        return login in self._devices

    async def turn_away(self, login: str, password: Secret, peer: Peer) -> None:
        """Take as long as the answer to a login that does not exist."""
        group = peer_group(peer)
        await self._matches(login, group, None, password)
        await trio.sleep(self._suspects.failed(group, login))

    async def matches(self, login: str, group: str, stored: PasswordHash, given: Secret) -> bool:
        """Check a password against another hash than a device's, in turn with these. `login` is no device's."""
        return await self._matches(login, group, stored, given)

    async def _matches(self, login: str, group: str, stored: Stored | None, given: Secret) -> bool:
        digest = self._digest(login, given)
        known, until = self._verified.get(login, (b"", 0.0))
        if stored is not None and trio.current_time() < until and hmac.compare_digest(known, digest):
            return True
        if isinstance(stored, Secret) and hmac.compare_digest(digest, self._digest(login, stored)):
            return True  # who knows it may know how quickly it is checked
        # One slow hash before every no: time must not tell which logins exist or how a password is stored.
        hashed = self._stand_in(login) if stored is None else NOBODY if isinstance(stored, Secret) else stored
        with self._counted(group):
            async with self._turns.take(self._rank(login, group)):
                right = await self._verify(hashed, given)
        right = right and not (stored is None or isinstance(stored, Secret))
        if right:
            self._verified[login] = (digest, trio.current_time() + CACHE_SECONDS)
        return right

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

    def _stand_in(self, login: str) -> Hashed:
        """Give the hash for a login that does not exist: always the same for one, and as dear as those that do are."""
        chosen = hmac.digest(self._cache_key, login.encode("utf-8", "surrogateescape"), "sha256")
        return self._stand_ins[int.from_bytes(chosen[:8]) % len(self._stand_ins)]

    def _digest(self, login: str, password: Secret) -> bytes:
        octets = login.encode("utf-8", "surrogateescape") + b"\0" + password.reveal().encode("utf-8", "surrogateescape")
        return hmac.digest(self._cache_key, octets, "sha256")


NOBODY = PasswordHash(n=2**14, r=8, p=1, salt=b"nobody has this!", digest=bytes(32))
"""A hash that no password has, for logins that do not exist."""


def _nobody(like: Stored) -> Hashed:
    """Give a hash that no password has, and that takes as long as this one to check."""
    match like:
        case PasswordHash():
            return replace(NOBODY, n=like.n, r=like.r, p=like.p)
        case ScramVerifier():
            return replace(like, stored=bytes(len(like.stored)))
        case _:
            return NOBODY


def _seed(devices: Iterable[DeviceSettings]) -> bytes:
    """Make a seed of what only this configuration has: it outlives a restart, though not a change of a password."""
    digest = hashlib.sha256()
    for device in devices:
        for each in (device.password, *device.scram):
            digest.update(_octets(each))
    return digest.digest()


def _octets(stored: Stored) -> bytes:
    match stored:
        case PasswordHash():
            return stored.digest
        case ScramVerifier():
            return stored.stored
        case _:
            return stored.reveal().encode("utf-8", "surrogateescape")


def in_networks(peer: Peer, networks: Iterable[str]) -> bool:
    """Tell whether a peer is in one of these networks, or there are none."""
    allowed = tuple(networks)
    if not allowed:
        return True
    address = ip_address(peer.host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ip_network(network) for network in allowed)
