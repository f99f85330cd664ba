"""What the `device` commands say to people."""

from typing import Any

import pytest

from bridge.cli.device_texts import confirmed_now, forgotten, reset_done, shown, undone
from bridge.cli.tables import moment

UNDONE: dict[str, Any] = {
    "device": "fax",
    "running": True,
    "sessions": 1,
    "cancelled": 0,
    "shown_again": 0,
    "brought_back": 0,
    "to_bring_back": 0,
    "problem": "",
    "lost": [],
}


def test_an_undo_says_what_it_did() -> None:
    done = {**UNDONE, "sessions": 2, "cancelled": 1, "shown_again": 3, "brought_back": 2}
    assert list(undone(done)) == [
        "device fax: undid what its last 2 sessions deleted",
        "  3 messages are shown to it again, from its next login on",
        "  1 action still to be done upstream will not be done",
        "  2 messages were moved back upstream",
    ]


def test_an_undo_says_what_is_still_to_come() -> None:
    later = {**UNDONE, "shown_again": 1, "to_bring_back": 1, "problem": "account family cannot be reached"}
    assert list(undone(later))[2:] == [
        "  1 message could not be moved back yet, and will be tried again: account family cannot be reached"
    ]
    assert list(undone({**later, "running": False, "problem": ""}))[2:] == [
        "  1 message will be moved back upstream when popbridge runs: start it"
    ]


def test_an_undo_names_what_cannot_come_back() -> None:
    lost = [
        {"uidl": "0a", "action": "expunge", "note": "done: UID EXPUNGE"},
        {"uidl": "0b", "action": "move", "note": "the message is not in Trash any more"},
        {"uidl": "0c", "action": "trash", "note": ""},
    ]
    assert list(undone({**UNDONE, "shown_again": 3, "lost": lost}))[2:] == [
        "  3 messages cannot be brought back:",
        "    0a: it was expunged upstream, for good (done: UID EXPUNGE)",
        "    0b: the message is not in Trash any more",
        "    0c: trash was done, and popbridge does not know where the message went",
    ]


def test_an_undo_that_had_nothing_to_do_says_so() -> None:
    assert list(undone({**UNDONE, "sessions": 0})) == [
        "device fax: there is nothing to undo: no session of it deleted or hid a message"
    ]
    assert list(undone(UNDONE)) == ["device fax: nothing is left to undo of what its last session deleted"]


def test_a_reset_says_what_is_shown_and_what_is_not() -> None:
    assert list(reset_done({"device": "fax", "shown_again": 1, "up_to_rules": 2, "hidden": 2, "cancelled": 3})) == [
        "device fax: 1 message will be shown to it again, numbered anew",
        "  2 messages more are up to its `search` and `window`, which had hidden them",
        "  2 older messages are hidden from it",
        "  3 actions still to be done upstream will not be done",
    ]


def test_forgetting_says_what_is_done_all_the_same() -> None:
    counts = {"announced": 9, "hidden": 4, "votes": 1, "promised": 2, "released": 3}
    assert list(forgotten({"device": "fax", "configured": True, **counts})) == [
        "device fax: forgot 9 messages it was shown, 4 hidden from it",
        "  1 deletion that waited for others or for its owner will not be done",
        "  2 actions promised to it will still be done upstream",
        "  3 deletions that only it held back will be done upstream",
        "  it is still in the configuration: its next login is taken for its first",
    ]
    passed = list(forgotten({"device": "ann@example.org+den", "configured": True, "passed": True, **counts}))
    assert passed[-1] == "  its password still passes through: its next login makes it anew"
    nothing = dict.fromkeys(counts, 0)
    assert list(forgotten({"device": "fax", "configured": False, **nothing})) == [
        "device fax: there was nothing to forget"
    ]


