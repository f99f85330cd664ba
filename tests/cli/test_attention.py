"""What `status` says in sentences."""

from typing import Any, NamedTuple

import pytest

from bridge.cli.attention import attention
from bridge.cli.status import lines
from bridge.cli.tables import moment

SUSPICION = {"mailbox": "INBOX", "since": 0.0, "missing": 40, "known": 90, "accepted": False, "believed_at": 3600.0}


def account(**facts: Any) -> dict[str, Any]:
    quiet: dict[str, Any] = {
        "state": "online",
        "note": "",
        "mailboxes": [],
        "suspicions": [],
        "quota": None,
        "only_hiding": [],
    }
    return {"name": "family", **quiet, **facts}


def device(**facts: Any) -> dict[str, Any]:
    quiet: dict[str, Any] = {
        "login": "fax",
        "sources": ["family/INBOX"],
        "messages": 3,
        "octets": 100,
        "hidden": 0,
        "pending_intents": 0,
        "last_session": {"ended": 0.0, "retr": 1, "dele": 1, "reason": "quit"},
        "in_session": False,
        "held": 0,
        "voting": 0,
        "returning": 0,
        "holds_back": {"messages": 0, "since": None, "devices": []},
        "never_shown": [],
    }
    return {"name": "fax", **quiet, **facts}


def overview(**facts: Any) -> dict[str, Any]:
    remembered: dict[str, Any] = {"accounts": [], "devices": []}
    quiet = {"restored": False, "accounts": [account()], "devices": [device()], "remembered": remembered}
    head = {"running": True, "since": 0.0, "sessions": 0, "unmeasured": 0, "listeners": [], "counters": {}}
    return {**head, **quiet, **facts}


def test_nothing_is_said_when_nothing_waits() -> None:
    assert attention(overview()) == []


class Said(NamedTuple):
    """What is so, and the sentence about it."""

    facts: dict[str, Any]
    sentence: str


