"""Which messages were copies of what a device was shown and is gone by now."""

from pathlib import Path

import pytest

from bridge.model.devices import Kin
from bridge.model.names import EntrySeq
from bridge.store import Store, open_store
from tests.store.device_support import quitting, seqs, show
from tests.store.support import DEN, FAX, INBOX, JUNK, fill, vanish


async def known(store: Store, content: str, provider: str = "") -> None:
    """Give every message the same identities."""
    await store._run("UPDATE locations SET content_identity = ?, provider_identity = ?", content, provider)


async def copied(store: Store) -> list[Kin]:
    """Have entry 1 shown to the fax, copied to another mailbox as entry 2, and expunged; then look."""
    await fill(store, 1, key=INBOX)
    await show(store, [FAX], 1)
    await fill(store, 1, key=JUNK)
    await known(store, "m1")
    await vanish(store, 1)
    return await store.load_kin(FAX, seqs(2))


@pytest.fixture
def kin() -> list[Kin]:
    return [Kin(EntrySeq(2), EntrySeq(1), True)]


async def test_a_copy_of_what_went(tmp_path: Path, kin: list[Kin]) -> None:
    async with open_store(tmp_path) as store:
        assert await copied(store) == kin
        assert await store.load_kin(DEN, seqs(2)) == []
        await store.reset(FAX, None)
        assert await store.load_kin(FAX, seqs(2)) == []


async def test_what_was_deleted_is_told_as_well(tmp_path: Path, kin: list[Kin]) -> None:
    async with open_store(tmp_path) as store:
        await copied(store)
        await store.commit_update(quitting(FAX, 10.0, 1))
        assert await store.load_kin(FAX, seqs(2)) == kin


async def test_what_is_still_there_is_no_matter_of_kin(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await copied(store)
        await store._run("UPDATE entries SET gone_at = NULL")
        assert await store.load_kin(FAX, seqs(2)) == []


async def test_a_copy_comes_before_its_original_goes(tmp_path: Path) -> None:
    """What comes later was looked for when it came."""
    async with open_store(tmp_path) as store:
        await copied(store)
        await store._run("UPDATE entries SET first_seen = first_seen + 1000 WHERE seq = 2")
        assert await store.load_kin(FAX, seqs(2)) == []


@pytest.mark.parametrize(
    ("content", "providers", "found"),
    [
        ("d1", ("", ""), False),
        ("-", ("", ""), False),
        ("", ("", ""), False),
        ("m1", ("emailid:a", "emailid:b"), False),
        ("m1", ("emailid:a", ""), True),
        ("", ("emailid:a", "emailid:a"), True),
    ],
)
async def test_what_tells_that_it_is_a_copy(
    tmp_path: Path, kin: list[Kin], content: str, providers: tuple[str, str], found: bool
) -> None:
    async with open_store(tmp_path) as store:
        await copied(store)
        await known(store, content)
        for entry, provider in enumerate(providers, 1):
            await store._run("UPDATE locations SET provider_identity = ? WHERE entry = ?", provider, entry)
        assert await store.load_kin(FAX, seqs(2)) == (kin if found else [])


async def test_messages_of_one_mailbox_are_no_copies(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await fill(store, 1, 2)
        await show(store, [FAX], 1)
        await known(store, "m1")
        await vanish(store, 1)
        assert await store.load_kin(FAX, seqs(2)) == []
