"""Writing configs for tests as an admin would write them: in TOML."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.certificates import Certificate
from tests.support.dovecot import Dovecot
from tests.support.imap_reference import ReferenceUpstream

Value = str | int | float | bool | Sequence["Value"] | Mapping[str, "Value"]
Table = Mapping[str, Value]


def _value(value: Value) -> str:
    if isinstance(value, bool | int | float | str):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(each)}" for key, each in value.items()) + " }"
    return "[" + ", ".join(_value(each) for each in value) + "]"


def _table(header: str, table: Table) -> str:
    return "\n".join([header, *(f"{key} = {_value(value)}" for key, value in table.items())]) + "\n"


def config_text(
    server: Table, listeners: Sequence[Table], accounts: Mapping[str, Table], devices: Mapping[str, Table]
) -> str:
    """Give the TOML of a whole config."""
    parts = [_table("[server]", server)]
    parts += [_table("[[listener]]", each) for each in listeners]
    parts += [_table(f"[account.{json.dumps(name)}]", each) for name, each in accounts.items()]
    parts += [_table(f"[device.{json.dumps(name)}]", each) for name, each in devices.items()]
    return "\n".join(parts)


def write_config(
    directory: Path,
    accounts: Mapping[str, Table],
    devices: Mapping[str, Table],
    listeners: Sequence[Table] = ({"address": "127.0.0.1:0", "tls": "none"},),
    server: Table | None = None,
) -> Path:
    """Write `popbridge.toml` into `directory`, with state and control socket there too, and give its path."""
    path = directory / "popbridge.toml"
    base: Table = {"state_dir": str(directory / "state"), "control": str(directory / "control.sock")}
    path.write_text(config_text({**base, **(server or {})}, listeners, accounts, devices))
    path.chmod(0o600)
    return path


def three_doors(certificate: Certificate) -> list[Table]:
    """Give listeners on any port: plain, STLS and POP3S."""
    secured = {"certificate": str(certificate.certificate), "key": str(certificate.key)}
    return [
        {"address": "127.0.0.1:0", "tls": "none"},
        {"address": "127.0.0.1:0", "tls": "starttls", **secured},
        {"address": "127.0.0.1:0", "tls": "implicit", **secured},
    ]


def dovecot_account(dovecot: Dovecot, user: str) -> dict[str, Value]:
    """Give an account's table for a Dovecot user, over TLS."""
    return {
        "host": "localhost",
        "port": dovecot.imaps_port,
        "tls": "implicit",
        "ca_file": str(dovecot.ca_file),
        "user": user,
        "password": dovecot.users[user],
    }


def plain_account(upstream: ReferenceUpstream, user: str) -> dict[str, Value]:
    """Give an account's table for an upstream on loopback without TLS."""
    return {
        "host": upstream.host,
        "port": upstream.imap_port,
        "tls": "none",
        "user": user,
        "password": upstream.users[user],
    }
