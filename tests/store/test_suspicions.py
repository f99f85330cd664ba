"""Suspicions: much of a mailbox went at once, and somebody is to say whether it is meant."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.model.names import AccountId, MailboxName
from bridge.model.places import MailboxKey, Suspicion
from bridge.store import Store, open_store
from tests.store.support import FAMILY, INBOX, JUNK

WORK = MailboxKey(AccountId("work"), MailboxName("INBOX"))
SUSPICION = Suspicion(INBOX, since=100.0, missing=30, known=200)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path) as opened:
        yield opened


async def test_one_for_each_mailbox_until_it_is_cleared(store: Store) -> None:
    work = Suspicion(WORK, 5.0, 1, 1)
    for each in (work, SUSPICION):
        await store.save_suspicion(each)
    assert await store.load_suspicions() == [SUSPICION, work]
    grown = replace(SUSPICION, missing=40)
    await store.save_suspicion(grown)
    assert await store.load_suspicions() == [grown, work]
    await store.clear_suspicion(INBOX)
    await store.clear_suspicion(JUNK)
    assert await store.load_suspicions() == [work]


async def test_they_outlive_the_process(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        await store.save_suspicion(SUSPICION)
    async with open_store(tmp_path) as store:
        assert await store.load_suspicions() == [SUSPICION]


async def test_an_account_is_accepted_as_a_whole(store: Store) -> None:
    for key in (INBOX, JUNK, WORK):
        await store.save_suspicion(replace(SUSPICION, key=key))
    assert await store.accept_suspicions(FAMILY, 150.0) == [INBOX, JUNK]
    accepted = {each.key: each.accepted for each in await store.load_suspicions()}
    assert accepted == {INBOX: 150.0, JUNK: 150.0, WORK: 0.0}
    assert await store.accept_suspicions(FAMILY, 160.0) == [INBOX, JUNK]
    assert (await store.load_suspicions())[0].accepted == 150.0
    assert await store.accept_suspicions(AccountId("unheard of"), 1.0) == []


@pytest.mark.parametrize(("since", "accepted"), [(100.0, 150.0), (200.0, 0.0)])
async def test_whoever_counts_anew_takes_no_acceptance_back(store: Store, since: float, accepted: float) -> None:
    """A look that was under way while its owner accepted what it saw. Another suspicion is another question."""
    await store.save_suspicion(SUSPICION)
    await store.accept_suspicions(FAMILY, 150.0)
    await store.save_suspicion(replace(SUSPICION, since=since))
    assert [each.accepted for each in await store.load_suspicions()] == [accepted]