def test_confirming_says_until_when_it_can_be_undone() -> None:
    assert list(confirmed_now({"device": "fax", "confirmed": 60, "voting": 2, "due": 3600.0})) == [
        f"device fax: 60 held deletions will be carried out upstream, from {moment(3600.0)} on",
        "  until then `popbridge device undo fax` calls them off",
        "  2 deletions of it wait for other devices first (`delete_when`)",
    ]
    assert list(confirmed_now({"device": "fax", "confirmed": 0, "voting": 0, "due": 3600.0})) == [
        "device fax: no deletion of it is held back"
    ]


SHOWN: dict[str, Any] = {
    "device": "fax",
    "id": "fax",
    "configured": True,
    "login": "fax",
    "sources": ["family/INBOX"],
    "in_session": False,
    "first_login": None,
    "last_login": None,
    "announced": 0,
    "sent": 0,
    "acknowledged": 0,
    "duplicates": 0,
    "aliases": 0,
    "held_since": None,
    "next_position": 0,
    "hidden": {},
    "intents": {},
    "pending": [],
    "shown": [],
    "sessions": [],
    "hid": [],
}


def test_a_device_that_never_came() -> None:
    assert list(shown(SHOWN)) == [
        "device fax",
        "  login fax, reads family/INBOX",
        "  it has never logged in",
        "  shown 0 messages of 0 that it ever was; 0 sent, 0 acknowledged; none hidden",
    ]


def test_a_device_that_lived() -> None:
    session = {"session": "s1", "peer": "192.0.2.1:4711", "started": 0.0, "ended": 60.0, "reason": "quit"}
    waiting = {"uidl": "0a", "action": "trash", "tries": 0, "note": "", "made_at": 0.0, "session": "s1"}
    lived = {
        **SHOWN,
        "id": "f-1",
        "in_session": True,
        "first_login": 0.0,
        "last_login": 60.0,
        "announced": 3,
        "next_position": 7,
        "sent": 6,
        "acknowledged": 5,
        "duplicates": 1,
        "hidden": {"delete": 3},
        "pending": [{**waiting, "state": "waiting", "due": 3600.0}, {**waiting, "state": "held", "due": 0.0}],
        "shown": [{"account": "family", "mailbox": "INBOX", "first_shown": 5.0}],
        "sessions": [{**session, "retr": 1, "top": 0, "dele": 3, "octets": 999}],
        "hid": [{"session": "s1", "at": 60.0, "hidden": 3, "undone": False}],
    }
    assert list(shown(lived)) == [
        "device fax (remembered as f-1)",
        "  login fax, reads family/INBOX",
        f"  first login {moment(0.0)}, last login {moment(60.0)}, and is in a session now",
        "  shown 3 messages of 7 that it ever was; 6 sent, 5 acknowledged; 3 hidden (3 deleted); 1 copy left out",
        "",
        "mailbox       first shown",
        f"family/INBOX  {moment(5.0)}",
        "",
        "unique-id  to be done upstream  state                      due                  tries  note",
        f"0a         move to the trash    waits for its time         {moment(3600.0)}      0  -",
        "0a         move to the trash    held back (`max_deletes`)  -                        0  -",
        "",
        "session that hid messages  ended                hidden  undone",
        f"s1                         {moment(60.0)}       3  no",
        "",
        "session  ended                from            retr  top  dele  size        end",
        f"s1       {moment(60.0)}  192.0.2.1:4711     1    0     3  999 octets  quit",
        "`popbridge device undo fax --sessions N` undoes the first N that hid messages",
    ]


@pytest.mark.parametrize("say", [undone, forgotten, reset_done, confirmed_now])
def test_a_name_from_outside_moves_no_cursor(say: Any) -> None:
    found: dict[str, Any] = {
        **UNDONE,
        "device": "f\x1b[2J",
        "hidden": 0,
        "configured": False,
        "announced": 0,
        "votes": 0,
        "promised": 0,
        "released": 0,
        "confirmed": 1,
        "voting": 0,
        "due": 0.0,
    }
    assert "\x1b" not in "".join(say(found))
