"""Aliases: a device knows messages by the unique-ids of its former server, and no unique-id names two."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bridge.model.admin import CataloguedPlace
from bridge.model.failures import StoreUnavailable
from bridge.model.names import EntrySeq, Uid, Uidl
from bridge.store import Store
from tests.store.device_support import all_rows, filled
from tests.store.support import DEN, FAX, INBOX, JUNK, ONE, fill, namer, vanish

Pairs = list[tuple[EntrySeq, Uidl]]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with filled(tmp_path, 1, 2, 3) as opened:
        yield opened


def own(seq: int) -> Uidl:
    return namer()(Uid(seq), 0)


def named(*pairs: tuple[int, str]) -> Pairs:
    return [(EntrySeq(seq), Uidl(uidl)) for seq, uidl in pairs]


async def aliases(store: Store) -> dict[EntrySeq, Uidl]:
    return (await store.load_device(FAX)).aliases


async def test_aliases_are_one_devices(store: Store) -> None:
    await store.save_aliases(FAX, named((1, "a"), (2, "b")))
    assert await aliases(store) == {1: "a", 2: "b"}
    assert (await store.load_device(DEN)).aliases == {}
    await store.save_aliases(DEN, named((2, "a")))


async def test_the_last_alias_is_the_one(store: Store) -> None:
    await store.save_aliases(FAX, named((1, "a"), (2, "b")))
    await store.save_aliases(FAX, named((1, "b"), (2, "a")))
    assert await aliases(store) == {1: "b", 2: "a"}
    await store.save_aliases(FAX, named((1, "c"), (3, "b")))
    assert await aliases(store) == {1: "c", 2: "a", 3: "b"}
    await store.save_aliases(FAX, [])


async def test_its_own_unique_id_is_no_alias(store: Store) -> None:
    await store.save_aliases(FAX, named((1, "a")))
    await store.save_aliases(FAX, [(EntrySeq(1), own(1))])
    assert await aliases(store) == {}


@pytest.mark.parametrize(
    "wrong",
    [
        named((1, "x"), (2, "x")),  # for two at once
        named((1, "x"), (1, "y")),  # two for one
        named((1, "taken")),  # another's alias
        [(EntrySeq(1), own(2))],  # another's own
        named((1, "x"), (2, "taken")),
        named((1, "x"), (2, "")),
        named((1, "x"), (2, "with blank")),
        named((1, "x"), (2, "ü")),
        named((1, "x"), (2, "z" * 71)),
        named((1, "x"), (99, "z")),
    ],
)
async def test_what_would_name_two_is_refused_whole(store: Store, wrong: Pairs) -> None:
    await store.save_aliases(FAX, named((3, "taken"), (1, "former")))
    before = await all_rows(store)
    with pytest.raises(StoreUnavailable):
        await store.save_aliases(FAX, wrong)
    assert await all_rows(store) == before


async def test_a_refusal_names_the_device_and_the_unique_id(store: Store) -> None:
    with pytest.raises(StoreUnavailable, match="unique-id x would name two messages of device fax"):
        await store.save_aliases(FAX, named((1, "x"), (2, "x")))
    with pytest.raises(StoreUnavailable, match=r"'\\xfc' is no unique-id"):
        await store.save_aliases(FAX, named((1, "ü")))


async def test_a_catalogue_of_what_lives(store: Store) -> None:
    [row, *_] = await fill(store, 7, key=JUNK)
    await vanish(store, 1, 3)
    await store._run("UPDATE locations SET content_identity = 'm5', provider_identity = 'emailid:5' WHERE entry = 2")
    found = await store.catalogue([JUNK, INBOX])
    assert found == [
        CataloguedPlace(row.seq, row.uidl, JUNK, ONE, Uid(7), "", "", 107, 1_700_000_007),
        CataloguedPlace(EntrySeq(2), own(2), INBOX, ONE, Uid(2), "emailid:5", "m5", 102, 1_700_000_002),
    ]
    assert await store.catalogue([]) == []
