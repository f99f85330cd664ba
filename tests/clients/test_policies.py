"""What devices delete, upstream and back: every policy, its guard, and an owner who thinks better of it."""

import contextlib
import time
from pathlib import Path

import pytest

from tests.clients.household import OneAccount
from tests.support.bridge_config import Table, Value
from tests.support.dovecot import Dovecot
from tests.support.ports import wait_until

MAIL = [f"letter {n}" for n in range(6)]
LEFT = [name for name in MAIL if name not in {"letter 1", "letter 3"}]


@pytest.mark.parametrize(("policy", "mailbox"), [("trash", "Trash"), ("archive", "Archive")])
def test_what_was_moved_away_comes_back_as_what_it_was(
    dovecot: Dovecot, tmp_path: Path, policy: str, mailbox: str
) -> None:
    devices: dict[str, Table] = {"fax": {"sources": ["family"], "on_delete": policy}, "den": {"sources": ["family"]}}
    with OneAccount(tmp_path, dovecot, devices, MAIL) as home:
        before = home.listings("UIDL", "LIST")
        home.delete("fax", 2, 4)
        home.wait_mail("letter 1", "letter 3", mailbox=mailbox)
        home.wait_listed({"family": (4,)})
        assert home.subjects("den") == home.subjects("fax") == LEFT
        [entry] = home.command("explain", "fax", "<letter.1@example.org>")["entries"]
        assert (entry["why"], entry["intents"][0]["moved_to"]) == ("deleted", mailbox)
        undone = home.command("device", "undo", "fax")
        assert (undone["sessions"], undone["shown_again"], undone["brought_back"]) == (1, 2, 2)
        assert (undone["to_bring_back"], undone["lost"], undone["running"]) == (0, [], True)
        home.wait_listed({"family": (6,)})
        assert sorted(home.mail()) == MAIL
        assert home.mail(mailbox) == []
        assert home.listings("UIDL", "LIST") == before
        assert home.subjects("fax") == MAIL
        # Nothing of it is done again later, nor undone twice.
        home.restart()
        again = home.command("device", "undo", "fax")
        assert (again["shown_again"], again["brought_back"], again["cancelled"]) == (0, 0, 0)
        assert home.listings("UIDL", "LIST") == before


def test_undone_while_nothing_runs(dovecot: Dovecot, tmp_path: Path) -> None:
    with OneAccount(tmp_path, dovecot, {"fax": {"sources": ["family"], "on_delete": "trash"}}, MAIL) as home:
        before = home.listing("fax")
        home.delete("fax", 2, 4)
        home.wait_mail("letter 1", "letter 3", mailbox="Trash")
        assert home.bridge.stop() == 0
        undone = home.command("device", "undo", "fax")
        assert (undone["running"], undone["shown_again"], undone["to_bring_back"]) == (False, 2, 2)
        assert home.command("devices")["devices"][0]["returning"] == 2
        assert home.command("explain", "fax", "<letter.0@example.org>")["entries"][0]["why"] == "shown"
        home.bridge.start()
        home.wait_mail(mailbox="Trash")
        home.wait_listed({"family": (6,)})
        assert home.listing("fax") == before


def test_what_was_expunged_cannot_come_back(dovecot: Dovecot, tmp_path: Path) -> None:
    with OneAccount(tmp_path, dovecot, {"fax": {"sources": ["family"], "on_delete": "expunge"}}, MAIL) as home:
        before = home.listing("fax").decode().split()
        home.delete("fax", 2, 4)
        home.wait_mail(*LEFT)
        home.wait_listed({"family": (4,)})
        lost = home.command("device", "undo", "fax", status=1)["lost"]
        assert [(one["uidl"], one["action"]) for one in lost] == [(before[3], "expunge"), (before[7], "expunge")]
        assert before[3] in home.told("device", "undo", "fax", status=1)
        assert home.subjects("fax") == LEFT
        assert home.account("family")["suspicions"] == []


