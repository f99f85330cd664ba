"""Which device or account a command means: by its name in the configuration, or the id that it is remembered under."""

from collections.abc import Iterable
from typing import NamedTuple

from bridge.config.problems import quoted, suggestion
from bridge.model.failures import WrongRequest
from bridge.model.names import AccountId, DeviceId
from bridge.model.settings import AccountSettings, DeviceSettings, Settings

FEW = 10
"""Names that are all told to somebody who gave one that there is not."""


class KnownDevice(NamedTuple):
    """A device that is in the configuration, or only remembered (`settings` is None, and `name` its id)."""

    id: DeviceId
    name: str
    settings: DeviceSettings | None


class KnownAccount(NamedTuple):
    """An account that is in the configuration, or only remembered (`settings` is None, and `name` its id)."""

    id: AccountId
    name: str
    settings: AccountSettings | None


def find_device(name: str, settings: Settings, remembered: Iterable[DeviceId]) -> KnownDevice:
    """Give the device of this name or id. Raises `WrongRequest`."""
    configured = {one.id: KnownDevice(one.id, one.name, one) for one in settings.devices.values()}
    others = {one: KnownDevice(one, one, None) for one in remembered if one not in configured}
    named = {one.name: one for one in configured.values()}
    found = named.get(name) or configured.get(DeviceId(name)) or others.get(DeviceId(name))
    if found is None:
        raise WrongRequest(_unknown("device", name, [*named, *others]))
    return found


def find_account(name: str, settings: Settings, remembered: Iterable[AccountId]) -> KnownAccount:
    """Give the account of this name or id. Raises `WrongRequest`."""
    configured = {one.id: KnownAccount(one.id, one.name, one) for one in settings.accounts.values()}
    others = {one: KnownAccount(one, one, None) for one in remembered if one not in configured}
    named = {one.name: one for one in configured.values()}
    found = named.get(name) or configured.get(AccountId(name)) or others.get(AccountId(name))
    if found is None:
        raise WrongRequest(_unknown("account", name, [*named, *others]))
    return found


def _unknown(kind: str, name: str, known: list[str]) -> str:
    hint = suggestion(name, known)
    if not hint and 0 < len(known) <= FEW:
        hint = f": there {'is' if len(known) == 1 else 'are'} {', '.join(sorted(known))}"
    return f"there is no {kind} {quoted(name)}{hint}"