SAID = {
    "a sign-in by token that is over": Said(
        {
            "accounts": [
                account(
                    state="needs sign-in",
                    token={"sign_in_needed": True, "problem": "account family: sign in with `popbridge login family`"},
                    note="account family: sign in with `popbridge login family`; it is down",
                )
            ]
        },
        "account family: sign in with `popbridge login family`",
    ),
    "a token that the mail server does not take": Said(
        {
            "accounts": [
                account(
                    state="needs sign-in",
                    token={"sign_in_needed": False, "problem": ""},
                    note="account family: the server does not take the token",
                )
            ]
        },
        "account family: the server does not take the token",
    ),
    "a password that was refused": Said(
        {"accounts": [account(refused={"retried_at": None}, note="account family: no")]},
        "account family: its server does not take its user and password, and they are not tried again before they"
        " change in the configuration, or `popbridge account retry family` says so: account family: no",
    ),
    "a day's budget that nears its end": Said(
        {"accounts": [account(day={"octets": 2 * 10**9, "connections": 1, "budget": 25 * 10**8, "background": False})]},
        "account family: 2.0 GB of the 2.5 GB that its provider lets be fetched within a day are: what no device waits"
        " for is not fetched meanwhile",
    ),
    "a restored backup": Said(
        {"restored": True},
        "this database was put back from a backup: nothing is done upstream until `popbridge resume`; look first what"
        " is pending",
    ),
    "a spool whose disk is full": Said(
        {"spool_problem": "/state/spool: its disk is nearly full: make room"},
        "no more messages are kept on disk, and devices get them from their server: /state/spool: its disk is nearly"
        " full: make room",
    ),
    "messages that went at once": Said(
        {"accounts": [account(suspicions=[SUSPICION])]},
        f"account family: 40 of 90 messages of INBOX are missing since {moment(0.0)}, and still listed: believed to be"
        f" gone at {moment(3600.0)}, or now by `popbridge account accept family`",
    ),
    "the same, accepted": Said(
        {"accounts": [account(suspicions=[{**SUSPICION, "accepted": True, "believed_at": None}])]},
        f"account family: 40 of 90 messages of INBOX are missing since {moment(0.0)}; that they are gone is believed at"
        " the next look",
    ),
    "a full account whose devices only hide": Said(
        {"accounts": [account(quota={"used": 95, "limit": 100}, only_hiding=["fax", "den"])]},
        "account family: 95% of its quota is used, and nothing that fax, den deletes is ever removed there"
        " (`on_delete`)",
    ),
    "a source that was never shown": Said(
        {"devices": [device(never_shown=[{"source": "family/\\Junk", "listed": False}])]},
        "device fax: it was never shown family/\\Junk, which is not listed yet",
    ),
    "a source that is listed since its last login": Said(
        {"devices": [device(never_shown=[{"source": "family/\\Junk", "listed": True}])]},
        "device fax: it was not shown family/\\Junk yet: its next login does, unless its `search` is still not"
        " answered",
    ),
    "held deletions": Said(
        {"devices": [device(held=60, held_since=0.0, held_until=86400.0)]},
        f"device fax: 60 deletions are held back since {moment(0.0)} (`max_deletes`): `popbridge device confirm fax`"
        f" has them done, `popbridge device undo fax` takes them back, and {moment(86400.0)} lets them lapse",
    ),
    "a silent device": Said(
        {"devices": [device(holds_back={"messages": 1, "since": 0.0, "devices": ["den", "desk"]})]},
        f"device fax: it holds back what den, desk deleted, 1 message since {moment(0.0)}, until it deletes that too"
        " (`delete_when`): `popbridge device forget fax` takes away its say",
    ),
    "messages to be moved back": Said(
        {"devices": [device(returning=2)]},
        "device fax: 2 messages are still to be moved back upstream",
    ),
    "an account that is not configured": Said(
        {"remembered": {"accounts": [{"name": "old", "messages": 7}], "devices": []}},
        "account old: it is not in the configuration any more, and 7 messages of it are remembered: `popbridge account"
        " forget old`",
    ),
    "a device that is not configured": Said(
        {"remembered": {"accounts": [], "devices": [{"name": "den", "pending_intents": 0, "held": 0, "voting": 1}]}},
        "device den: it is not in the configuration any more, and 1 deletion of it waits to be done: `popbridge device"
        " forget den` drops those that somebody has yet to agree to",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_waits_is_said_with_what_settles_it(case: str) -> None:
    facts, sentence = SAID[case]
    assert attention(overview(**facts)) == [sentence]
    assert f"! {sentence}" in lines(overview(**facts))


@pytest.mark.parametrize(
    "facts",
    [
        {"accounts": [account(quota={"used": 89, "limit": 100}, only_hiding=["fax"])]},
        {"accounts": [account(quota={"used": 99, "limit": 100})]},
        {"devices": [device(never_shown=[{"source": "family/INBOX", "listed": False}], last_session=None)]},
    ],
    ids=["room is left", "a device removes", "a device that never came"],
)
def test_what_is_no_news_is_not_said(facts: dict[str, Any]) -> None:
    assert attention(overview(**facts)) == []


def test_names_from_outside_move_no_cursor() -> None:
    (sentence,) = attention(overview(accounts=[account(suspicions=[{**SUSPICION, "mailbox": "A\x1b[2J"}])]))
    assert "A\\u001b[2J" in sentence


def test_the_facts_of_an_older_bridge_will_do() -> None:
    old_device = {key: value for key, value in device().items() if key not in {"held", "holds_back", "never_shown"}}
    facts = overview(devices=[old_device])
    del facts["restored"], facts["remembered"]
    assert attention(facts) == []


@pytest.mark.parametrize(
    ("behind", "words"),
    [(5400.0, "set ahead by 90 minutes"), (-36_000.0, "set back by 10 hours"), (315_360_000.0, "ahead by 3650 days")],
)
def test_a_clock_that_was_set(behind: float, words: str) -> None:
    [line] = attention({"accounts": [], "devices": [], "clock_behind": behind})
    assert words in line
    assert "restart it once the clock is right" in line
