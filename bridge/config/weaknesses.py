"""What is right in a configuration, and yet easier to break than it need be: told by `check`, refused by nobody."""

from collections.abc import Iterator

from bridge.config.passwords import BLOCK, COST
from bridge.config.verifiers import LEAST_ROUNDS, verify
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, DeviceSettings, PasswordHash, Settings

SHORTEST = 8
"""Characters of a password below which it is named: also digits alone are then 10 million guesses."""

MOST_TRIED = 100
"""Hashes that an account's password is tried against: they take some 40 ms each."""


def weaknesses(settings: Settings) -> Iterator[str]:
    """Give a sentence for each, with the key it is about. Blocks, for some seconds at most."""
    for device in settings.devices.values():
        yield from _weak_hashes(device)
        yield from _weak_password(device)
    yield from _shared(settings)


def _weak_hashes(device: DeviceSettings) -> Iterator[str]:
    key = f"device.{device.name}.password_hash"
    stored = device.password
    if isinstance(stored, PasswordHash) and stored.n * stored.r * stored.p < COST * BLOCK:
        yield (
            f"{key}: its scrypt hash is weak (n={stored.n} r={stored.r} p={stored.p}): "
            "make a new one with `popbridge password`"
        )
    for each in device.scram:
        if each.rounds < LEAST_ROUNDS:
            yield (
                f"{key}: scram-{each.hash.lower()} has {each.rounds} rounds, and RFC 5802 §5.1 wants {LEAST_ROUNDS} at "
                "least: make a new one with `popbridge password --scram`"
            )
        if isinstance(stored, Secret) and not verify(each, stored):
            yield f"{key}: scram-{each.hash.lower()} is of another password than the one that is sealed"


def _weak_password(device: DeviceSettings) -> Iterator[str]:
    if isinstance(device.password, Secret) and len(device.password.reveal()) < SHORTEST:
        yield (
            f"device.{device.name}: its password has fewer than {SHORTEST} characters: "
            "`popbridge password --generate` makes one that a device's keys can type"
        )


def _shared(settings: Settings) -> Iterator[str]:
    """Find devices whose password is that of an account they read: whoever has the device then has the account."""
    pairs = [
        (device, settings.accounts[account])
        for device in settings.devices.values()
        for account in dict.fromkeys(source.account for source in device.sources)
        if account in settings.accounts and settings.accounts[account].password.reveal()
    ]
    slow = [pair for pair in pairs if not isinstance(pair[0].password, Secret)][:MOST_TRIED]
    for device, account in pairs:
        if (isinstance(device.password, Secret) or (device, account) in slow) and _opens(device, account):
            yield (
                f"device.{device.name}: its password is that of account {account.name}, which whoever has the device "
                "then has: give it one of its own (`popbridge password --generate`)"
            )


def _opens(device: DeviceSettings, account: AccountSettings) -> bool:
    stored = device.password
    return stored == account.password if isinstance(stored, Secret) else verify(stored, account.password)
