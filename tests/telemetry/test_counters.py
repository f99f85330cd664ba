"""Counters have one table of names, and everyone keeps to it."""

import ast
from pathlib import Path

import pytest

import bridge
from bridge.telemetry import count, counters
from bridge.telemetry.counters import HELP


def test_counting_adds_up() -> None:
    before = counters()["retr"]
    count("retr")
    count("retr", 4)
    assert counters()["retr"] == before + 5


def test_what_was_given_does_not_change_afterwards() -> None:
    seen = counters()
    count("top")
    assert counters()["top"] == seen["top"] + 1


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(KeyError):
        count("retrs")


def test_every_name_counted_in_the_code_is_in_the_table() -> None:
    counted = {
        node.args[0].value
        for file in Path(bridge.__path__[0]).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "count"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert "retr" in counted
    assert counted <= set(HELP)
