"""`[device.NAME]`: a device, its login and what it reads."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field

from bridge.config import values, verifiers
from bridge.config.kinds import AnySpan, AuthList, FirstContact, Network, Size, Switch, Text, number, one_of
from bridge.config.problems import KeyPath, quoted
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
from bridge.config.sources import AnySource, source_settings
from bridge.config.tables import NotBuilt, Reads, Table, entry
from bridge.model.names import DeviceId
from bridge.model.registries import DEVICE_QUIRKS
from bridge.model.secret import Secret
from bridge.model.settings import (
    AccountSettings,
    Deduplicate,
    DeviceSettings,
    OnDelete,
    OnRetrieve,
    PasswordHash,
    ScramVerifier,
    Span,
)

LONGEST_LOGIN = 248
"""Octets: a command line of 255 (RFC 2449 §4) less `USER`, a blank and CRLF."""

EXAMPLE_HASH = "scrypt$16384$8$1$cG9wYnJpZGdlIGV4YW1wbGU=$bm9ib2R5IGtub3dzIHRoZSBwYXNzd29yZCBvZiB0aGlzIQ=="
"""A hash of no known password: a device copied from the example cannot log in until it gets one."""


NOBODYS = PasswordHash(n=2**14, r=8, p=1, salt=b"nobody has this!", digest=bytes(32))
"""A hash that no password has."""


class Device(Table):
    """A device that logs in by POP3."""

    id: Text = entry("", "the device's lasting name; keep it when the table is renamed", sample="fax", shown="`NAME`")
    login: Text = entry("", "the name it logs in with; no two devices share one", sample="fax", shown="`NAME`")
    password_hash: Annotated[tuple[verifiers.Kept, ...], Reads(verifiers.parse_kept, "hash, or list of hashes")] = (
        entry((), "what `popbridge password` prints", example=EXAMPLE_HASH, shown="exactly one of the six")
    )
    password: Password = entry(NO_PASSWORD, WAYS["password"], sample="…", shown="none")
    password_file: PasswordFile = entry("", WAYS["password_file"], sample="fax.secret", shown="none")
    password_env: PasswordEnv = entry("", WAYS["password_env"], sample="FAX_PASSWORD", shown="none")
    password_command: PasswordCommand = entry(
        [], WAYS["password_command"], sample=["pass", "show", "fax"], shown="none"
    )
    password_credential: PasswordCredential = entry("", WAYS["password_credential"], sample="fax", shown="none")
    sources: Annotated[list[AnySource], Field(min_length=1)] = entry(
        [],
        "what it reads: `ACCOUNT` for all of an account's `mailboxes`, or `ACCOUNT/MAILBOX` for any mailbox; "
        "in a table, `mark` is put in front of the subjects of what comes from there",
        example=["family", "family/Invoices"],
        shown="must be given",
    )
    networks: list[Network] = entry([], "where it may log in from", sample=["192.168.1.0/24"], shown="anywhere")
    auth: AuthList = entry(
        ["plain"],
        "how it may log in, where a listener's `auth` offers that; `plain` and `login` allow each other",
    )
    start: FirstContact = entry(
        Span(),
        "what it sees of a source at first: all, only what comes from then on, what is no older, or the newest so many",
        sample="30d",
        shown='`"all"`',
    )
    window: AnySpan = entry(
        Span(),
        "what it sees at every login: all, what is no older, or the newest so many; what left the window stays away",
        sample="90d",
        shown='`"all"`',
    )
    search: Annotated[str, Reads(values.search, "search key")] = entry(
        "",
        "an IMAP SEARCH key that decides, once for each message, whether it is shown, such as "
        '`NOT FROM "news@example.org"`; dates are fixed, ages refused',
        sample="UNSEEN",
        shown="none",
    )
    deduplicate: Annotated[Deduplicate, one_of("off", "account", "all")] = entry(
        "account", "showing copies of a message in several mailboxes once: of one account, or of all"
    )
    provenance: Switch = entry(
        False, "adding `X-Popbridge-Source` to messages: the account and mailbox that each comes from"
    )
    on_delete: Annotated[OnDelete, one_of("hide", "seen", "flag", "archive", "trash", "expunge")] = entry(
        "hide", "what its deletions do: hide the message from this device alone, or act upstream as well"
    )
    delete_when: Annotated[Literal["this", "all"], one_of("this", "all")] = entry(
        "this", "whose deletions it takes to act upstream: its own, or those of every device that was shown the message"
    )
    on_retrieve: Annotated[OnRetrieve, one_of("none", "seen", "hide", "hide-unacknowledged")] = entry(
        "none",
        "what fetching a message whole does at QUIT: nothing, mark it as seen upstream, or hide it from this device; "
        "`hide-unacknowledged` also when the connection drops",
    )
    max_deletes: Annotated[int, number(0, 10**9)] = entry(
        50,
        "a guard against mass deletion: a session that deletes more of what earlier sessions were shown only hides, "
        "until `device confirm NAME`; 0 for none",
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
        [],
        "known misbehaviour of the device: " + "; ".join(f"`{name}`: {text}" for name, text in DEVICE_QUIRKS.items()),
    )


def device_settings(
    devices: dict[str, Device],
    raw: dict[str, dict[str, object]],
    accounts: Mapping[str, AccountSettings],
    keys: Sequence[Secret],
    reading: Reading,
) -> dict[str, DeviceSettings]:
    """Give what the devices mean, by table name, noting what is missing, unknown or given twice. `keys` open what is
    sealed.
    """
    found: dict[str, DeviceSettings] = {}
    for name, device in devices.items():
        path = ("device", name)
        _check_name(name, path, reading)
        if "sources" not in raw[name]:
            reading.problems.add((*path, "sources"), "is missing")
        found[name] = _settings(name, device, raw[name], accounts, keys, reading)
        if mistake := _unsendable(found[name].login):
            reading.problems.add((*path, "login"), mistake)
    for unique in ("id", "login"):
        _check_unique(unique, found, raw, reading)
    return found


def _unsendable(login: str) -> str:
    """Say why no device can log in with this name, or give an empty text."""
    if len(login.encode()) > LONGEST_LOGIN:
        return f"must not be longer than {LONGEST_LOGIN} octets (RFC 2449 §4)"
    return "must not begin or end with a blank: USER takes none there" if login != login.strip() else ""


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
    keys: Sequence[Secret],
    reading: Reading,
) -> DeviceSettings:
    path = ("device", name)
    given = one_password(device, raw, path, reading, instead=("password_hash",))
    login = device.login or name
    password, scram = _kept(device.password_hash, given, lambda sealed: _recovered(sealed, login, keys, path, reading))
    return replace(
        common_settings(device),
        id=DeviceId(device.id or name),
        name=name,
        login=login,
        password=password,
        sources=source_settings(raw.get("sources"), path, accounts, reading),
        scram=scram,
    )


def common_settings(device: Device) -> DeviceSettings:
    """Give what a device's table means but for who logs in to read what: id, name, login and sources are empty, and no
    password is the right one.
    """
    return DeviceSettings(
        id=DeviceId(""),
        name="",
        login="",
        password=NOBODYS,
        sources=(),
        networks=tuple(device.networks),
        on_delete=device.on_delete,
        quirks=frozenset(device.quirks),
        start=device.start,
        window=device.window,
        search=device.search,
        deduplicate=device.deduplicate,
        provenance=device.provenance,
        delete_when=device.delete_when,
        on_retrieve=device.on_retrieve,
        max_deletes=device.max_deletes,
        auth=tuple(dict.fromkeys(device.auth)),
    )


def _kept(
    kept: tuple[verifiers.Kept, ...], given: Secret, recovered: Callable[[verifiers.Sealed], Secret]
) -> tuple[PasswordHash | ScramVerifier | Secret, tuple[ScramVerifier, ...]]:
    """Give what checks a password that is sent, and what there is for SCRAM besides."""
    scram = tuple(each for each in kept if isinstance(each, ScramVerifier))
    for each in kept:
        if isinstance(each, verifiers.Sealed):
            return recovered(each), scram
    hashed = next((each for each in kept if isinstance(each, PasswordHash)), None)
    return hashed or (scram[0] if scram else given), scram


def _recovered(sealed: verifiers.Sealed, login: str, keys: Sequence[Secret], path: KeyPath, reading: Reading) -> Secret:
    if reading.secrets:
        try:
            return verifiers.recover(sealed, login, keys)
        except values.Wrong as wrong:
            reading.problems.add((*path, "password_hash"), str(wrong))
    return NO_PASSWORD
