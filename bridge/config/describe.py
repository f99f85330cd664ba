"""The schema describing itself: an example file to start from, and the reference for the documentation."""

import textwrap
from collections.abc import Iterable
from typing import get_args

from pydantic.fields import FieldInfo

from bridge.config.account import Account
from bridge.config.device import Device
from bridge.config.listener import Listener
from bridge.config.oauth import OAuth
from bridge.config.passthrough import OF_ACCOUNT, OF_DEVICE, Passthrough
from bridge.config.server import Server
from bridge.config.tables import NotBuilt, Reads, Table, as_toml, detail, not_built

WIDTH = 100
"""Columns of the example's comments."""

TABLES: tuple[tuple[str, str, type[Table]], ...] = (
    ("[server]", "[server]", Server),
    ("[[listener]]", "[[listener]]", Listener),
    ("[account.NAME]", "[account.family]", Account),
    ("[device.NAME]", "[device.fax]", Device),
)

INNER: tuple[tuple[str, type[Table]], ...] = (("`oauth` of an account", OAuth),)
"""Tables inside others: the example shows them in one line each."""

EXAMPLE_HEAD = """\
# popbridge: /etc/popbridge/popbridge.toml
#
# Lines that begin with "# key = …" show a default or another choice. Relative paths are relative to this
# file; durations are seconds or a number with s, m, h, d or w. `popbridge check` tells every mistake.
"""

REFERENCE_HEAD = """\
# Configuration

One TOML file: `--config FILE`, else `$POPBRIDGE_CONFIG`, else `/etc/popbridge/popbridge.toml`. To start from one, take
what `popbridge config example` prints. `popbridge check` tells every mistake, as `FILE:LINE: table.key: what is wrong`.

- A *path* that is relative is relative to the file. Neither `~` nor `$VAR` is replaced.
- A *duration* is a number of seconds, or text: a number with `s`, `m`, `h`, `d` or `w`, such as `"90d"`.
- A *size* is a number of octets, or text: a number with `KB`, `MB`, `GB` (powers of 1000) or `KiB`, `MiB`, `GiB`.
- A *mailbox* is a name as people write it, or a special use: `"\\\\Junk"`, `"\\\\Sent"`, `"\\\\Archive"` and so on.
- A *network* is written `"192.168.1.0/24"`; an address alone is a network of one.
- Of a secret's file, variable, credential or command output, one newline at the end is cut.
- A key whose feature is not built yet is refused, never ignored, unless its value asks for what happens anyway.

This page is made from the schema; change it there.
"""

PASSTHROUGH = """
Besides, what an account has: {account}.

And what a device has, for all of the domain's devices: {device}.

The other keys of accounts and devices say who signs in and who logs in, and that is the device. With `remember = false`
nothing is done upstream once a session has ended: `on_delete` must be `"hide"`, and `on_retrieve` not `"seen"`. A
device of the configuration with the same login goes first. See [passthrough.md](passthrough.md).
"""

EXAMPLE_PASSTHROUGH = """
## Devices that log in with an upstream's own user names and passwords: any user@example.org. Besides these keys, those
## of accounts and of devices that do not say who signs in.
# [passthrough."example.org"]
# host = "imap.example.org"
"""


def example() -> str:
    """Give a configuration to start from, as TOML with comments."""
    return EXAMPLE_HEAD + "".join(_example_table(header, model) for _, header, model in TABLES) + _passthrough()


def _passthrough() -> str:
    return EXAMPLE_PASSTHROUGH + "".join(_example_key(*key) for key in Passthrough.model_fields.items())


def reference() -> str:
    """Give the page that describes every key, as Markdown."""
    tables = "".join(_reference_table(f"`{header}`", model) for header, _, model in TABLES)
    tables += _reference_table('`[passthrough."DOMAIN"]`', Passthrough)
    tables += PASSTHROUGH.format(account=_keys(OF_ACCOUNT), device=_keys(OF_DEVICE))
    return REFERENCE_HEAD + tables + "".join(_reference_table(header, model) for header, model in INNER)


def _keys(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _example_table(header: str, model: type[Table]) -> str:
    keys = [_example_key(name, field) for name, field in model.model_fields.items() if not _mark(field)]
    return f"\n{header}\n" + "".join(keys)


def _example_key(name: str, field: FieldInfo) -> str:
    active, sample = detail(field, "example"), detail(field, "sample")
    value = next(found for found in (active, sample, field.default) if found is not None)
    line = f"{'' if active is not None else '# '}{name} = {as_toml(value)}"
    told = textwrap.wrap(_plain(field), WIDTH, initial_indent="## ", subsequent_indent="## ", break_on_hyphens=False)
    return "\n".join([*told, line, ""])


def _plain(field: FieldInfo) -> str:
    words = _words(field)
    text = str(field.description) + (f" ({words})" if '"' in words else "")
    return text.replace("`", "")


def _reference_table(header: str, model: type[Table]) -> str:
    rows = "".join(_row(name, field) for name, field in model.model_fields.items())
    about = " ".join((model.__doc__ or "").split())
    return f"\n## {header}\n\n{about}\n\n| key | value | default | what it does |\n|---|---|---|---|\n{rows}"


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", _words(field), _default(field), f"{field.description}{_caveat(_mark(field))}")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _words(field: FieldInfo) -> str:
    """Call the kind of a key's value; of a list's elements, if they have one."""
    kind = next((mark for mark in field.metadata if isinstance(mark, Reads)), None)
    if kind:
        return kind.words
    return f"list of {next(mark for mark in _of_elements(field) if isinstance(mark, Reads)).words}"


def _of_elements(field: FieldInfo) -> tuple[object, ...]:
    """Give what a list says of its elements."""
    elements = (*get_args(field.annotation), None)[0]
    return getattr(elements, "__metadata__", ())


def _mark(field: FieldInfo) -> NotBuilt | None:
    inner = (mark for mark in _of_elements(field) if isinstance(mark, NotBuilt))
    return not_built(field) or next(inner, None)


def _default(field: FieldInfo) -> str:
    shown = detail(field, "shown")
    if shown:
        return str(shown)
    mark = not_built(field)
    return "none" if field.default in ("", None) or (mark and not mark.only) else f"`{as_toml(field.default)}`"


def _caveat(mark: NotBuilt | None) -> str:
    if mark is None:
        return ""
    only = ", ".join(f"`{as_toml(one)}`" for one in mark.only)
    return f". **Not supported by this version**{f', except {only}' if only else ''}"
