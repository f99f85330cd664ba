"""An account that is let go, and what is moved back."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.model.names import AccountId, EntrySeq, MailboxName, Uid, UidValidity
from bridge.model.places import MailboxKey
from bridge.model.update import BringBack, MovedTo
from bridge.store import Store, open_store
from bridge.store.forgetting import ForgottenAccount
from bridge.store.opening import DATABASE
from tests.store.support import DEN, FAMILY, FAX, INBOX, fill, plan, trash

WORK = MailboxKey(AccountId("work"), MailboxName("INBOX"))


async def lived(store: Store) -> None:
    """Let two accounts have mail, and a device delete some of it."""
    await store.register([FAMILY, WORK.account], [FAX, DEN])
    await fill(store, 1, 2, 3)
    await fill(store, 1, key=WORK)
    await store.save_selector(FAMILY, "INBOX", INBOX.mailbox)
    promise = replace(plan(FAX, 9.0, [EntrySeq(1)], [EntrySeq(1)]), intents=(trash(EntrySeq(1), 1, 99.0),))
    await store.commit_update(promise)


async def test_a_forgotten_accounts_messages_are_gone_and_nothing_is_done_there(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await lived(store)
        assert await store.forget_account(FAMILY) == ForgottenAccount(1, 3, 1)
        assert await store.load_messages(INBOX) == []
        assert len(await store.load_messages(WORK)) == 1
        assert await store.due_intents(1000.0, 10) == []
        assert await store.load_selectors() == {}
        assert await store.forget_account(FAMILY) == ForgottenAccount(0, 0, 0)


async def test_a_forgotten_account_that_comes_back_has_the_ids_and_the_deletions_it_had(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await lived(store)
        before = await store.load_messages(INBOX)
        await store.forget_account(FAMILY)
        assert [row.uidl for row in await fill(store, 1, 2, 3)] == [row.uidl for row in before]
        assert await store.load_hides(FAX) == [before[0].seq]


async def test_an_account_nobody_knows_is_nothing_to_forget(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        assert await store.forget_account(FAMILY) == ForgottenAccount(0, 0, 0)


@pytest.fixture
async def undone(tmp_path: Path) -> Path:
    async with open_store(tmp_path) as store:
        await lived(store)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as db, db:
        db.execute(
            "UPDATE intents SET state = 'returning', target = 'Trash', target_uidvalidity = 7, target_uid = 8,"
            " content = 'm1'"
        )
    return tmp_path


async def test_what_waits_to_be_moved_back_is_given_until_it_is_settled(undone: Path) -> None:
    async with open_store(undone) as store:
        (waiting,) = await store.returning()
        moved = MovedTo(MailboxName("Trash"), UidValidity(7), Uid(8))
        assert waiting == BringBack(waiting.intent, EntrySeq(1), INBOX, moved, 101, "m1")
        await store.not_brought_back(waiting.intent, "the trash was emptied")
        assert await store.returning() == []
    with closing(sqlite3.connect(undone / DATABASE)) as db:
        assert db.execute("SELECT state, note FROM intents").fetchall() == [("done", "the trash was emptied")]


async def test_what_waits_to_be_moved_back_is_not_when_its_account_is_forgotten(undone: Path) -> None:
    async with open_store(undone) as store:
        await store.forget_account(FAMILY)
        assert await store.returning() == []


@pytest.mark.parametrize(
    ("place", "back"),
    [(("INBOX", 1, 1), False), (("INBOX", 1, 9), True), (("INBOX", 2, 1), True), (("Trash", 7, 8), False)],
    ids=["where it was taken from", "there under another UID", "numbered anew", "where it was put to"],
)
async def test_a_message_is_back_when_it_was_listed_at_a_new_place(
    undone: Path, place: tuple[str, int, int], back: bool
) -> None:
    mailbox, uidvalidity, uid = place
    with closing(sqlite3.connect(undone / DATABASE)) as db, db:
        db.execute("INSERT OR IGNORE INTO mailboxes(account, name) VALUES (1, ?)", (mailbox,))
        db.execute(
            "UPDATE locations SET mailbox = (SELECT id FROM mailboxes WHERE account = 1 AND name = ?), uidvalidity = ?,"
            " uid = ? WHERE entry = 1",
            (mailbox, uidvalidity, uid),
        )
    async with open_store(undone) as store:
        (waiting,) = await store.returning()
        assert await store.is_back(waiting.intent) is back


async def test_a_message_that_is_gone_is_not_back(undone: Path) -> None:
    with closing(sqlite3.connect(undone / DATABASE)) as db, db:
        db.execute("UPDATE locations SET uid = 9, gone_at = 5 WHERE entry = 1")
    async with open_store(undone) as store:
        (waiting,) = await store.returning()
        assert not await store.is_back(waiting.intent)
