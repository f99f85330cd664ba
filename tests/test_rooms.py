"""The house rules hold: which room may import which, what is in one place only, how long things are."""

import re
import statistics
from collections.abc import Callable, Iterator

import pytest

from tests.support import room_rules
from tests.support.room_rules import EXCEPTIONS, MAY_IMPORT, RULES, Source, parse, sources

Rule = Callable[[Source], Iterator[str]]

HOUSE = sources()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_the_rule(rule: Rule) -> None:
    assert [finding for source in HOUSE for finding in rule(source)] == []


PLANTED = [
    (room_rules.unknown_rooms, "attic/a.py", ""),
    (room_rules.room_imports, "pop3/a.py", "from bridge.net import Stream"),
    (room_rules.room_imports, "pop3/a.py", "import bridge.store.store"),
    (room_rules.room_imports, "session/a.py", "from bridge import store"),
    (room_rules.room_imports, "net/a.py", "from . import tls"),
    (room_rules.pure_imports, "imap/a.py", "import trio"),
    (room_rules.pure_imports, "maildrop/a.py", "from time import monotonic"),
    (room_rules.pure_imports, "model/a.py", "from datetime import datetime\nx = datetime.now()"),
    (room_rules.pure_imports, "octets.py", "print(1)"),
    (room_rules.pure_imports, "sasl/a.py", "async def f(): pass"),
    (room_rules.modules_in_place, "index/a.py", "import sqlite3"),
    (room_rules.modules_in_place, "session/a.py", "import ssl"),
    (room_rules.modules_in_place, "upstream/a.py", "import trio\ntrio.open_tcp_stream"),
    (room_rules.modules_in_place, "store/a.py", "import pickle"),
    (room_rules.environment, "serve/a.py", "import os\nos.environ['X']"),
    (room_rules.environment, "serve/a.py", "from os import getenv"),
    (room_rules.pop3_replies, "session/a.py", "x = '-ERR no'"),
    (room_rules.pop3_replies, "serve/a.py", "x = b'+OK'"),
    (room_rules.pop3_replies, "session/a.py", "x = 'SYS/TEMP'"),
    (room_rules.broad_excepts, "index/a.py", "try: pass\nexcept Exception: pass"),
    (room_rules.broad_excepts, "index/a.py", "try: pass\nexcept (OSError, BaseException): pass"),
    (room_rules.broad_excepts, "index/a.py", "try: pass\nexcept: pass"),
    (room_rules.dangerous_calls, "config/a.py", "eval('1')"),
    (room_rules.dangerous_calls, "config/a.py", "import subprocess\nsubprocess.run('x', shell=True)"),
    (room_rules.idle_async, "net/a.py", "async def f(): return 1"),
    (room_rules.long_files, "net/a.py", "\n" * 501),
]


@pytest.mark.parametrize(("rule", "path", "text"), PLANTED)
def test_each_rule_finds_what_it_is_for(rule: Rule, path: str, text: str) -> None:
    assert list(rule(parse(path, text)))


ALLOWED = [
    ("model/a.py", "def f():\n    '''Say +OK.'''"),
    ("net/a.py", "import ssl\nimport trio\ntrio.SSLStream"),
    ("net/a.py", "class P:\n    async def f(self):\n        '''Wait.'''\n        ..."),
    ("cli/a.py", "import os\nos.environ\ntry: pass\nexcept Exception: pass"),
    ("serve/a.py", "import bridge.store\nfrom bridge.pop3 import State"),
]


@pytest.mark.parametrize(("path", "text"), ALLOWED)
def test_what_is_allowed_is_not_found(path: str, text: str) -> None:
    assert [finding for rule in RULES for finding in rule(parse(path, text))] == []


def test_every_rule_has_a_planted_fault() -> None:
    assert {rule for rule, _, _ in PLANTED} == set(RULES)


def test_every_exception_is_still_needed() -> None:
    known = {source.path for source in HOUSE}
    assert {path for path, _ in EXCEPTIONS} <= known


def test_every_room_of_the_house_has_its_row() -> None:
    assert {source.room for source in HOUSE} - {"__init__"} <= set(MAY_IMPORT)


def test_files_and_functions_are_small() -> None:
    files = [lines for source in HOUSE if (lines := source.text.count("\n")) > 3]
    functions = sorted(length for source in HOUSE for length in room_rules.function_lengths(source))
    assert statistics.median(files) < 160
    assert statistics.median(functions) < 10
    assert functions[len(functions) * 9 // 10] < 35


def test_no_possessive_quantifiers() -> None:
    """Python 3.11.2, Debian 12's, finds wrong matches with them; unrolled loops are as quick everywhere."""
    possessive = re.compile(r"""(?<!\\)[*+?}]\+|\(\?>""")
    texts = {
        source.path: re.findall(r"re\.compile\((.*?)\)$", source.text, re.MULTILINE | re.DOTALL) for source in HOUSE
    }
    assert [path for path, found in texts.items() if any(possessive.search(text) for text in found)] == []
