"""What `popbridge login` says, and how it decides where the browser's answer comes."""

import os

import pytest
import trio

from bridge.cli.login import _another, _lines, _Terminal, _way
from bridge.model.names import AccountId
from bridge.model.secret import Secret
from bridge.model.settings import AccountSettings
from bridge.oauth import DeviceCode

FAMILY = AccountSettings(AccountId("family"), "family", "imap.example.org", 993, "implicit", "anna", Secret(""))
FOUND = {
    "account": "family",
    "user": "anna@example.org",
    "signed_in_as": ["anna@example.org"],
    "another": False,
    "renewable": True,
    "kept": True,
    "running": True,
    "mailbox": {"ok": True, "note": "account family: imap.example.org opened INBOX (3 messages)"},
}


@pytest.mark.parametrize(
    ("chosen", "terminal", "ssh", "way"),
    [
        (None, True, "", "loopback"),
        (None, True, "192.0.2.1 5 192.0.2.2 22", "paste"),
        (None, False, "", "paste"),
        ("paste", True, "", "paste"),
        ("loopback", False, "192.0.2.1 5 192.0.2.2 22", "loopback"),
    ],
)
def test_where_the_answer_comes(
    chosen: str | None, terminal: bool, ssh: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: terminal, raising=False)
    monkeypatch.setenv("SSH_CONNECTION", ssh)
    assert _way(chosen) == way


@pytest.mark.parametrize(
    ("user", "names", "another"),
    [
        ("anna@example.org", (), False),
        ("anna@example.org", ("Anna@Example.org",), False),
        ("anna@example.org", ("Anna", "anna@example.org"), False),
        ("anna@example.org", ("boss@example.org",), True),
        ("anna", ("anna@icloud.com",), False),
        ("anna", ("boss@icloud.com",), True),
    ],
)
def test_whether_somebody_else_signed_in(user: str, names: tuple[str, ...], another: bool) -> None:
    assert _another(user, names) is another


def test_what_came_of_it() -> None:
    assert list(_lines(FOUND)) == [
        "account family: signed in as anna@example.org",
        "  the tokens are kept, encrypted, and used from now on",
        "  account family: imap.example.org opened INBOX (3 messages)",
    ]


def test_what_is_wrong_stands_out() -> None:
    mailbox = {"ok": False, "note": "account family: the IMAP server does not take the new token"}
    wrong = {**FOUND, "signed_in_as": ["boss\x1b[2J@example.org"], "another": True, "renewable": False}
    assert list(_lines({**wrong, "running": False, "mailbox": mailbox})) == [
        "account family: signed in as boss\\u001b[2J@example.org",
        "  ! the account's user is anna@example.org: was that the right one?",
        "  ! the server gave nothing to renew the token with: it will have to be signed in again. Check scope",
        "  the tokens are kept, encrypted",
        "  ! account family: the IMAP server does not take the new token",
    ]


def test_what_is_to_be_done(capsys: pytest.CaptureFixture[str]) -> None:
    code = DeviceCode("ABCD-EFGH", "https://x.example/d", "https://x.example/d?c=1", 900.0, 5.0, Secret("dc-hunter2"))
    _Terminal(FAMILY).use_code(code)
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "To sign in anna, open this page in a browser, on any machine:",
        "",
        "    https://x.example/d",
        "",
        "and type this code there:  ABCD-EFGH",
        "",
        "Or open this one, which has the code in it:",
        "",
        "    https://x.example/d?c=1",
        "",
        "Waiting for that, 15 minutes at most. Ctrl-C ends it.",
    ]


async def test_nobody_waits_for_a_paste_any_longer_than_is_wanted() -> None:
    """A read from a terminal cannot be called off: it is left alone."""

    read, write = os.pipe()
    try:
        with pytest.MonkeyPatch.context() as patched, os.fdopen(read) as silent:
            patched.setattr("sys.stdin", silent)
            with trio.move_on_after(0.05) as waiting:
                await _Terminal(FAMILY).paste()
            os.write(write, b"\n")
    finally:
        os.close(write)
    assert waiting.cancelled_caught
