"""`[account.NAME]`: an IMAP account that devices read."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import Field

from bridge.config import values
from bridge.config.kinds import FilePath, Mailbox, Name, Size, Switch, Text, number, one_of, seconds
from bridge.config.oauth import oauth_settings
from bridge.config.problems import KeyPath
from bridge.config.reading import Reading
from bridge.config.secret_keys import (
    NO_PASSWORD,
    WAYS,
    Password,
    PasswordCommand,
    PasswordCredential,
    PasswordEnv,
    PasswordFile,
    one_password,
)
from bridge.config.tables import Reads, Table, entry
from bridge.model.names import AccountId
from bridge.model.oauth import OAuthSettings
from bridge.model.presets import DEFAULT_CONNECTIONS, PRESETS
from bridge.model.registries import ACCOUNT_QUIRKS
from bridge.model.settings import AccountSettings, TlsMode

DEFAULT_PORTS = {"implicit": 993, "starttls": 143, "none": 143}
"""RFC 8314 §7.2 for TLS from the start, RFC 3501 §2.1 for the others."""


class Account(Table):
    """An IMAP account. `NAME` is made of A-Z a-z 0-9 _ . - and is what `sources` call it."""

    id: Name = entry(
        "", "the account's lasting name; keep it when the table is renamed", sample="family", shown="`NAME`"
    )
    provider: Annotated[str, Reads(values.known(tuple(PRESETS), "provider"), "name")] = entry(
        "",
        "whose server it is: gives `host`, `port`, `tls`, `max_connections` and `quirks` that are not given, and says"
        " what is wanted there; docs/providers.md has the names",
        sample="gmail",
    )
    host: Annotated[str, Reads(values.host, "host")] = entry(
        "", "the IMAP server", example="imap.example.org", shown="the provider's, else must be given"
    )
    port: Annotated[int, number(1, 65535)] = entry(
        0, "its port", sample=993, shown="the provider's, else 993, or 143 without implicit TLS"
    )
    tls: Annotated[TlsMode, one_of("implicit", "starttls", "none")] = entry(
        "implicit",
        "TLS from the start, STARTTLS, or none (only for this machine, or with `insecure`)",
        shown='the provider\'s, else `"implicit"`',
    )
    insecure: Switch = entry(False, 'lets `tls = "none"` send the password readable over a network')
    ca_file: FilePath = entry("", "the roots to trust, PEM", sample="ca.pem", shown="the system's")
    user: Text = entry("", "the account's user name", example="family@example.org", shown="must be given")
    password: Password = entry(NO_PASSWORD, WAYS["password"], sample="…", shown="exactly one of the five")
    password_file: PasswordFile = entry("", WAYS["password_file"], example="family.secret", shown="none")
    password_env: PasswordEnv = entry("", WAYS["password_env"], sample="FAMILY_PASSWORD", shown="none")
    password_command: PasswordCommand = entry(
        [], WAYS["password_command"], sample=["pass", "show", "family"], shown="none"
    )
    password_credential: PasswordCredential = entry("", WAYS["password_credential"], sample="family", shown="none")
    oauth: Annotated[dict[str, object], Reads(values.any_table, "table")] = entry(
        {},
        "signing in by token instead of a password: see below",
        sample={"provider": "microsoft", "client_id": "…", "flow": "device"},
        shown="none",
    )
    mailboxes: Annotated[list[Mailbox], Field(min_length=1)] = entry(
        ["INBOX"], 'names as people write them, or `"\\\\Junk"`, `"\\\\All"` by special use'
    )
    max_connections: Annotated[int, number(1, 100)] = entry(
        DEFAULT_CONNECTIONS, "how many connections the server may see at once", shown="the provider's, else `3`"
    )
    poll_interval: Annotated[float, seconds(1)] = entry(
        60, "how often a mailbox that the server does not push is looked at"
    )
    spool: Annotated[Literal["off", "ahead"], one_of("off", "ahead")] = entry(
        "off", "`ahead` keeps messages on disk as they arrive, so that each is fetched once for all devices"
    )
    spool_max: Size = entry(
        2 * 10**9, "how much of the disk they may take; the oldest go first", shown='`"2GB"`', sample="2GB"
    )
    spool_age: Annotated[float, seconds(3600)] = entry(
        30 * 86400, "how long each is kept", shown='`"30d"`', sample="30d"
    )
    archive: Mailbox = entry("\\Archive", 'where `on_delete = "archive"` moves messages')
    allow_plain_expunge: Switch = entry(
        False, "lets a server without UIDPLUS and MOVE expunge all that anybody marked in the mailbox"
    )
    quirks: list[Annotated[str, Reads(values.known(tuple(ACCOUNT_QUIRKS), "quirk"), "name")]] = entry(
        [],
        "what is peculiar about the server: "
        + "; ".join(f"`{name}`: {quirk.text}" for name, quirk in ACCOUNT_QUIRKS.items()),
        shown="the provider's, else `[]`",
    )


def account_settings(
    accounts: dict[str, Account], raw: dict[str, dict[str, object]], reading: Reading
) -> dict[str, AccountSettings]:
    """Give what the accounts mean, by table name, noting what is missing or given twice."""
    found: dict[str, AccountSettings] = {}
    ids: dict[str, str] = {}
    for name, account in accounts.items():
        path = ("account", name)
        _check_name(name, path, reading)
        if "user" not in raw[name]:
            reading.problems.add((*path, "user"), "is missing")
        _check_sign_in(name, account, raw[name], path, reading)
        password = one_password(account, raw[name], path, reading, instead=("oauth",))
        common = common_settings(account, raw[name], path, reading)
        found[name] = replace(
            common,
            id=AccountId(account.id or name),
            name=name,
            user=account.user,
            password=password,
            oauth=account_oauth(account, raw[name], path, reading),
        )
        first = ids.setdefault(found[name].id, name)
        if first != name:
            told = (*path, "id") if "id" in raw[name] else path
            reading.problems.add(told, f"has the same id as account.{first}")
    return found


def account_oauth(account: Account, raw: dict[str, object], path: KeyPath, reading: Reading) -> OAuthSettings | None:
    """Give an account's `oauth`, noting what is wrong with it; None where it has none."""
    if "oauth" not in raw or not isinstance(raw["oauth"], dict):
        return None
    usual = PRESETS[account.provider].authority if account.provider else ""
    return oauth_settings(raw["oauth"], (*path, "oauth"), reading, usual=usual, user=account.user)


