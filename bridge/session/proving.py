"""Devices that prove to know their password without sending it: CRAM-MD5, APOP and SCRAM."""

import hmac
import secrets
from collections.abc import Awaitable, Callable, Iterable

import trio

from bridge.model.logins import scram_verifier
from bridge.model.secret import Secret
from bridge.model.settings import DeviceSettings
from bridge.sasl import (
    DigestProof,
    SaslError,
    ScramHash,
    ScramKeys,
    ScramProof,
    digest_proves,
    salted_password,
    scram_keys,
    scram_signature,
)

ROUNDS = 15_000
"""Rounds of SCRAM where the password itself is known: what RFC 7677 §4 found right in 2015, some 5 ms of a core."""

OURS = (16, ROUNDS)
"""Octets of the salt and rounds, there."""

HASHES: tuple[ScramHash, ...] = ("SHA-256", "SHA-1")

Derive = Callable[[ScramHash, Secret, bytes, int], Awaitable[ScramKeys]]
"""Makes SCRAM's keys of a password, a salt and rounds, off the event loop. Raises SaslError where SCRAM cannot."""


def derived(hash_: ScramHash, password: Secret, salt: bytes, rounds: int) -> ScramKeys:
    """Make SCRAM's keys. Blocks for some 5 ms: call it in a thread. Raises SaslError."""
    return scram_keys(hash_, salted_password(hash_, password, salt, rounds))


async def derive_here(hash_: ScramHash, password: Secret, salt: bytes, rounds: int) -> ScramKeys:
    """Make SCRAM's keys on the event loop, for tests."""
    await trio.lowlevel.checkpoint()
    return derived(hash_, password, salt, rounds)


class Proving:
    """What devices prove, checked against what is known of their passwords."""

    def __init__(self) -> None:
        self._stranger = Secret(secrets.token_hex(32))
        self._made: dict[tuple[str, ScramHash], ScramKeys] = {}
        self.replace((), b"")

    def replace(self, devices: Iterable[DeviceSettings], seed: bytes) -> None:
        """Take a reloaded configuration's devices. `seed` is secret, and better the same after a restart: salts of
        logins that have none of their own follow from it.
        """
        self._seed = seed
        self._devices = {device.login: device for device in devices}
        self._made.clear()
        self._shapes = {hash_: _shapes(self._devices.values(), hash_) for hash_ in HASHES}

    def salt(self, login: str, hash_: ScramHash) -> tuple[bytes, int]:
        """Give salt and rounds for a login, always the same; what does not exist looks like one of those that do."""
        # Made for those who do not need it too: time must not tell which they are.
        mark = hmac.digest(self._seed, f"{hash_}\0{login}".encode("utf-8", "surrogateescape"), "sha512")
        device = self._devices.get(login)
        if device is not None and (found := scram_verifier(device, hash_)):
            return found.salt, found.rounds
        shapes = self._shapes[hash_]
        known = device is not None and isinstance(device.password, Secret)
        octets, rounds = OURS if known else shapes[int.from_bytes(mark[:8]) % len(shapes)]
        return mark[8 : 8 + octets], rounds

    def digest(self, proof: DigestProof, device: DeviceSettings | None) -> bool:
        """Tell whether a digest is right. `device` is None for one that does not exist, or not there, or not so."""
        known = _password(device)
        return digest_proves(proof, known or self._stranger) and known is not None

    async def scram(self, proof: ScramProof, device: DeviceSettings | None, derive: Derive) -> bytes | None:
        """Give what proves the password to the device in return, or None.

        Keys are made once before every no, whatever the reason for it; before a yes only where they were never made.
        """
        keys = self._keys(proof, device)
        if keys is None:
            return scram_signature(proof, await self._make(proof, device, derive))
        signature = scram_signature(proof, keys)
        if signature is None:
            await self._make(proof, None, derive)
        return signature

    def _keys(self, proof: ScramProof, device: DeviceSettings | None) -> ScramKeys | None:
        if device is None:
            return None
        if found := scram_verifier(device, proof.hash):
            return ScramKeys(found.stored, found.server)
        return self._made.get((device.login, proof.hash))

    async def _make(self, proof: ScramProof, device: DeviceSettings | None, derive: Derive) -> ScramKeys:
        """Make keys: of the device's password where it is known, else of one that nobody has."""
        known = _password(device)
        salt, rounds = self.salt(proof.login, proof.hash)
        if known is None:
            return await derive(proof.hash, self._stranger, salt, rounds)
        try:
            made = await derive(proof.hash, known, salt, rounds)
        except SaslError:
            return await derive(proof.hash, self._stranger, salt, rounds)
        self._made[proof.login, proof.hash] = made
        return made


def _password(device: DeviceSettings | None) -> Secret | None:
    return device.password if device is not None and isinstance(device.password, Secret) else None


def _shapes(devices: Iterable[DeviceSettings], hash_: ScramHash) -> list[tuple[int, int]]:
    """Give octets of the salt and rounds for each device that there is something for SCRAM of."""
    given = [(device, scram_verifier(device, hash_)) for device in devices]
    shapes = [
        (len(found.salt), found.rounds) if found else OURS for device, found in given if found or _password(device)
    ]
    return shapes or [OURS]
