"""Whatever is written in whatever key, what is told is sentences, and never a secret."""

import re
import tempfile
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as effort
from hypothesis import strategies as st

from bridge.config.account import Account
from bridge.config.device import Device
from bridge.config.listener import Listener
from bridge.config.passthrough import KEYS as PASSED
from bridge.config.server import Server
from bridge.config.tables import Table
from tests.config.examples import basic, problems, whole

TABLES: dict[str, type[Table]] = {
    "[server]": Server,
    "[[listener]]": Listener,
    "[account.other]": Account,
    "[device.other]": Device,
}
KEYS = [(header, key) for header, model in TABLES.items() for key in model.model_fields]
KEYS += [('[passthrough."example.net"]', key) for key in PASSED]

SECRET = "hunter2"
"""Mixed into the values, but not as the name of a file, which is told, nor of an account in sources."""
TOLD = {"password_file", "ca_file", "certificate", "key", "sources", "control"}

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(
        ["", "all", "1h", "4MB", "INBOX", "family", "family/x", "[::]:1", "10.0.0.0/8", "\\Junk", "true", "-"]
    ),
)
scalars = st.one_of(
    texts,
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.sampled_from([0, 1, 10**400]),
    st.floats(),
    st.datetimes(),
    st.dates(),
    st.times(),
    st.just(SECRET),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=2))


def toml(value: Any) -> str:
    """Write any value that TOML has."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{basic(key)} = {toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, float) and not isinstance(value, bool):
        return repr(value) if value == value and abs(value) != float("inf") else "nan" if value != value else "inf"
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return basic(value)


def holds(value: Any, wanted: str) -> bool:
    """Tell whether a text is anywhere in a value."""
    if isinstance(value, dict):
        return any(wanted in key or holds(one, wanted) for key, one in value.items())
    return any(holds(one, wanted) for one in value) if isinstance(value, list) else value == wanted


LINE = re.compile(r"[0-9]+: [^\n]+\Z")


def tell(text: str) -> list[str]:
    """Give what is wrong with a text; commands among it must not run, so they are not given."""
    with tempfile.TemporaryDirectory() as directory:
        return problems(Path(directory), text)


@pytest.mark.usefixtures("secrets_by_chance")  # the secret is written as a file's name as well, which is told
@effort(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([key for key in KEYS if key[1] != "password_command"]), values)
def test_any_value_in_any_key(place: tuple[str, str], value: Any) -> None:
    header, key = place
    told = tell(
        f"{whole()}\n{header}\n{key} = {toml(value)}\n" if header != "[server]" else whole(f"{key} = {toml(value)}")
    )
    assert all(LINE.match(line) and line.isprintable() for line in told)
    if key not in TOLD and not (isinstance(value, dict) and holds(value, SECRET)):
        assert not any(SECRET in line for line in told)


@effort(max_examples=100, deadline=None)
@given(st.lists(st.tuples(texts, values), max_size=3, unique_by=lambda pair: pair[0]))
def test_any_key_anywhere(pairs: list[tuple[str, Any]]) -> None:
    keys = "".join(f"{basic(key)} = {toml(value)}\n" for key, value in pairs)
    for text in (keys, f"[server]\n{keys}", f"[[listener]]\n{keys}", f"[account]\n{keys}", f"[device]\n{keys}"):
        told = tell(text)
        assert told
        assert all(LINE.match(line) and line.isprintable() for line in told)
