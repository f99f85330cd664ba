"""`[passthrough."DOMAIN"]`: devices that log in with an upstream's own user names and passwords."""

from collections.abc import Collection, Iterable, Mapping
from typing import Annotated

from bridge.config import account as accounts
from bridge.config import device as devices
from bridge.config import values
from bridge.config.account import Account
from bridge.config.device import Device
from bridge.config.kinds import Switch, number
from bridge.config.problems import KeyPath, Problems, quoted, suggestion
from bridge.config.reading import Reading
from bridge.config.tables import Reads, Table, entry, read_table
from bridge.config.token_keys import WAYS as KEY_WAYS
from bridge.config.token_keys import HasTokenKey
from bridge.model.passthrough import read_login
from bridge.model.presets import PRESETS
from bridge.model.registries import ACCOUNT_QUIRKS, DEVICE_QUIRKS
from bridge.model.settings import DeviceSettings, PassthroughSettings

_GIVEN = "is what the device logs in with: leave it out"

REFUSED: Mapping[str, str] = {
    "id": "is the user's name: leave it out",
    "user": _GIVEN,
    "login": _GIVEN,
    "password": _GIVEN,
    "password_hash": _GIVEN,
    "password_file": _GIVEN,
    "password_env": _GIVEN,
    "password_command": _GIVEN,
    "password_credential": _GIVEN,
    "oauth": "cannot be had for a password that a device gives: write an [account.NAME] and a [device.NAME] table",
    "sources": "is what `mailboxes` says: leave it out",
    "auth": "is what the listener says: only USER and PASS, PLAIN and LOGIN can pass through",
}
"""Keys of accounts and devices that say who signs in or logs in."""

_QUIRKS = {**ACCOUNT_QUIRKS, **DEVICE_QUIRKS}


class Passthrough(Table):
    """The users of a domain, whose devices log in with `user@DOMAIN` and the password that the IMAP server takes."""

    remember: Switch = entry(
        False,
        "keeps the last password that the server took, sealed in the database: for watching, for what deletions ask "
        "for upstream, and for logins while the server is down; needs a `token_key_…` in `[server]`",
        sample=True,
    )
    max_accounts: Annotated[int, number(1, 100_000)] = entry(
        500, "how many of the domain's accounts may run at once; those that were idle longest give way"
    )
    quirks: list[Annotated[str, Reads(values.known(tuple(_QUIRKS), "quirk"), "name")]] = entry(
        [], "what is peculiar about the server or the devices: as for accounts and for devices"
    )


OWN = tuple(Passthrough.model_fields)
"""Keys that neither an account nor a device has, or that both have."""

OF_ACCOUNT = tuple(name for name in Account.model_fields if name not in REFUSED and name not in OWN)
OF_DEVICE = tuple(name for name in Device.model_fields if name not in REFUSED and name not in OWN)
KEYS = (*OF_ACCOUNT, *OWN, *OF_DEVICE)


def passthrough_settings(
    raw: Mapping[str, dict[str, object]], known: Mapping[str, DeviceSettings], server: HasTokenKey, reading: Reading
) -> dict[str, PassthroughSettings]:
    """Give what the tables mean, by domain in lower case, noting every mistake in them."""
    found: dict[str, PassthroughSettings] = {}
    for name, table in raw.items():
        path, domain = ("passthrough", name), name.lower()
        _check_name(name, path, reading.problems)
        if domain in found:
            reading.problems.add(path, "is the same domain as another table's")
        found[domain] = _settings(domain, table, path, server, reading)
    for device_name, device in known.items():
        _check_id(device_name, device, found, reading.problems)
    return found


def _settings(
    domain: str, raw: dict[str, object], path: KeyPath, server: HasTokenKey, reading: Reading
) -> PassthroughSettings:
    _check_keys(raw, path, reading.problems)
    own = read_table(Passthrough, {key: raw[key] for key in raw if key in OWN}, path, reading.problems)
    of_account = _part(raw, OF_ACCOUNT, own.quirks, ACCOUNT_QUIRKS)
    account = read_table(Account, of_account, path, reading.problems)
    device = read_table(Device, _part(raw, OF_DEVICE, own.quirks, DEVICE_QUIRKS), path, reading.problems)
    _check_provider(account, raw, path, reading.problems)
    found = PassthroughSettings(
        domain=domain,
        account=accounts.common_settings(account, of_account, path, reading),
        device=devices.common_settings(device),
        remember=own.remember,
        max_accounts=own.max_accounts,
    )
    _check_remembered(found, path, server, reading.problems)
    return found


def _part(
    raw: Mapping[str, object], keys: Iterable[str], quirks: Iterable[str], registry: Collection[str]
) -> dict[str, object]:
    part = {key: raw[key] for key in keys if key in raw}
    return {**part, "quirks": [name for name in quirks if name in registry]} if "quirks" in raw else part


def _check_provider(account: Account, raw: Mapping[str, object], path: KeyPath, problems: Problems) -> None:
    preset = PRESETS.get(account.provider)
    if preset is not None and not preset.takes_passwords and "host" not in raw:
        sentence = f"{preset.title} takes no password over IMAP, only OAuth: what a device gives cannot pass through"
        problems.add((*path, "provider"), sentence)


def _check_name(name: str, path: KeyPath, problems: Problems) -> None:
    try:
        values.host(name)
    except values.Wrong:
        problems.add(path, "must be named after a domain: the part of its users' names behind the @")


def _check_keys(raw: Mapping[str, object], path: KeyPath, problems: Problems) -> None:
    for key in raw:
        if key in REFUSED:
            problems.add((*path, key), REFUSED[key])
        elif key not in KEYS:
            problems.add((*path, key), f"unknown key{suggestion(key, KEYS)}")


def _check_remembered(found: PassthroughSettings, path: KeyPath, server: HasTokenKey, problems: Problems) -> None:
    """Without the password nothing is done upstream once the session has ended."""
    if found.remember:
        named = any(getattr(server, way) or problems.spoiled(("server", way)) for way in KEY_WAYS)
        if not named:
            problems.add((*path, "remember"), f"needs a key to seal passwords with: give [server] {KEY_WAYS[1]}")
        return
    if problems.spoiled((*path, "remember")):
        return
    needs = "needs remember = true: it is done when the device has gone, and then nobody knows the password"
    if found.device.on_delete != "hide":
        problems.add((*path, "on_delete"), f'"{found.device.on_delete}" {needs}')
    if found.device.on_retrieve == "seen":
        problems.add((*path, "on_retrieve"), f'"seen" {needs}')


def _check_id(name: str, device: DeviceSettings, found: Mapping[str, PassthroughSettings], problems: Problems) -> None:
    """Refuse a device that is remembered under what another device logs in with."""
    login = read_login(device.id, found)
    if login is not None and device.login.lower() != login.device:
        sentence = f"{quoted(device.id)} is what passthrough.{quoted(login.domain)} calls the device of that login"
        problems.add(("device", name, "id"), f"{sentence}: give it another id, or that login")