def test_a_maildrop_emptied_by_its_device_alarms_nobody(dovecot: Dovecot, tmp_path: Path) -> None:
    devices: dict[str, Table] = {"fax": {"sources": ["family"], "on_delete": "expunge"}, "den": {"sources": ["family"]}}
    with OneAccount(tmp_path, dovecot, devices, MAIL) as home:
        assert home.subjects("den") == MAIL
        home.delete("fax", *range(1, 7))
        home.wait_listed({"family": (0,)})
        assert home.listing("den") == b""
        assert home.status()["counters"]["losses_doubted"] == 0


def test_a_message_goes_once_all_have_deleted_it(dovecot: Dovecot, tmp_path: Path) -> None:
    both: dict[str, Value] = {"sources": ["family"], "delete_when": "all"}
    devices: dict[str, Table] = {"fax": {**both, "on_delete": "expunge"}, "den": {**both, "on_delete": "trash"}}
    with OneAccount(tmp_path, dovecot, devices, MAIL) as home:
        assert home.subjects("den") == home.subjects("fax") == MAIL
        home.delete("fax", 2, 4)
        assert home.subjects("fax") == LEFT
        assert home.subjects("den") == MAIL
        assert home.device("den")["holds_back"]["messages"] == 2
        assert home.device("fax")["voting"] == 2
        home.delete("den", 4)
        # Of what the two wanted the milder is done.
        home.wait_mail("letter 3", mailbox="Trash")
        assert home.mail() == [name for name in MAIL if name != "letter 3"]
        assert home.device("den")["holds_back"]["messages"] == 1
        forgotten = home.command("device", "forget", "den", "--yes")
        assert (forgotten["released"], forgotten["configured"]) == (1, True)
        home.wait_mail(*LEFT)
        assert home.mail("Trash") == ["letter 3"]


def test_very_many_deletions_wait_for_their_owner(dovecot: Dovecot, tmp_path: Path) -> None:
    devices: dict[str, Table] = {"fax": {"sources": ["family"], "on_delete": "trash", "max_deletes": 3}}
    with OneAccount(tmp_path, dovecot, devices, MAIL) as home:
        before = home.listing("fax")
        home.delete("fax", 1, 2, 3, 4)
        assert home.subjects("fax") == MAIL[4:]
        assert home.device("fax")["held"] == 4
        assert "popbridge device confirm fax" in home.told("status")
        # Thought better of: nothing was done.
        undone = home.command("device", "undo", "fax")
        assert (undone["cancelled"], undone["shown_again"], undone["brought_back"]) == (4, 4, 0)
        assert home.listing("fax") == before
        assert home.command("device", "confirm", "fax")["confirmed"] == 0
        home.delete("fax", 1, 2, 3, 4)
        home.restart()
        assert home.device("fax")["held"] == 4
        assert home.mail() == MAIL
        # Few are done at once, while the many wait.
        home.deliver("letter 6")
        home.wait_listed({"family": (7,)})
        home.delete("fax", 3)
        home.wait_mail("letter 6", mailbox="Trash")
        assert home.command("device", "confirm", "fax")["confirmed"] == 4
        home.wait_mail(*MAIL[4:])
        assert sorted(home.mail("Trash")) == [*MAIL[:4], "letter 6"]


