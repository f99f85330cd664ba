"""The tables of accounts and devices."""

from typing import Any

import pytest

from bridge.cli import accounts, devices
from bridge.cli.tables import moment

ACCOUNT: dict[str, Any] = {
    "name": "family",
    "state": "online",
    "note": "",
    "spooled": {"messages": 3, "octets": 45_000},
    "quota": {"used": 950_000_000, "limit": 1_000_000_000},
    "day": {"octets": 600_000_000, "connections": 7, "budget": 2_500_000_000, "background": True},
    "suspicions": [{"mailbox": "Junk", "missing": 40}],
    "mailboxes": [
        {"name": "INBOX", "watched": "IDLE", "listed": True, "messages": 3, "unmeasured": 1},
        {"name": "Junk", "watched": "every 60 s", "listed": True, "messages": 90, "unmeasured": 0},
        {"name": "Old", "listed": False, "messages": 0, "unmeasured": 0},
    ],
}


HEAD = (
    "account  state   quota             spooled              within a day                     mailbox  watched     "
    "messages        unmeasured  note"
)


def test_a_line_for_each_mailbox() -> None:
    account = "family   online  950 MB of 1.0 GB  3 messages, 45.0 KB  600 MB of 2.5 GB, 7 connections  "
    assert accounts.lines([ACCOUNT]) == [
        HEAD,
        f"{account}INBOX    IDLE        3                        1  -",
        f"{account}Junk     every 60 s  90                       0  40 missing",
        f"{account}Old      -           not listed yet           0  -",
    ]


def test_an_account_of_which_little_is_known() -> None:
    bare: dict[str, Any] = {"name": "work", "state": None, "note": "it is down", "mailboxes": []}
    assert accounts.lines([bare])[1].split() == ["work", *"--------", "it", "is", "down"]


def test_when_an_account_that_is_down_is_tried_again() -> None:
    down: dict[str, Any] = {**ACCOUNT, "note": "it is down", "next_try": 1_790_000_000.0, "mailboxes": []}
    assert accounts.lines([down])[1].endswith(f"it is down; tried again {moment(1_790_000_000)}")


@pytest.mark.parametrize(
    "why", [{"refused": {"retried_at": 1_790_009_000.0}}, {"paused": {"until": 1_790_009_000.0, "why": "it says so"}}]
)
def test_what_waits_for_longer_is_said_alone(why: dict[str, Any]) -> None:
    """The account is looked at before, and its server not asked."""
    down: dict[str, Any] = {**ACCOUNT, "note": "", "next_try": 1_790_000_000.0, "mailboxes": [], **why}
    line = accounts.lines([down])[1]
    assert moment(1_790_009_000) in line
    assert moment(1_790_000_000) not in line


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        (
            {"paused": {"until": 1_790_000_000.0, "why": "Request is throttled"}},
            f"left alone until {moment(1_790_000_000)}: Request is throttled",
        ),
        (
            {"fewer": {"connections": 1, "until": 1_790_000_000.0}},
            f"at most 1 connection until {moment(1_790_000_000)}",
        ),
        ({"refused": {"retried_at": 1_790_000_000.0}}, f"tried again {moment(1_790_000_000)}"),
        ({"refused": {"retried_at": None}}, "-"),
        ({"day": {"octets": 5000, "connections": 1, "budget": None, "background": True}}, "-"),
    ],
)
def test_how_it_stands_with_its_server(facts: dict[str, Any], words: str) -> None:
    line = accounts.lines([{**ACCOUNT, "mailboxes": [], **facts}])[1]
    assert line.endswith(f"  {words}")
    assert ("5.0 KB, 1 connection  " in line) == (facts.get("day") is not None)


def test_a_line_for_each_device() -> None:
    device = {
        "name": "fax",
        "login": "fax",
        "sources": ["family/INBOX", "family/Junk"],
        "messages": 3,
        "octets": 999,
        "hidden": 4,
        "pending_intents": 5,
        "held": 6,
        "last_session": None,
        "in_session": False,
        "auth": ["plain"],
        "recoverable": False,
        "tls": "TLSv1/AES128-SHA",
    }
    head = "device  login  signs in by  reads                      messages  size        hidden  pending  held"
    row = "fax     fax    plain        family/INBOX, family/Junk         3  999 octets       4        5     6"
    assert devices.lines([device]) == [
        f"{head}  tls               last session",
        f"{row}  TLSv1/AES128-SHA  never",
    ]
    known = devices.lines([{**device, "auth": ["plain", "apop"], "recoverable": True}])[1]
    assert "plain, apop (recoverable password)" in known
