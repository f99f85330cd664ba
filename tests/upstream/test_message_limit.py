"""Servers that tell only of so many messages at once: nothing is taken for gone that they did not tell of."""

import pytest

from bridge.model.failures import UpstreamUnavailable
from bridge.model.names import Uid
from bridge.sandbox import ALL_CAPABILITIES, Rule, Script
from bridge.sandbox.faults import Answer
from tests.upstream.beds import INBOX, LETTER, Bed, listing, running

LIMIT = 10


def with_limit(bed: Bed, letters: int) -> list[int]:
    """Have the server tell only of so many messages at once; gives the UIDs that there are, with a gap in them."""
    bed.sandbox.capabilities = set(ALL_CAPABILITIES) | {f"MESSAGELIMIT={LIMIT}"}
    uids: list[int] = [bed.sandbox.deliver("anna", LETTER) for _ in range(letters)]
    bed.sandbox.mailbox("anna").expunge(*uids[3:8])
    return [*uids[:3], *uids[8:]]


@pytest.mark.parametrize("letters", [6, 15, 16, 60, 104])
@pytest.mark.parametrize("without", [set[str](), {"ESEARCH"}])
async def test_all_of_them_are_found(alone: Bed, letters: int, without: set[str]) -> None:
    there = with_limit(alone, letters)
    alone.sandbox.capabilities -= without
    async with running(alone.settings()) as account, account.watch() as watcher:
        assert (await watcher.examine(INBOX)).exists == len(there)
        assert [row.uid for batch in await listing(watcher) for row in batch] == there
        assert list(await watcher.all_uids()) == there
        assert list(await watcher.search("ALL", Uid(1))) == there
        first = Uid(there[len(there) // 2])
        assert list(await watcher.search("UNSEEN", first)) == [uid for uid in there if uid >= first]


async def test_where_there_are_few_nothing_else_is_asked(alone: Bed) -> None:
    with_limit(alone, LIMIT)
    async with running(alone.settings()) as account, account.watch() as watcher:
        await watcher.examine(INBOX)
        await listing(watcher)
    assert alone.sandbox.commands("FETCH") == []


@pytest.mark.parametrize("command", ["UID FETCH", "UID SEARCH"])
async def test_a_part_is_not_believed_to_be_all(alone: Bed, command: str) -> None:
    alone.sandbox.deliver("anna", LETTER)
    answer = Answer("OK", "partial", "MESSAGELIMIT 1000 23221")
    alone.sandbox.script = Script([Rule("command", answer, command)])

    async def look() -> None:
        async with running(alone.settings()) as account, account.watch() as watcher:
            await watcher.examine(INBOX)
            if command == "UID FETCH":
                await listing(watcher)
            else:
                await watcher.all_uids()

    with pytest.RaisesGroup(UpstreamUnavailable, flatten_subgroups=True, allow_unwrapped=True):
        await look()
