"""From a file to settings."""

import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path

from bridge.config.account import Account, account_oauth, account_settings
from bridge.config.device import Device, device_settings
from bridge.config.lines import TooDeep, find_lines
from bridge.config.listener import Listener, listener_settings
from bridge.config.logins import check_logins, check_passing
from bridge.config.passthrough import passthrough_settings
from bridge.config.problems import KeyPath, Problems, dotted, listed, printable, suggestion
from bridge.config.reading import Reading
from bridge.config.server import Server, server_settings
from bridge.config.tables import AnyTable, read_table
from bridge.config.token_keys import WAYS, token_keys
from bridge.model.failures import ConfigError
from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings, Settings

LARGEST = 2**20
"""Octets: ten thousand devices fit, and a wrong file such as a disk image is not read whole."""

MOST_DOTS = 2000
"""Dots in one line: `tomllib` takes seconds over a key of more parts, and a list of 600 networks has fewer."""

SECTIONS = ("server", "listener", "account", "device", "passthrough")

_HINTS = {
    "Illegal character '\\n'": ": is a closing quote missing?",
    "Cannot overwrite a value": ": is this key here twice?",
    "Invalid value": ": are there quotes missing?",
}
"""What to look for, by the beginning of what `tomllib` says."""

_LONG_NUMBER = re.compile(r"[0-9_]{1000}")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


def load(path: Path, *, environ: Mapping[str, str], secrets: bool = True) -> Settings:
    """Read the configuration at `path`.

    With `secrets=False` no other file is opened and no command run, so passwords are empty: for commands
    that only need to know where the state and the control socket are.

    Raises `ConfigError` with every mistake found, as `FILE:LINE: table.key: what is wrong`. Blocks, at most
    10 s for each `password_command`.
    """
    settings, found = examine(_text(printable(str(path)), path), path, environ=environ, secrets=secrets)
    if found:
        raise ConfigError(found)
    return settings


def examine(text: str, path: Path, *, environ: Mapping[str, str], secrets: bool = False) -> tuple[Settings, list[str]]:
    """Give what a text would mean as the configuration at `path`, and every mistake in it, as `load` tells them.

    Raises `ConfigError` for what is no TOML.
    """
    file = printable(str(path))
    raw, lines = _parsed(file, text)
    problems = Problems(file, raw, lines)
    settings = _settings(raw, Reading(path.absolute().parent, environ, secrets, problems))
    return settings, problems.rendered()


def load_oauth(path: Path, *, environ: Mapping[str, str], account: str) -> OAuthSettings | None:
    """Give the `oauth` of the account in this table alone, its secrets read; None where it has none.

    For whoever may not read all that the service may. Raises `ConfigError` for what is wrong in it.
    """
    file = printable(str(path))
    raw, lines = _parsed(file, _text(file, path))
    problems = Problems(file, raw, lines)
    table = _tables(raw, "account", problems)[account]
    reading = Reading(path.absolute().parent, environ, True, problems)
    where = ("account", account)
    found = account_oauth(read_table(Account, table, where, problems), table, where, reading)
    if wrong := problems.rendered():
        raise ConfigError(wrong)
    return found


def load_keys(path: Path, *, environ: Mapping[str, str]) -> tuple[Secret, ...]:
    """Give the keys of `[server] token_key_…` alone, whatever else the configuration says; empty where it names none.

    Raises `ConfigError` for what is wrong in `[server]`.
    """
    file = printable(str(path))
    raw, lines = _parsed(file, _text(file, path))
    problems = Problems(file, raw, lines)
    server = read_table(Server, raw.get("server", {}), ("server",), problems)
    keys = token_keys(server, ("server",), Reading(path.absolute().parent, environ, True, problems))
    if found := problems.rendered():
        raise ConfigError(found)
    return keys


def _text(file: str, path: Path) -> str:
    octets = b""
    try:
        with path.open("rb") as opened:
            octets = opened.read(LARGEST + 1)
        wrong = f"is larger than {LARGEST} octets: this is no configuration" if len(octets) > LARGEST else ""
    except OSError as failure:
        wrong = f"the configuration cannot be read: {failure.strerror}"
    if wrong:
        raise ConfigError([f"{file}: {wrong}"])
    try:
        return octets.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as failure:
        line = octets.count(b"\n", 0, failure.start) + 1
    raise ConfigError([f"{file}:{line}: is not UTF-8"])


