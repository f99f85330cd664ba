"""Logins that pass through: which account and device one means, and what is remembered of a password."""

import json
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from bridge.model.names import AccountId, DeviceId
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, DeviceSettings, PassthroughSettings, Settings, Source, Span

RECENT = "recent:"
"""What Gmail's users write in front of their login to be shown the last 30 days, whatever other programs fetched."""

RECENT_WINDOW = Span("age", 30 * 86400)

LONGEST = 248
"""Octets of a login: a command line of 255 (RFC 2449 §4) less `USER`, a blank and CRLF."""

_TAG = re.compile(r"[a-z0-9_.-]+")
_USER = re.compile(r"[^\s\x00-\x20\x7f-\x9f\ud800-\udfff\"\\]+")
"""What stands before the last `@`: no blanks, no control characters, nothing that is no UTF-8."""


class PassedLogin(NamedTuple):
    """What a login means. All of it is in lower case, however the device writes it.

    `account` is the upstream's user name, `user@example.org`; `device` besides has `recent:` and the tag.
    """

    device: DeviceId
    account: AccountId
    domain: str
    recent: bool


def read_login(login: str, domains: Container[str]) -> PassedLogin | None:
    """Read `[recent:]USER@DOMAIN[+TAG]`; None for a login of none of the domains, which are in lower case."""
    text = login.strip().lower()
    recent = text.startswith(RECENT)
    user, at, rest = text.removeprefix(RECENT).rpartition("@")
    domain, plus, tag = rest.partition("+")
    if not at or domain not in domains or len(text.encode("utf-8", "surrogateescape")) > LONGEST:
        return None
    if not _USER.fullmatch(user) or (plus and not _TAG.fullmatch(tag)):
        return None
    return PassedLogin(DeviceId(text), AccountId(f"{user}@{domain}"), domain, recent)


def is_passed(account: AccountId) -> bool:
    """Tell whether passthrough made an account: one of the configuration has no `@` in its id."""
    return "@" in account


def account_of(passthrough: PassthroughSettings, account: AccountId, password: Secret) -> AccountSettings:
    """Give the settings of one user's account, who signs in with this password."""
    return replace(passthrough.account, id=account, name=account, user=account, password=password)


def device_of(passthrough: PassthroughSettings, login: PassedLogin) -> DeviceSettings:
    """Give the settings of a device, which reads its account's mailboxes.

    One that asks for what is recent is shown the last 30 days whatever was fetched, by itself or another.
    """
    sources = tuple(Source(login.account, mailbox) for mailbox in passthrough.account.mailboxes)
    made = replace(passthrough.device, id=login.device, name=login.device, login=login.device, sources=sources)
    if not login.recent:
        return made
    on_retrieve = "none" if made.on_retrieve in ("hide", "hide-unacknowledged") else made.on_retrieve
    return replace(made, start=Span(), window=RECENT_WINDOW, on_retrieve=on_retrieve)


def passed_logins(settings: Settings, devices: Iterable[DeviceId]) -> list[PassedLogin]:
    """Give those of some devices that passthrough made, by their ids, as far as the configuration has their domain and
    no device of its own by that id or login.
    """
    taken = taken_logins(settings)
    found = (read_login(device, settings.passthrough) for device in devices)
    return [login for login in found if login is not None and login.device not in taken]


def taken_logins(settings: Settings) -> frozenset[str]:
    """Give what the configuration's own devices are called, in lower case: nothing of that passes through."""
    own = settings.devices.values()
    return frozenset(name.lower() for one in own for name in (one.id, one.login))


def with_passed(
    settings: Settings, logins: Iterable[PassedLogin], passwords: Mapping[AccountId, Secret] | None = None
) -> Settings:
    """Give the configuration with the accounts and devices of these logins added. `passwords` are those that are known;
    an account without one has an empty password, with which nothing signs in.
    """
    known = passwords or {}
    accounts, devices = dict(settings.accounts), dict(settings.devices)
    for login in logins:
        passthrough = settings.passthrough[login.domain]
        if login.account not in accounts:
            accounts[login.account] = account_of(passthrough, login.account, known.get(login.account, Secret("")))
        devices[login.device] = device_of(passthrough, login)
    return replace(settings, accounts=accounts, devices=devices)


class Remembered(NamedTuple):
    """What is kept, sealed, of a password that an upstream took: itself, and its slow hash `scrypt$…`."""

    password: Secret
    verifier: Secret

    def secret(self) -> Secret:
        """Give both in one text, to be sealed."""
        return Secret(json.dumps({"password": self.password.reveal(), "verifier": self.verifier.reveal()}))

    @classmethod
    def read(cls, secret: Secret) -> "Remembered | None":
        """Give what `secret` made; None for another text."""
        try:
            found = json.loads(secret.reveal())
            return cls(Secret(str(found["password"])), Secret(str(found["verifier"])))
        except (ValueError, TypeError, KeyError):
            return None
