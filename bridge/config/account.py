"""`[account.NAME]`: an IMAP account that devices read."""

from dataclasses import replace
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import Field

from bridge.config import values
from bridge.config.kinds import FilePath, Mailbox, Name, Size, Switch, Text, number, one_of, seconds
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
from bridge.config.tables import NotBuilt, Reads, Table, entry
from bridge.model.names import AccountId
from bridge.model.registries import ACCOUNT_QUIRKS, PROVIDERS
from bridge.model.settings import AccountSettings, TlsMode

DEFAULT_PORTS = {"implicit": 993, "starttls": 143, "none": 143}
"""RFC 8314 §7.2 for TLS from the start, RFC 3501 §2.1 for the others."""


class Account(Table):
    """An IMAP account. `NAME` is made of A-Z a-z 0-9 _ . - and is what `sources` call it."""

    id: Name = entry(
        "", "the account's lasting name; keep it when the table is renamed", sample="family", shown="`NAME`"
    )
    provider: Annotated[str, Reads(values.known(PROVIDERS, "provider"), "name"), NotBuilt()] = entry(
        "", "a preset that gives defaults for the other keys"
    )
    host: Annotated[str, Reads(values.host, "host")] = entry(
        "", "the IMAP server", example="imap.example.org", shown="must be given"
    )
    port: Annotated[int, number(1, 65535)] = entry(0, "its port", sample=993, shown="993, or 143 without implicit TLS")
    tls: Annotated[TlsMode, one_of("implicit", "starttls", "none")] = entry(
        "implicit", "TLS from the start, STARTTLS, or none (only for this machine, or with `insecure`)"
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
    oauth: Annotated[dict[str, object], Reads(values.any_table, "table"), NotBuilt()] = entry(
        {}, "signing in by token instead of a password: `{ provider, client_id, flow }`", shown="none"
    )
    mailboxes: Annotated[list[Mailbox], Field(min_length=1)] = entry(
        ["INBOX"], 'names as people write them, or `"\\\\Junk"`, `"\\\\All"` by special use'
    )
    max_connections: Annotated[int, number(1, 100)] = entry(3, "how many connections the server may see at once")
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
        "what is peculiar about the server: " + "; ".join(f"`{name}`: {text}" for name, text in ACCOUNT_QUIRKS.items()),
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
        password = one_password(account, raw[name], path, reading, instead=("oauth",))
        common = common_settings(account, raw[name], path, reading)
        found[name] = replace(common, id=AccountId(account.id or name), name=name, user=account.user, password=password)
        first = ids.setdefault(found[name].id, name)
        if first != name:
            told = (*path, "id") if "id" in raw[name] else path
            reading.problems.add(told, f"has the same id as account.{first}")
    return found


def _check_name(name: str, path: KeyPath, reading: Reading) -> None:
    try:
        values.name(name)
    except values.Wrong as wrong:
        reading.problems.add(path, f"an account's name {wrong}")


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
    if "host" not in raw and "provider" not in raw:
        reading.problems.add((*path, "host"), "is missing")
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
