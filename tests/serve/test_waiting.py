"""What waits for the owner, from what the store and the configuration say."""

from pathlib import Path
from typing import Any

import pytest

from bridge.serve.waiting import account_waiting, device_waiting, only_remembered
from tests.serve.support import account, device, settings


def row(mailbox: str, messages: int) -> dict[str, Any]:
    return {"name": mailbox, "listed": True, "messages": messages}


STORED: dict[str, Any] = {
    "accounts": [
        {
            "name": "family-id",
            "selectors": {"\\Junk": "Spam"},
            "mailboxes": [row("Spam", 3)],
        },
        {"name": "old", "selectors": {}, "mailboxes": [row("INBOX", 2), row("Old", 5)]},
        {"name": "forgotten", "selectors": {}, "mailboxes": [row("INBOX", 0)]},
    ],
    "devices": [
        {"name": "fax-id", "pending_intents": 9, "held": 9, "voting": 9},
        {"name": "idle", "pending_intents": 0, "held": 0, "voting": 0},
        {"name": "den", "pending_intents": 0, "held": 1, "voting": 0},
    ],
}


def test_what_is_remembered_and_not_configured_is_named_where_it_matters(tmp_path: Path) -> None:
    assert only_remembered(settings(tmp_path, device("fax")), STORED) == {
        "accounts": [{"name": "old", "messages": 7}],
        "devices": [{"name": "den", "pending_intents": 0, "held": 1, "voting": 0}],
    }


def test_a_source_was_shown_under_the_name_that_its_selector_has(tmp_path: Path) -> None:
    fax = device("fax", ("family", "INBOX"), ("family", "\\Junk"))
    shown = {"shown": [{"account": "family-id", "mailbox": "Spam", "since": 1.0}]}
    facts = device_waiting(fax, settings(tmp_path, fax), shown, STORED["accounts"])
    assert facts["never_shown"] == [{"source": "family/INBOX", "listed": False}]


def test_a_source_that_is_listed_may_be_shown_next(tmp_path: Path) -> None:
    fax = device("fax")
    inbox = {"name": "family-id", "selectors": {"INBOX": "INBOX"}, "mailboxes": [{"name": "INBOX", "listed": True}]}
    facts = device_waiting(fax, settings(tmp_path, fax), {}, [inbox])
    assert facts["never_shown"] == [{"source": "family/INBOX", "listed": True}]


def test_who_holds_whom_back_is_named_as_in_the_configuration(tmp_path: Path) -> None:
    fax, den = device("fax"), device("den")
    votes = {"messages": 2, "since": 5.0, "devices": ["den-id", "gone"]}
    facts = device_waiting(fax, settings(tmp_path, fax, den), {"holds_back": votes}, [])
    assert facts["holds_back"] == {"messages": 2, "since": 5.0, "devices": ["den", "gone"]}


def test_of_a_device_that_never_came_nothing_waits(tmp_path: Path) -> None:
    fax = device("fax")
    assert device_waiting(fax, settings(tmp_path, fax), {}, []) == {
        "announced": 0,
        "hidden_by": {},
        "held": 0,
        "held_since": None,
        "held_until": None,
        "voting": 0,
        "returning": 0,
        "holds_back": {"messages": 0, "since": None, "devices": []},
        "held_back": {"messages": 0, "since": None, "devices": []},
        "never_shown": [{"source": "family/INBOX", "listed": False}],
    }


def test_a_suspicion_tells_when_it_will_be_believed(tmp_path: Path) -> None:
    stored = {"mailbox": "INBOX", "since": 50.0, "missing": 40, "known": 90}
    suspicions = {"suspicions": [{**stored, "accepted": 0.0}, {**stored, "accepted": 60.0}]}
    facts = account_waiting(account("family"), settings(tmp_path), suspicions, None)
    assert facts["suspicions"] == [
        {**stored, "accepted": False, "believed_at": 3650.0},
        {**stored, "accepted": True, "believed_at": None},
    ]


@pytest.mark.parametrize(
    ("policies", "hiding"), [(("hide", "seen"), ["fax", "den"]), (("hide", "trash"), []), (("hide", "expunge"), [])]
)
def test_an_account_of_which_nothing_is_removed(tmp_path: Path, policies: tuple[str, str], hiding: list[str]) -> None:
    other = device("other", ("work", "INBOX"), on_delete="expunge")
    readers = (device("fax", on_delete=policies[0]), device("den", on_delete=policies[1]))
    loaded = settings(tmp_path, *readers, other, accounts=("family", "work"))
    facts = account_waiting(account("family"), loaded, {}, (95, 100))
    assert (facts["only_hiding"], facts["quota"]) == (hiding, {"used": 95, "limit": 100})
