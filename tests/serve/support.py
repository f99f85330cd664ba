"""What the tests of serve share: settings of a small configuration."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bridge.model.names import AccountId, DeviceId
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, DeviceSettings, ServerSettings, Settings, Source


def account(name: str, **changed: Any) -> AccountSettings:
    """Give an account whose id is not its name."""
    return AccountSettings(
        id=AccountId(f"{name}-id"),
        name=name,
        host="127.0.0.1",
        port=1,
        tls="none",
        user="anna",
        password=Secret(""),
        **changed,
    )


def device(name: str, *sources: tuple[str, str], **changed: Any) -> DeviceSettings:
    """Give a device whose id is not its name; `sources` are names of accounts and mailboxes."""
    return DeviceSettings(
        id=DeviceId(f"{name}-id"),
        name=name,
        login=name,
        password=Secret(""),
        sources=tuple(Source(AccountId(f"{of}-id"), mailbox) for of, mailbox in sources or (("family", "INBOX"),)),
        **changed,
    )


def settings(state_dir: Path, *devices: DeviceSettings, accounts: tuple[str, ...] = ("family",)) -> Settings:
    """Give a configuration of these devices."""
    server = ServerSettings(state_dir=str(state_dir), control=str(state_dir / "control.sock"))
    made: Mapping[AccountId, AccountSettings] = {one.id: one for one in map(account, accounts)}
    return Settings(server, (), made, {one.id: one for one in devices})
