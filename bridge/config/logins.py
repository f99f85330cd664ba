"""Whether devices can log in where listeners let them."""

from collections.abc import Iterable, Mapping

from bridge.config.problems import listed, printable
from bridge.config.reading import Reading
from bridge.model.logins import SCRAM, allows, checkable
from bridge.model.settings import DeviceSettings, ListenerSettings, Way


def check_logins(
    devices: Mapping[str, DeviceSettings], listeners: Iterable[ListenerSettings], reading: Reading
) -> None:
    """Note devices that cannot log in: by a way that takes what is not kept of their password, or that none offers."""
    offered = {way for listener in listeners for way in listener.auth}
    for name, device in devices.items():
        path = ("device", name)
        if reading.problems.spoiled((*path, "auth")) or reading.problems.spoiled((*path, "password_hash")):
            continue
        for position, way in enumerate(device.auth, 1):
            if not checkable(device, way):
                reading.problems.add((*path, "auth", position), _missing(way, device.login))
        if offered and not any(allows(device, way) for way in offered):
            ways = listed(sorted(offered))
            reading.problems.add((*path, "auth"), f"lets it log in nowhere: listeners offer {ways} only")


def _missing(way: Way, login: str) -> str:
    if way in SCRAM:
        return f"needs {way}$… in password_hash: make it with `popbridge password --scram`"
    return (
        f"needs the password itself, and password_hash has only what it cannot be had from: `popbridge password "
        f"--recoverable {printable(login)}` seals it"
    )
