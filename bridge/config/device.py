"""`[device.NAME]`: a device, its login and what it reads."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from bridge.config import passwords, values
from bridge.config.kinds import AuthList, Network, Size, Span, Switch, Text, number, one_of
from bridge.config.problems import KeyPath, quoted, suggestion
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
from bridge.model.names import DeviceId
from bridge.model.registries import DEVICE_QUIRKS
from bridge.model.settings import AccountSettings, DeviceSettings, OnDelete, PasswordHash, Source

LONGEST_LOGIN = 248
"""Octets: a command line of 255 (RFC 2449 §4) less `USER`, a blank and CRLF."""

EXAMPLE_HASH = "scrypt$16384$8$1$cG9wYnJpZGdlIGV4YW1wbGU=$bm9ib2R5IGtub3dzIHRoZSBwYXNzd29yZCBvZiB0aGlzIQ=="
"""A hash of no known password: a device copied from the example cannot log in until it gets one."""


class Device(Table):
    """A device that logs in by POP3."""

    id: Text = entry("", "the device's lasting name; keep it when the table is renamed", sample="fax", shown="`NAME`")
    login: Text = entry("", "the name it logs in with; no two devices share one", sample="fax", shown="`NAME`")
    password_hash: Annotated[
        PasswordHash | None, Reads(lambda value: passwords.parse_hash(values.text(value)), "hash")
    ] = entry(None, "what `popbridge password` prints", example=EXAMPLE_HASH, shown="exactly one of the six")
    password: Password = entry(NO_PASSWORD, WAYS["password"], sample="…", shown="none")
    password_file: PasswordFile = entry("", WAYS["password_file"], sample="fax.secret", shown="none")
    password_env: PasswordEnv = entry("", WAYS["password_env"], sample="FAX_PASSWORD", shown="none")
    password_command: PasswordCommand = entry(
        [], WAYS["password_command"], sample=["pass", "show", "fax"], shown="none"
    )
    password_credential: PasswordCredential = entry("", WAYS["password_credential"], sample="fax", shown="none")
    sources: Annotated[list[Annotated[str, Reads(values.source, "text")]], Field(min_length=1)] = entry(
        [],
        "what it reads: `ACCOUNT` for all of an account's `mailboxes`, or `ACCOUNT/MAILBOX` for any mailbox",
        example=["family", "family/Invoices"],
        shown="must be given",
    )
    networks: list[Network] = entry([], "where it may log in from", sample=["192.168.1.0/24"], shown="anywhere")
    auth: AuthList = entry(["plain"], "how it may log in")
    start: Annotated[str, Reads(values.first_contact, "text"), NotBuilt(only=("all",))] = entry(
        "all", "what it sees at its first login: all, only what comes later, an age, or a number of messages"
    )
    window: Annotated[Span, NotBuilt(only=("all",))] = entry(
        "all", "what it sees at every login: all, an age, or a number"
    )
    search: Annotated[Text, NotBuilt(only=("ALL",))] = entry(
        "", "an IMAP search key that decides what it sees", shown="none"
    )
    deduplicate: Annotated[str, one_of("off", "account", "all"), NotBuilt(only=("off",))] = entry(
        "off", "showing copies of a message in several mailboxes once"
    )
    provenance: Annotated[Switch, NotBuilt(only=(False,))] = entry(False, "adding `X-Popbridge-Source` to messages")
    on_delete: Annotated[OnDelete, one_of("hide", "seen", "flag", "archive", "trash", "expunge")] = entry(
        "hide", "what its deletions do: hide the message from this device alone, or act upstream as well"
    )
    delete_when: Annotated[str, one_of("this", "all"), NotBuilt(only=("this",))] = entry(
        "this", "whose deletions it takes to act"
    )
    on_retrieve: Annotated[str, one_of("none", "seen", "hide", "hide-unacknowledged"), NotBuilt(only=("none",))] = (
        entry("none", "what fetching a message does")
    )
    max_deletes: Annotated[int, number(0, 10**9), NotBuilt(only=(0,))] = entry(
        0, "a guard against mass deletion; 0 for none"
    )
    sizes: Annotated[str, one_of("fast", "exact"), NotBuilt(only=("fast",))] = entry(
        "fast", "whether it waits for exact sizes"
    )
    profile: Annotated[str, one_of("raw", "compatible", "text", "attachments"), NotBuilt(only=("raw",))] = entry(
        "raw", "how messages are adapted to it"
    )
    max_size: Annotated[Size, NotBuilt(only=(0,))] = entry(0, "the size above which it gets a stub; 0 for none")
    notices: Annotated[Switch, NotBuilt(only=(False,))] = entry(False, "telling it of problems by messages")
    device_type: Annotated[Text, NotBuilt()] = entry("", "a preset of quirks", shown="none")
    quirks: list[Annotated[str, Reads(values.known(tuple(DEVICE_QUIRKS), "quirk"), "name")]] = entry(
        [], "known misbehaviour of the device; none is known to this version"
    )


def device_settings(
    devices: dict[str, Device],
    raw: dict[str, dict[str, object]],
    accounts: Mapping[str, AccountSettings],
    reading: Reading,
) -> dict[str, DeviceSettings]:
    """Give what the devices mean, by table name, noting what is missing, unknown or given twice."""
    if not devices and not reading.problems.spoiled(("device",)):
        reading.problems.add(("device",), "there is none: write a [device.NAME] table, or nobody can log in")
    found: dict[str, DeviceSettings] = {}
    for name, device in devices.items():
        path = ("device", name)
        _check_name(name, path, reading)
        if "sources" not in raw[name]:
            reading.problems.add((*path, "sources"), "is missing")
        found[name] = _settings(name, device, raw[name], accounts, reading)
        if len(found[name].login.encode()) > LONGEST_LOGIN:
            reading.problems.add((*path, "login"), f"must not be longer than {LONGEST_LOGIN} octets (RFC 2449 §4)")
    for unique in ("id", "login"):
        _check_unique(unique, found, raw, reading)
    return found


def _check_name(name: str, path: KeyPath, reading: Reading) -> None:
    try:
        values.text(name)
    except values.Wrong as wrong:
        reading.problems.add(path, f"a device's name {wrong}")


def _check_unique(
    unique: str, devices: Mapping[str, DeviceSettings], raw: dict[str, dict[str, object]], reading: Reading
) -> None:
    taken: dict[str, str] = {}
    for name, device in devices.items():
        first = taken.setdefault(getattr(device, unique), name)
        if first != name:
            path = ("device", name, unique) if unique in raw[name] else ("device", name)
            reading.problems.add(path, f"has the same {unique} as device {quoted(first)}")


def _settings(
    name: str,
    device: Device,
    raw: dict[str, object],
    accounts: Mapping[str, AccountSettings],
    reading: Reading,
) -> DeviceSettings:
    path = ("device", name)
    given = one_password(device, raw, path, reading, instead=("password_hash",))
    return DeviceSettings(
        id=DeviceId(device.id or name),
        name=name,
        login=device.login or name,
        password=device.password_hash or given,
        sources=_sources(raw.get("sources"), path, accounts, reading),
        networks=tuple(device.networks),
        on_delete=device.on_delete,
        quirks=frozenset(device.quirks),
    )


def _sources(
    raw: object, path: KeyPath, accounts: Mapping[str, AccountSettings], reading: Reading
) -> tuple[Source, ...]:
    """Read the list as written: an element with a mistake must not keep one in the next from being told."""
    found: list[Source] = []
    for position, element in enumerate(raw if isinstance(raw, list) else [], 1):
        where = (*path, "sources", position)
        if reading.problems.spoiled(where):
            continue
        name, slash, mailbox = values.source(element).partition("/")
        if account := accounts.get(name):
            found += [Source(account.id, chosen) for chosen in ([mailbox] if slash else account.mailboxes)]
        else:
            reading.problems.add(where, f"there is no account {quoted(name)}{suggestion(name, accounts)}")
    return tuple(dict.fromkeys(found))
