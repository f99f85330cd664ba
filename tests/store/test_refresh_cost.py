"""What a round costs SQLite: by what changed, not by what is there."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from bridge.maildrop import unique_id
from bridge.model.places import AccountChange, MailboxChange
from bridge.store.opening import open_database
from bridge.store.refreshing import apply_refresh
from tests.store.support import FAMILY, INBOX, JUNK, TWO, broken_entries
from tests.store.test_refreshing import line, look


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    yield
    db.execute("COMMIT")


def steps_of_a_round(state_dir: Path, messages: int) -> int:
    """Give how many steps SQLite takes for a move, a new message and one that went, in a mailbox of so many."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    def write(*changes: MailboxChange) -> None:
        with transaction(db):
            apply_refresh(db, AccountChange(FAMILY, changes), unique_id, 1.0)

    state_dir.mkdir()
    with closing(open_database(state_dir, new_state=False)) as db:
        write(look(new=[line(uid) for uid in range(1, messages + 1)]))
        db.set_progress_handler(count, 1)
        write(look(gone=[1, 2], new=[line(messages + 1)]), look(JUNK, heirs={1: line(1)}))
        db.set_progress_handler(None, 0)
    return steps


def test_the_cost_of_a_round_does_not_grow_with_the_mailbox(tmp_path: Path) -> None:
    assert steps_of_a_round(tmp_path / "large", 4000) < 2 * steps_of_a_round(tmp_path / "small", 200)


def steps_of_renumbering(state_dir: Path, messages: int) -> int:
    """Give how many steps SQLite takes for a mailbox of so many that was made anew; nobody's unique-id changes."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    lines = [line(uid, provider=f"emailid:{uid}") for uid in range(1, messages + 1)]
    anew = look(uidvalidity=TWO, heirs={each.uid: each for each in lines})
    state_dir.mkdir()
    with closing(open_database(state_dir, new_state=False)) as db:
        with transaction(db):
            apply_refresh(db, AccountChange(FAMILY, (look(new=lines),)), unique_id, 1.0)
        db.set_progress_handler(count, 1)
        with transaction(db):
            rows = apply_refresh(db, AccountChange(FAMILY, (anew,)), unique_id, 2.0)
        db.set_progress_handler(None, 0)
    assert [row.seq for row in rows[INBOX]] == list(range(1, messages + 1))
    assert broken_entries(state_dir) == []
    return steps


def test_a_mailbox_that_was_made_anew_costs_each_message_the_same(tmp_path: Path) -> None:
    assert steps_of_renumbering(tmp_path / "large", 4000) < 1.2 * 10 * steps_of_renumbering(tmp_path / "small", 400)
