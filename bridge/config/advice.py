"""What is not wrong in a configuration, and yet will hardly do what its owner wants: `popbridge check` says so."""

import re
from collections.abc import Iterator

from bridge.model.presets import PRESETS, Preset
from bridge.model.registries import EXPUNGE_ARCHIVES
from bridge.model.settings import AccountSettings, Settings


def advice(settings: Settings) -> Iterator[str]:
    """Give sentences, each with the account or device that it is about; none shows a secret."""
    for account in settings.accounts.values():
        preset = PRESETS.get(account.provider)
        if preset is not None:
            yield from (f"account {account.name}: {sentence}" for sentence in _about(account, preset))
    yield from _archiving(settings)


def _about(account: AccountSettings, preset: Preset) -> Iterator[str]:
    if preset.user == "local part" and "@" in account.user:
        yield f"{preset.title} mostly wants the user without the domain: {account.user.partition('@')[0]}"
    if preset.user == "address" and "@" not in account.user:
        yield f"{preset.title} wants the whole address as the user"
    if account.oauth is None and _unlike(account.password.reveal(), preset):
        yield f"its password does not look like the app password that {preset.title} wants: {preset.wants}"
    if account.provider == "proton-bridge" and not account.ca_file:
        yield (
            "Proton Mail Bridge signs its own certificate: export it there (Settings, Advanced settings, Export TLS"
            " certificates) and name it as ca_file"
        )


def _unlike(password: str, preset: Preset) -> bool:
    """Tell whether a password is known, and known not to be an app password."""
    if not password or not preset.looks_like:
        return False
    return re.fullmatch(preset.looks_like, password.replace(" ", "")) is None


def _archiving(settings: Settings) -> Iterator[str]:
    for device in settings.devices.values():
        read = {source.account: settings.accounts[source.account] for source in device.sources}
        names = [account.name for account in read.values() if EXPUNGE_ARCHIVES in account.quirks]
        if names and device.on_delete == "expunge":
            yield (
                f"device {device.name}: what is expunged from {', '.join(names)} stays in All Mail, unless Gmail's own"
                ' settings say otherwise: the way to delete there is on_delete = "trash"'
            )
