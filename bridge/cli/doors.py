"""The doors of rooms behind the command line, opened only when a command needs them.

`popbridge password` should not load the whole bridge, and a room that this version does not have yet is told
in a sentence.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any, Protocol, cast

from bridge.model.failures import BridgeError
from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, Settings


class NotBuiltYet(BridgeError):
    """This version has the command, but not yet what it needs."""


class RunServe(Protocol):
    """Runs the bridge to its end and gives the exit status."""

    def __call__(self, settings: Settings, load: Callable[[], Settings], new_state: bool) -> int: ...


class RunDemo(Protocol):
    """Runs the demo to its end and gives the exit status."""

    def __call__(self, host: str, port: int, once: bool) -> int: ...


class ProbeAccounts(Protocol):
    """Signs in to every account and tells what was found: `account` (its name), `ok`, and `lines` to show."""

    def __call__(self, settings: Settings) -> Sequence[Mapping[str, Any]]: ...


class AdministerOffline(Protocol):
    """Carries out an owner's command on the database while no bridge runs, and gives what it did."""

    def __call__(self, settings: Settings, command: str, arguments: Mapping[str, Any]) -> dict[str, Any]: ...


class SignInAccount(Protocol):
    """Has somebody sign an account in, and gives what was granted."""

    def __call__(
        self, settings: Settings, account: AccountSettings, oauth: OAuthSettings, person: Any, way: str
    ) -> Any: ...


class Opened(Protocol):
    """Opens an account's mailboxes with a new token, and tells `ok` and a `note`."""

    def __call__(self, settings: Settings, account: AccountSettings, access: Secret) -> Any: ...


def run_serve() -> RunServe:
    """Open the door of `serve`."""
    return cast("RunServe", _open("bridge.serve.daemon", "run_serve"))


def run_demo() -> RunDemo:
    """Open the door of `demo`."""
    return cast("RunDemo", _open("bridge.serve.demo", "run_demo"))


def probe_accounts() -> ProbeAccounts:
    """Open the door of `check --connect`."""
    return cast("ProbeAccounts", _open("bridge.serve.probe", "probe_accounts"))


def administer_offline() -> AdministerOffline:
    """Open the door of an owner's commands while no bridge runs."""
    return cast("AdministerOffline", _open("bridge.serve.offline", "administer_offline"))


def sign_in_account() -> SignInAccount:
    """Open the door of `login`."""
    return cast("SignInAccount", _open("bridge.serve.login", "sign_in_account"))


def opened() -> Opened:
    """Open the door of what `login` looks at in the end."""
    return cast("Opened", _open("bridge.serve.login", "opened"))


def _open(module: str, name: str) -> Any:
    try:
        return getattr(import_module(module), name)
    except ModuleNotFoundError as missing:
        if missing.name != module:
            raise
    except AttributeError:
        pass
    raise NotBuiltYet(f"this version cannot do that yet: {module} has no {name}")
