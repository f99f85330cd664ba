"""Every command that goes upstream, with something injected into each of its arguments in turn."""

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bridge.imap import UidSet, UnsendableArgument, commands
from bridge.imap.encode import LiteralMode, segments
from bridge.model.names import Uid
from bridge.model.secret import Secret
from tests.fuzz.texts import without_literals

INJECTED = (
    *("x\r\nA9 DELETE INBOX", "x\nA9 DELETE INBOX", "x\rA9 DELETE INBOX", 'x" DELETE "y', "x DELETE"),
    *("x\0y", "x\r\n", "x\n", "{9}\r\nx"),
)

QUOTED = re.compile(rb'"(?:[^"\\]|\\.)*"')

TEXTS: Mapping[str, Callable[[str], Any]] = {
    **dict.fromkeys(("user", "mailbox", "mechanism", "name", "pattern", "section", "version"), str),
    "password": Secret,
    "initial": str.encode,
    **dict.fromkeys(("fields", "flags", "items", "mailboxes", "names"), lambda text: [text]),
    "criteria": lambda text: ["HEADER", b"Message-ID", text.encode()],
}
"""How a text is given to an argument, by the argument's name."""

UIDS = UidSet.from_uids([Uid(1)])
OTHERS: Mapping[str, Any] = {
    "uids": UIDS,
    "known": UIDS,
    "numbers": UIDS,
    "first_uid": 1,
    "last_uid": 9,
    "sign": "+",
    "esearch": True,
    "since": None,
    **{name: ["X"] for name in ("fields", "flags", "items", "mailboxes", "names")},
    **dict.fromkeys(("user", "mailbox", "mechanism", "name", "version"), "X"),
    "password": Secret("X"),
    "criteria": ["ALL"],
}
"""What the arguments beside it are given, where they need something."""

COMMANDS = {
    name: command
    for name, command in inspect.getmembers(commands, inspect.isfunction)
    if command.__module__ == commands.__name__ and not name.startswith("_")
}


def _texts(command: Callable[..., Any]) -> list[str]:
    """Give the arguments of a command that hold a text."""
    numbers = {"uids", "known", "numbers", "since", "sign", "offset", "length", "first_uid", "last_uid"}
    flags = {"condstore", "emailid", "esearch", "gmail", "silent", "special_use"}
    return [name for name in inspect.signature(command).parameters if name not in numbers | flags]


def _given(command: Callable[..., commands.Command], name: str, value: object) -> commands.Command:
    needed = [each.name for each in inspect.signature(command).parameters.values() if each.default is each.empty]
    return command(**{**{each: OTHERS[each] for each in needed}, name: value})


@pytest.mark.parametrize("injected", INJECTED)
@pytest.mark.parametrize("name", [name for name, command in COMMANDS.items() if _texts(command)])
def test_nothing_in_an_argument_of_a_command_upstream_ends_its_line(name: str, injected: str) -> None:
    for text in _texts(COMMANDS[name]):
        try:
            command = _given(COMMANDS[name], text, TEXTS[text](injected))
        except UnsendableArgument:
            continue
        _check(command)


@pytest.mark.parametrize("injected", INJECTED)
def test_a_search_key_is_no_command(injected: str) -> None:
    with pytest.raises(UnsendableArgument):
        commands.search([injected])


def _check(command: commands.Command) -> None:
    modes: tuple[LiteralMode, ...] = ("", "LITERAL-", "LITERAL+")
    for mode in modes:
        for utf8 in (False, True):
            sent = b"".join(segments(command.parts, mode, utf8=utf8))
            outside = without_literals(sent)
            assert b"\r" not in outside
            assert b"\n" not in outside
            assert b"\0" not in sent
            assert b"DELETE" not in QUOTED.sub(b"", outside)
