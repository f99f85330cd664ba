"""The scan for places agrees with what the TOML reader found."""

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bridge.config.lines import find_lines
from bridge.config.problems import KeyPath
from tests.config.examples import basic

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x7f"), max_size=8)
scalars = texts | st.integers(-(10**6), 10**6) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3))


def inline(value: Any, gap: str) -> str:
    """Write a value, with a gap wherever TOML lets lists have one."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{basic(key)} = {inline(one, gap)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + "".join(f"{gap}{inline(one, gap)}{gap}," for one in value) + gap + "]"
    if isinstance(value, str) and "\r" not in value and not any(ord(char) < 32 for char in value) and "'" not in value:
        return f"'''{value}'''"
    return basic(value)


def paths(value: Any, at: KeyPath = ()) -> set[KeyPath]:
    """Give every path in a parsed document."""
    inner: list[tuple[KeyPath, Any]] = []
    if isinstance(value, dict):
        inner = [((*at, key), one) for key, one in value.items()]
    elif isinstance(value, list):
        inner = [((*at, position), one) for position, one in enumerate(value, 1)]
    return {path for path, _ in inner}.union(*(paths(one, path) for path, one in inner))


@given(
    st.dictionaries(texts, st.dictionaries(texts, values, max_size=3), max_size=3),
    st.lists(st.dictionaries(texts, values, max_size=2), max_size=3),
    st.sampled_from(["", " ", "\n", " # ]}\"'''\n"]),
)
def test_every_path_has_a_line_in_order(tables: dict[str, Any], array: list[Any], gap: str) -> None:
    tables.pop("array", None)
    blocks = [(f"[{basic(name)}]", table) for name, table in tables.items()]
    blocks += [("[[array]]", element) for element in array]
    text = "".join(
        f"{header}\n" + "".join(f"{basic(key)} = {inline(value, gap)}\n" for key, value in table.items())
        for header, table in blocks
    )
    document = tomllib.loads(text)
    found = find_lines(text)
    assert set(found) == paths(document)
    starts = [line for line, written in enumerate(text.split("\n"), 1) if written.startswith("[")]
    assert all(1 <= line <= text.count("\n") for line in found.values())
    if gap != "\n" and "\n" not in gap:
        headers = {found[(name,)] for name in tables} | {found[("array", at)] for at in range(1, len(array) + 1)}
        assert headers == set(starts)


def test_tables_below_an_array_of_tables_belong_to_its_last_element() -> None:
    text = "[[a]]\nx = 1\n[a.b]\ny = 1\n[[a]]\n[a.b]\ny = 2\n[[a.c]]\n[[a.c]]\nz.w = 3\n"
    found = find_lines(text)
    assert set(found) == paths(tomllib.loads(text))
    assert [found[path] for path in [("a", 1), ("a", 1, "b", "y"), ("a", 2), ("a", 2, "b", "y")]] == [1, 4, 5, 7]
    assert [found[path] for path in [("a", 2, "c", 1), ("a", 2, "c", 2, "z", "w")]] == [8, 10]


def test_texts_of_many_lines_are_stepped_over() -> None:
    text = 'a = """\n[x]\n\\""" ""\n"""""\nb = \'\'\'\n[y]\n\'\'\'\'\'\nc = "\\""\nd = 1979-05-27 07:32:00\ne = 1\n'
    assert find_lines(text) == {("a",): 1, ("b",): 5, ("c",): 8, ("d",): 9, ("e",): 10}
    assert set(tomllib.loads(text)) == set("abcde")
