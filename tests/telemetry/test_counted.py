"""Every counter that `status` shows is counted somewhere, and nothing else is."""

import re
from pathlib import Path

import bridge
from bridge.telemetry.counters import HELP

ROOT = Path(bridge.__file__).parent


def test_every_counter_is_counted() -> None:
    texts = [path.read_text() for path in ROOT.rglob("*.py")]
    assert {name for text in texts for name in re.findall(r'\bcount\("(\w+)"', text)} == set(HELP)