def test_reset_forget_and_explain(dovecot: Dovecot, tmp_path: Path) -> None:
    devices: dict[str, Table] = {
        "fax": {"sources": ["family"], "search": 'NOT SUBJECT "5"'},
        "den": {"sources": ["family"]},
    }
    with OneAccount(tmp_path, dovecot, devices, MAIL) as home:
        before = home.listing("fax").decode().split()
        everything = home.listing("den")
        home.delete("fax", 2)
        after = home.listing("fax")
        [entry] = home.command("explain", "fax", before[3])["entries"]
        assert (entry["why"], entry["uidl"], entry["hide"]["rule"]) == ("deleted", before[3], "delete")
        [other] = home.command("explain", "fax", "<letter.5@example.org>")["entries"]
        assert (other["why"], other["announced_at"]) == ("search", None)
        home.command("explain", "fax", "0" * 32, status=1)
        shown = home.command("device", "show", "fax")
        assert (shown["announced"], shown["hidden"]) == (4, {"delete": 1, "search": 1})

        reset = home.command("device", "reset", "fax")
        assert (reset["shown_again"], reset["up_to_rules"]) == (5, 1)
        assert home.listing("fax").decode().split() == before
        assert after != home.listing("fax")
        home.delete("fax", 1, 2)
        forgotten = home.command("device", "forget", "fax", "--yes")
        assert (forgotten["announced"], forgotten["hidden"], forgotten["configured"]) == (5, 3, True)
        assert home.command("device", "show", "fax")["next_position"] == 0
        assert home.listing("fax").decode().split() == before
        assert home.listing("den") == everything


def test_a_backup_put_back_waits_for_its_owner(dovecot: Dovecot, tmp_path: Path) -> None:
    devices: dict[str, Table] = {"fax": {"sources": ["family"], "on_delete": "trash"}}
    window = 4.0
    with OneAccount(tmp_path, dovecot, devices, MAIL, undo_window=window) as home:
        home.subjects("fax")
        home.delete("fax", 2)
        due = time.time() + window
        before = home.listing("fax")
        backup = tmp_path / "backup.sqlite3"
        saved = home.command("backup", str(backup))
        assert (saved["running"], saved["octets"]) == (True, backup.stat().st_size)
        home.bridge.kill()
        assert home.mail() == MAIL, "the undo window was too short for this machine"

        state = tmp_path / "state"
        for suffix in ("-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                (state / f"popbridge.sqlite3{suffix}").unlink()
        (state / "popbridge.sqlite3").write_bytes(backup.read_bytes())
        wait_until(lambda: time.time() > due, 30, "the end of the undo window")
        home.bridge.start()
        home.deliver("letter 6")
        home.wait_listed({"family": (7,)})
        assert home.listing("fax").startswith(before)
        assert home.status()["restored"] is True
        home.told("backup", str(backup), status=1)
        assert "popbridge resume" in home.told("status")
        # What is promised now is held like all else.
        home.delete("fax", 1)
        assert home.device("fax")["pending_intents"] == 2
        wait_until(lambda: time.time() > due + 2 * window, 30, "the end of another undo window")
        assert home.mail() == [*MAIL, "letter 6"]
        resumed = home.command("resume")
        assert (resumed["restored"], resumed["released"]) == (True, 2)
        wait_until(lambda: sorted(home.mail("Trash")) == ["letter 0", "letter 1"], 30, "what was promised")
        assert home.status()["restored"] is False
        assert home.command("resume")["restored"] is False


def test_on_retrieve_hides_what_was_fetched_and_quit(dovecot: Dovecot, tmp_path: Path) -> None:
    devices: dict[str, Table] = {
        "fax": {"sources": ["family"], "on_retrieve": "hide"},
        "printer": {"sources": ["family"], "on_retrieve": "hide-unacknowledged"},
        "phone": {"sources": ["family"], "on_retrieve": "seen"},
    }
    with OneAccount(tmp_path, dovecot, devices, MAIL) as home:
        for name in devices:
            with home.session(name) as device:
                device.retr(1)
                device.drop()
        assert [home.subjects(name) for name in devices] == [MAIL, MAIL[1:], MAIL]
        for name in devices:
            with home.session(name) as device:
                device.retr(1)
                device.quit()
        assert [home.subjects(name) for name in devices] == [MAIL[1:], MAIL[2:], MAIL]
        wait_until(lambda: "\\Seen" in home.dovecot.flags(home.user)[1], 30, "the message marked as seen")
        assert list(home.dovecot.flags(home.user).values()).count(frozenset()) == 5
        undone = home.command("device", "undo", "printer", "--sessions", "2")
        assert (undone["sessions"], undone["shown_again"]) == (2, 2)
        assert home.subjects("printer") == MAIL
