"""What `device import-uidls` asks of popbridge: the device's messages page by page, and writing the pairs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.maildrop import unique_id
from bridge.model.failures import WrongRequest
from bridge.model.names import DeviceId, EntrySeq, MailboxName, SessionId, Uid, Uidl
from bridge.model.places import ListingChange, MailboxKey
from bridge.model.update import UpdatePlan
from bridge.serve import importing
from bridge.serve.admin import Administration
from bridge.serve.progress import unwatched
from bridge.serve.requests import carry_out
from bridge.store import Store, open_store
from tests.serve.support import device, settings
from tests.store.support import ONE, listed, namer, whole

INBOX = MailboxKey(device("fax").sources[0].account, MailboxName("INBOX"))
FAX = DeviceId("fax-id")


async def fill(store: Store, key: MailboxKey, *uids: int) -> None:
    """List a mailbox whole, and say which selectors mean it."""
    state = whole(len(uids), max(uids) + 1)
    await store.apply_listing(ListingChange(key, ONE, listed(*uids), state=state), namer(key))
    for selector in ("\\Junk", "Spam") if key.mailbox == "Spam" else (key.mailbox,):
        await store.save_selector(key.account, selector, key.mailbox)


@asynccontextmanager
async def asking(state_dir: Path) -> AsyncIterator[tuple[Store, Any]]:
    """Give a store with a listed inbox, and what carries out commands on it for a device with three sources."""
    sources = (("family", "INBOX"), ("family", "\\Junk"), ("family", "Spam"), ("family", "Later"))
    found = settings(state_dir, device("fax", *sources))
    async with open_store(str(state_dir), now=lambda: 500.0) as store:
        await fill(store, INBOX, 4, 7, 9)
        admin = Administration(store, found, None, lambda: 500.0)

        async def ask(command: str, **arguments: object) -> dict[str, Any]:
            return await carry_out(admin, command, arguments, unwatched)

        yield store, ask


async def test_the_messages_of_a_source_are_told(tmp_path: Path) -> None:
    async with asking(tmp_path) as (store, ask):
        await fill(store, INBOX._replace(mailbox=MailboxName("Spam")), 5)
        await store.record_identities(INBOX, ONE, [(Uid(7), "m" + "0" * 32)])
        await store.save_aliases(FAX, [(EntrySeq(1), Uidl("old1"))])
        await store.commit_update(UpdatePlan(FAX, SessionId("s"), 1.0, sent=(EntrySeq(3),)))
        told = await ask("import_catalogue", device="fax", source=0)
        assert told["device"] == "fax"
        # Two sources that mean one mailbox are one; one that was never looked up is not listed.
        assert told["sources"] == [
            {"source": "family/INBOX", "listed": True},
            {"source": "family/\\Junk", "listed": True},
            {"source": "family/Later", "listed": False},
        ]
        own = [unique_id(INBOX, ONE, Uid(uid), 0) for uid in (4, 7, 9)]
        assert told["messages"] == [
            [1, own[0], 1, 4, "", "", 1_700_000_004, "old1", False],
            [2, own[1], 1, 7, "", "m" + "0" * 32, 1_700_000_007, "", False],
            [3, own[2], 1, 9, "", "", 1_700_000_009, "", True],
        ]
        assert [row[3] for row in (await ask("import_catalogue", device="fax", source=1))["messages"]] == [5]
        assert (await ask("import_catalogue", device="fax", source=2))["messages"] == []
        assert (await ask("import_catalogue", device="fax", source=9))["messages"] == []


async def test_many_messages_come_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "PAGE", 2)
    async with asking(tmp_path) as (_, ask):
        first = await ask("import_catalogue", device="fax", source=0, after=0)
        second = await ask("import_catalogue", device="fax", source=0, after=first["after"])
        assert [row[0] for row in first["messages"]] == [1, 2]
        assert [row[0] for row in second["messages"]] == [3]
        assert second["after"] is None


async def test_pairs_are_written_but_for_what_stays(tmp_path: Path) -> None:
    async with asking(tmp_path) as (store, ask):
        await store.save_aliases(FAX, [(EntrySeq(1), Uidl("old1"))])
        await store.commit_update(UpdatePlan(FAX, SessionId("s"), 1.0, sent=(EntrySeq(3),)))
        taken = unique_id(INBOX, ONE, Uid(4), 0)
        pairs = [[1, "new1"], [2, "a:2,S"], [3, "new3"]]
        assert await ask("import_uidls", device="fax", pairs=pairs) == {
            "device": "fax",
            "saved": 1,
            "kept": 2,
            "taken": [],
        }
        assert (await store.load_device(FAX)).aliases == {1: "old1", 2: "a:2,S"}
        await fill(store, INBOX._replace(mailbox=MailboxName("Spam")), 5)
        assert await ask("import_uidls", device="fax", pairs=[[4, taken]]) == {
            "device": "fax",
            "saved": 0,
            "kept": 0,
            "taken": [taken],
        }


@pytest.mark.parametrize("pairs", [None, "x", [[1]], [[1, 2]], [["1", "x"]], [[True, "x"]], [[-1, "x"]], [{"1": "x"}]])
async def test_pairs_that_are_none_are_refused(pairs: object, tmp_path: Path) -> None:
    async with asking(tmp_path) as (_, ask):
        with pytest.raises(WrongRequest, match="pairs must be a list"):
            await ask("import_uidls", device="fax", pairs=pairs)
        with pytest.raises(WrongRequest, match="there is no device"):
            await ask("import_uidls", device="fox", pairs=[])
        with pytest.raises(WrongRequest, match="source must be a whole number"):
            await ask("import_catalogue", device="fax", source=-1)
