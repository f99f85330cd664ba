"""What taking unique-ids over from a former server asks of the store."""

from pathlib import Path

import pytest

from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq, Uidl
from tests.store.device_support import filled, quitting, seqs, show
from tests.store.support import DEN, FAX, INBOX


async def test_a_catalogue_has_what_lies_in_mailboxes(tmp_path: Path) -> None:
    async with filled(tmp_path, 4, 7) as store:
        found = await store.catalogue([INBOX])
        assert [(each.seq, each.key, each.uid) for each in found] == [(1, INBOX, 4), (2, INBOX, 7)]
        assert [each.uidl for each in found] == [message.uidl for message in await store.load_messages(INBOX)]


async def test_what_was_sent_whole_was_fetched(tmp_path: Path) -> None:
    async with filled(tmp_path, 4, 7, 9) as store:
        await show(store, [FAX, DEN], 1, 2, 3)
        await store.commit_update(quitting(FAX, 2.0, sent=seqs(1, 3)))
        assert sorted(await store.fetched(FAX)) == [1, 3]
        assert await store.fetched(DEN) == []


async def test_ids_that_name_others_are_taken(tmp_path: Path) -> None:
    async with filled(tmp_path, 4, 7, 9) as store:
        own = [each.uidl for each in await store.catalogue([INBOX])]
        await store.save_aliases(FAX, [(EntrySeq(1), Uidl("old1"))])
        wanted = [(EntrySeq(2), Uidl("old1")), (EntrySeq(3), own[1]), (EntrySeq(2), own[1]), (EntrySeq(3), Uidl("x"))]
        assert await store.taken(FAX, wanted) == ["old1", own[1]]
        assert await store.taken(DEN, wanted) == [own[1]]
        with pytest.raises(StoreUnavailable, match="would name two messages"):
            await store.save_aliases(FAX, [(EntrySeq(3), own[1])])
        assert (await store.load_device(FAX)).aliases == {1: "old1"}
