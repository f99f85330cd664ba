"""What `explain` says to people."""

from typing import Any

import pytest

from bridge.cli.explain_texts import explained
from bridge.cli.tables import moment

PLACE = {"account": "family", "mailbox": "INBOX", "uid": 7, "uidvalidity": 3, "size": 90, "measured": None, "date": 0}

ENTRY: dict[str, Any] = {
    "seq": 1,
    "uidl": "0a",
    "alias": None,
    "first_seen": 10.0,
    "gone_at": None,
    "locations": [{**PLACE, "gone_at": None}],
    "announced_at": None,
    "announced_in": None,
    "position": None,
    "sent_at": None,
    "acknowledged_at": None,
    "hide": None,
    "duplicate_of": None,
    "intents": [],
    "others": [],
    "why": "next",
}


UNDO = "`popbridge device undo fax` or `popbridge device reset fax` shows it again"


def found(*entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"device": "fax", "asked": "0a", "entries": list(entries), "unlisted": [], "problem": "", **more}


def intent(**how: Any) -> dict[str, Any]:
    quiet = {"device": "fax", "action": "trash", "note": "", "made_at": 30.0, "settled_at": None, "due": 3630.0}
    return {**quiet, "state": "waiting", "when_all": False, "tries": 0, "moved_to": None, **how}


def test_a_message_that_lived() -> None:
    lived = {
        **ENTRY,
        "why": "deleted",
        "alias": "old-1",
        "gone_at": 50.0,
        "locations": [{**PLACE, "gone_at": 50.0}, {**PLACE, "mailbox": "Trash", "measured": 91, "gone_at": None}],
        "announced_at": 20.0,
        "announced_in": "s1",
        "position": 0,
        "sent_at": 30.0,
        "acknowledged_at": 30.0,
        "hide": {"rule": "delete", "at": 30.0, "session": "s1"},
        "intents": [intent(state="done", settled_at=50.0, note="done: moved", moved_to="Trash")],
        "others": [{"device": "den", "announced_at": 21.0, "hidden": None}],
    }
    assert list(explained(found(lived))) == [
        "unique-id old-1 (its own is 0a)",
        f"device fax is not shown it: it deleted it; {UNDO}",
        "it lies in family/Trash, UID 7 under UIDVALIDITY 3, 91 octets",
        "when                 what",
        f"{moment(10.0)}  first seen in family/INBOX",
        f"{moment(20.0)}  announced to it in session s1, the 1. message it was ever shown",
        f"{moment(30.0)}  sent to it whole",
        f"{moment(30.0)}  acknowledged by its QUIT",
        f"{moment(30.0)}  hidden from it in session s1: deleted",
        f"{moment(30.0)}  promised: move to the trash upstream, for device fax",
        f"{moment(50.0)}  gone from family/INBOX",
        f"{moment(50.0)}  done: move to the trash upstream, for device fax: done: moved",
        "device den was shown it too, and still sees it",
    ]


def test_what_waits_is_told_with_until_when() -> None:
    entry = {**ENTRY, "intents": [intent(), intent(state="held", device="den", action="expunge")]}
    trash, expunge = list(explained(found(entry)))[-2:]
    promised = f"{moment(30.0)}  promised: "
    assert trash == f"{promised}move to the trash upstream, for device fax; waits for its time until {moment(3630.0)}"
    assert expunge == f"{promised}expunge upstream, for device den; held back (`max_deletes`)"


WHY = {
    "shown": "is shown it",
    "retrieved": "fetched it, and has such messages hidden (`on_retrieve`)",
    "start": "older than what it is to begin with (`start`)",
    "window": "it has left its window (`window`)",
    "search": "it did not match its `search`",
    "copy": "it is a copy of 0b, which it is shown in its place (`deduplicate`)",
    "gone": f"it is gone upstream since {moment(50.0)}",
    "no_source": "where it lies is none of its `sources`",
    "source_not_shown": "the mailbox where it lies was not shown to it yet",
    "next": "its next login decides",
    "something newer": "is not shown it: something newer",
}


def test_nothing_brings_back_what_is_gone() -> None:
    entry = {**ENTRY, "why": "deleted", "gone_at": 50.0, "intents": [intent(action="expunge", state="done")]}
    said = list(explained(found(entry)))[1]
    assert said.endswith(f"it deleted it; it is gone upstream since {moment(50.0)}, and cannot come back")


@pytest.mark.parametrize("why", WHY)
def test_why_is_said(why: str) -> None:
    entry = {**ENTRY, "why": why, "duplicate_of": "0b", "gone_at": 50.0}
    assert WHY[why] in list(explained(found(entry)))[1]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({}, "it is no unique-id that it was shown, and no message in the listed mailboxes of its accounts has it"),
        ({"problem": "family is down"}, "not everything could be searched: family is down"),
        ({"unlisted": [PLACE]}, "it lies in family/INBOX, UID 7 under UIDVALIDITY 3, and is not listed"),
    ],
)
def test_what_is_not_known_is_said_with_the_reason(more: dict[str, Any], sentence: str) -> None:
    first, second = explained(found(**more))
    assert first == "device fax: nothing is known of 0a"
    assert sentence in second


def test_two_messages_of_one_message_id_are_told_apart() -> None:
    lines = list(explained(found(ENTRY, {**ENTRY, "uidl": "0b"}, problem="work is down")))
    assert [line for line in lines if line.startswith("unique-id")] == ["unique-id 0a", "unique-id 0b"]
    assert lines[-1] == "not everything could be searched: work is down"


def test_what_comes_from_outside_moves_no_cursor() -> None:
    entry = {
        **ENTRY,
        "locations": [{**PLACE, "mailbox": "A\x1b[2J", "gone_at": None}],
        "intents": [intent(note="\x1b")],
    }
    assert "\x1b" not in "".join(explained(found(entry, asked="\x1b", problem="\x1b")))
