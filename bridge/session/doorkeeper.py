"""Device logins against the configuration's secrets: slow hashes once, then a short keyed cache."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable
from ipaddress import ip_address, ip_network

import trio

from bridge.model.names import DeviceId
from bridge.model.peer import Peer
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings, PasswordHash
from bridge.session.retention import expire_for_strangers

CACHE_SECONDS = 300.0
"""How long a verified password skips the slow hash: long enough for a device that polls every few minutes."""

Verify = Callable[[PasswordHash, Secret], Awaitable[bool]]
"""Checks a password against a slow hash, off the event loop."""


class ConfiguredDoorkeeper:
    """Admits the devices of the configuration. Unknown names take the same work as wrong passwords."""

    def __init__(self, devices: Iterable[DeviceSettings], verify: Verify) -> None:
        self._devices = {device.login: device for device in devices}
        self._expire = expire_for_strangers(self._devices.values())
        self._verify = verify
        self._cache_key = secrets.token_bytes(32)
        self._verified: dict[str, tuple[bytes, float]] = {}

    def replace(self, devices: Iterable[DeviceSettings]) -> None:
        """Take a reloaded configuration's devices; what was verified before is verified again."""
        self._devices = {device.login: device for device in devices}
        self._expire = expire_for_strangers(self._devices.values())
        self._verified.clear()

    @property
    def devices(self) -> tuple[DeviceId, ...]:
        """The devices that there are now, whatever a session began with."""
        return tuple(device.id for device in self._devices.values())

    @property
    def expire(self) -> str | None:
        """What EXPIRE tells a device that has not logged in."""
        return self._expire

    async def admit(self, login: str, password: Secret, peer: Peer) -> DeviceSettings | None:
        """Give the device, or None. Waits for the hash when the cache does not know the password."""
        device = self._devices.get(login)
        right = await self._matches(login, device.password if device else None, password)
        if device is None or not right or not _in_networks(peer, device.networks):
            return None
        return device

    async def _matches(self, login: str, stored: PasswordHash | Secret | None, given: Secret) -> bool:
        digest = self._digest(login, given)
        known, until = self._verified.get(login, (b"", 0.0))
        if trio.current_time() < until and hmac.compare_digest(known, digest):
            return True
        # One slow hash on every path: time must not tell which logins exist or how a password is stored.
        right = await self._verify(stored if isinstance(stored, PasswordHash) else NOBODY, given)
        if isinstance(stored, Secret):
            right = hmac.compare_digest(digest, self._digest(login, stored))
        if right and stored is not None:
            self._verified[login] = (digest, trio.current_time() + CACHE_SECONDS)
        return right and stored is not None

    def _digest(self, login: str, password: Secret) -> bytes:
        octets = login.encode("utf-8", "surrogateescape") + b"\0" + password.reveal().encode("utf-8", "surrogateescape")
        return hmac.digest(self._cache_key, octets, "sha256")


NOBODY = PasswordHash(n=2**14, r=8, p=1, salt=b"nobody has this!", digest=bytes(32))
"""A hash that no password has, for logins that do not exist."""


def _in_networks(peer: Peer, networks: Iterable[str]) -> bool:
    allowed = tuple(networks)
    if not allowed:
        return True
    address = ip_address(peer.host.partition("%")[0])
    mapped = getattr(address, "ipv4_mapped", None)
    return any((mapped or address) in ip_network(network) for network in allowed)
