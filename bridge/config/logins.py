"""Whether devices can log in where listeners let them."""

from collections.abc import Collection, Iterable, Mapping

from bridge.config.problems import listed, printable
from bridge.config.reading import Reading
from bridge.model.logins import SCRAM, allows, checkable, offered
from bridge.model.settings import DeviceSettings, ListenerSettings, Way


def check_logins(
    devices: Mapping[str, DeviceSettings], listeners: Iterable[ListenerSettings], reading: Reading
) -> None:
    """Note devices that cannot log in: by a way that takes what is not kept of their password, or that none offers."""
    every = () if reading.problems.spoiled(("listener",)) else tuple(listeners)
    ways = {way for listener in every for way in offered(listener)}
    for name, device in devices.items():
        path = ("device", name)
        if reading.problems.spoiled((*path, "auth")) or reading.problems.spoiled((*path, "password_hash")):
            continue
        for position, way in enumerate(device.auth, 1):
            if not checkable(device, way):
                reading.problems.add((*path, "auth", position), _missing(way, device.login))
        if every and not any(allows(device, way) for way in ways):
            reading.problems.add((*path, "auth"), _nowhere("it", device, every, ways))


def check_passing(
    domains: Mapping[str, DeviceSettings], listeners: Iterable[ListenerSettings], reading: Reading
) -> None:
    """Note domains, given with what their devices have, whose logins can pass through nowhere."""
    every = () if reading.problems.spoiled(("listener",)) else tuple(listeners)
    ways = {way for listener in every for way in offered(listener)}
    for name, device in domains.items():
        if every and not any(allows(device, way) for way in ways):
            reading.problems.add(("passthrough", name), _nowhere("its users", device, every, ways))


def _nowhere(who: str, device: DeviceSettings, listeners: Iterable[ListenerSettings], ways: Collection[Way]) -> str:
    told = f"lets {who} log in nowhere: listeners offer {f'{listed(sorted(ways))} only' if ways else 'nothing'}"
    if any(allows(device, way) for listener in listeners for way in listener.auth):
        told += ", since none takes a password: for that they need TLS, or another plaintext_login"
    return told


def _missing(way: Way, login: str) -> str:
    if way in SCRAM:
        return f"needs {way}$… in password_hash: make it with `popbridge password --scram`"
    return (
        f"needs the password itself, and password_hash has only what it cannot be had from: `popbridge password "
        f"--recoverable {printable(login)}` seals it"
    )