def _parsed(file: str, text: str) -> tuple[dict[str, object], dict[KeyPath, int]]:
    if dotted_line := _first(text, lambda line: line.count(".") > MOST_DOTS):
        raise ConfigError([f"{file}:{dotted_line}: has more than {MOST_DOTS} dots: write it in several lines"])
    try:
        return tomllib.loads(text), find_lines(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as failure:
        found = _PLACE.search(str(failure))
        line = found[1] if found and found[1] else text.rstrip("\n").count("\n") + 1
        wrong = _told(_PLACE.sub("", str(failure)))
    except RecursionError:
        lines = text.split("\n")
        line = 1 + max(range(len(lines)), key=lambda at: lines[at].count("[") + lines[at].count("{"))
        wrong = "has something nested too deeply"
    except ValueError:  # what int() says of thousands of digits
        line, wrong = _first(text, _LONG_NUMBER.search) or 1, "has a number that is too long"
    except TooDeep as failure:
        line, wrong = failure.line, "has a key of too many parts"
    raise ConfigError([f"{file}:{line}: {wrong}"])


def _first(text: str, found: Callable[[str], object]) -> int:
    """Give the number of the first line that something is found in, or 0."""
    return next((number for number, line in enumerate(text.split("\n"), 1) if found(line)), 0)


def _told(wrong: str) -> str:
    hint = next((hint for beginning, hint in _HINTS.items() if wrong.startswith(beginning)), "")
    return printable(wrong) + hint


def _settings(raw: dict[str, object], reading: Reading) -> Settings:
    problems = reading.problems
    for section, given in raw.items():
        if problems.enough:
            break
        if section not in SECTIONS:
            kind = "table" if isinstance(given, (dict, list)) else "key outside of any table"
            problems.add((section,), f"unknown {kind}{suggestion(section, SECTIONS)}")
    accounts = _tables(raw, "account", problems)
    devices = _tables(raw, "device", problems)
    table = read_table(Server, raw.get("server", {}), ("server",), problems)
    server = server_settings(table, reading)
    by_name = account_settings(_read_all(Account, accounts, "account", problems), accounts, reading)
    _check_token_key(by_name, table, problems)
    read = _read_all(Device, devices, "device", problems)
    by_device = device_settings(read, devices, by_name, server.token_keys, reading)
    domains = _tables(raw, "passthrough", problems)
    passed = passthrough_settings(domains, by_device, table, reading)
    if not devices and not passed and not problems.spoiled(("device",)):
        problems.add(("device",), "there is none: write a [device.NAME] table, or nobody can log in")
    listeners = listener_settings(_listeners(raw, problems), reading)
    check_logins(by_device, listeners, reading)
    check_passing({name: passed[name.lower()].device for name in domains}, listeners, reading)
    return Settings(
        server=server,
        listeners=listeners,
        accounts={account.id: account for account in by_name.values()},
        devices={device.id: device for device in by_device.values()},
        passthrough=passed,
    )


def _check_token_key(accounts: Mapping[str, AccountSettings], server: Server, problems: Problems) -> None:
    """Tokens that somebody signed in for are kept, and never in clear."""
    if any(getattr(server, way) for way in WAYS):
        return
    for name, account in accounts.items():
        if account.oauth is not None and not account.oauth.unattended:
            path = ("account", name, "oauth")
            problems.add(path, f"keeps tokens sealed: give the key for that in [server], as {listed(WAYS)}")


def _tables(raw: dict[str, object], section: str, problems: Problems) -> dict[str, dict[str, object]]:
    """Give the named tables of a section; what is not one is noted and left out."""
    found = raw.get(section, {})
    if not isinstance(found, dict):
        problems.add((section,), f"must have a name: write [{section}.NAME]")
        return {}
    tables = {}
    for name, table in found.items():
        if isinstance(table, dict):
            tables[name] = table
        else:
            problems.add((section, name), f"must be a table: write [{dotted((section, 'NAME'))}] and keys below it")
    return tables


def _read_all(
    model: type[AnyTable], tables: dict[str, dict[str, object]], section: str, problems: Problems
) -> dict[str, AnyTable]:
    return {name: read_table(model, table, (section, name), problems) for name, table in tables.items()}


def _listeners(raw: dict[str, object], problems: Problems) -> list[Listener]:
    found = raw.get("listener", [])
    if not isinstance(found, list):
        problems.add(("listener",), "must be an array of tables: write [[listener]], in double brackets")
        return []
    return [read_table(Listener, table, ("listener", at), problems) for at, table in enumerate(found, 1)]