def _check_name(name: str, path: KeyPath, reading: Reading) -> None:
    try:
        values.name(name)
    except values.Wrong as wrong:
        reading.problems.add(path, f"an account's name {wrong}")


def _check_host(account: Account, raw: dict[str, object], path: KeyPath, reading: Reading) -> None:
    if account.host or "host" in raw:
        return
    if account.provider:
        reading.problems.add((*path, "host"), f"is missing: provider '{account.provider}' has none of its own")
    elif "provider" not in raw:
        reading.problems.add((*path, "host"), "is missing: give it, or a provider")


def _check_sign_in(name: str, account: Account, raw: dict[str, object], path: KeyPath, reading: Reading) -> None:
    """See that the provider's server takes what is given. Who names another host knows why."""
    preset = PRESETS.get(account.provider)
    if preset is None or "host" in raw:
        return
    if not preset.takes_passwords:
        for way in (way for way in WAYS if way in raw):
            sentence = f"{preset.title} takes no password over IMAP, only OAuth: give oauth instead, then run"
            reading.problems.add((*path, way), f"{sentence} `popbridge login {name}`")
    elif "oauth" not in preset.ways and "oauth" in raw:
        reading.problems.add((*path, "oauth"), f"{preset.title} takes no OAuth over IMAP: give a password")


def _with_preset(account: Account, raw: dict[str, object]) -> Account:
    """Give the account with what its provider's preset says of keys that are not given."""
    preset = PRESETS.get(account.provider)
    if preset is None:
        return account
    mode = account.tls if "tls" in raw else preset.tls
    defaults: dict[str, object] = {
        "host": preset.host,
        "port": preset.port if mode == preset.tls else DEFAULT_PORTS[mode],
        "tls": mode,
        "max_connections": preset.max_connections,
        "quirks": sorted(preset.quirks),
    }
    return account.model_copy(update={key: value for key, value in defaults.items() if key not in raw})


def _check_tls(account: Account, path: KeyPath, reading: Reading) -> None:
    allowed = account.insecure or reading.problems.spoiled((*path, "insecure"))
    if account.tls == "none" and account.host and not allowed and not _is_loopback(account.host):
        sentence = "would send the password readable over the network: use TLS, or write insecure = true"
        reading.problems.add((*path, "tls"), f'"none" {sentence}')


def _check_spool(account: Account, path: KeyPath, reading: Reading) -> None:
    if account.spool == "ahead" and account.spool_max == 0:
        reading.problems.add((*path, "spool_max"), 'leaves no room for what spool = "ahead" keeps: write spool = "off"')


def _is_loopback(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def common_settings(account: Account, raw: dict[str, object], path: KeyPath, reading: Reading) -> AccountSettings:
    """Give what an account's table means but for who signs in: id, name, user and password are empty."""
    account = _with_preset(account, raw)
    _check_host(account, raw, path, reading)
    _check_tls(account, path, reading)
    _check_spool(account, path, reading)
    return AccountSettings(
        id=AccountId(""),
        name="",
        host=account.host,
        port=account.port or DEFAULT_PORTS[account.tls],
        tls=account.tls,
        user="",
        password=NO_PASSWORD,
        provider=account.provider,
        ca_file=reading.readable(account.ca_file, (*path, "ca_file")) if account.ca_file else "",
        mailboxes=tuple(dict.fromkeys(account.mailboxes)),
        max_connections=account.max_connections,
        poll_interval=account.poll_interval,
        spool=account.spool,
        spool_max=account.spool_max,
        spool_age=account.spool_age,
        archive=account.archive,
        allow_plain_expunge=account.allow_plain_expunge,
        quirks=frozenset(account.quirks),
    )
