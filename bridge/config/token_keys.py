"""`[server] token_key_…`: the keys that seal secrets in the database, the newest first."""

from typing import Protocol

from bridge.config import values
from bridge.config.files import read_bounded
from bridge.config.problems import KeyPath
from bridge.config.reading import Reading
from bridge.config.secret_keys import LONGEST, credential, from_variable
from bridge.model.secret import Secret
from bridge.sealing import key_octets

WAYS = ("token_key_credential", "token_key_file", "token_key_env")

MOST = 16
"""Keys at once: a rotation needs two."""


class HasTokenKey(Protocol):
    """A table with the three keys."""

    @property
    def token_key_credential(self) -> str: ...
    @property
    def token_key_file(self) -> str: ...
    @property
    def token_key_env(self) -> str: ...


def token_keys(table: HasTokenKey, path: KeyPath, reading: Reading) -> tuple[Secret, ...]:
    """Give the keys, one a line where they are kept; noting when they are given in two ways or are none. Empty where
    the configuration names none.
    """
    given = [way for way in WAYS if getattr(table, way)]
    for way in given[1:]:
        reading.problems.add((*path, way), f"is one too many: '{given[0]}' is given already")
    if not given or not reading.secrets:
        return ()
    try:
        return _keys(_octets(table, given[0], reading))
    except (values.Wrong, ValueError) as wrong:
        reading.problems.add((*path, given[0]), str(wrong))
        return ()


def _octets(table: HasTokenKey, way: str, reading: Reading) -> bytes:
    match way:
        case "token_key_file":
            return read_bounded(reading.path(table.token_key_file), LONGEST)
        case "token_key_env":
            return from_variable(table.token_key_env, reading.environ)
        case _:
            return read_bounded(credential(table.token_key_credential, reading.environ), LONGEST)


def _keys(octets: bytes) -> tuple[Secret, ...]:
    lines = [line.strip() for line in octets.decode("ascii", "replace").splitlines()]
    keys = tuple(Secret(line) for line in lines if line)
    if not 1 <= len(keys) <= MOST:
        raise values.Wrong(f"must give one key a line, and from 1 to {MOST} of them: {len(keys)} are there")
    for number, key in enumerate(keys, 1):
        try:
            key_octets(key)
        except ValueError as wrong:
            raise values.Wrong(f"the key it gives{f' as number {number}' if len(keys) > 1 else ''} {wrong}") from None
    return keys
