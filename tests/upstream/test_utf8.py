"""Mailboxes with umlauts, whether the server and we agree on UTF-8 or not."""

import pytest

from bridge.model.names import MailboxName, Uid
from tests.upstream.beds import LETTER, Bed, key, listing, place_of, read, running

DRAFTS = MailboxName("Entwürfe & Söhne")
UMLAUT = "Subject: Grüße\r\n\r\n".encode()


@pytest.mark.parametrize(
    ("offers", "agreed"),
    [
        (set[str](), False),
        ({"UTF8=ACCEPT"}, False),
        ({"UTF8=ONLY"}, True),
        ({"UTF8=ONLY", "UTF8=ACCEPT"}, True),
    ],
)
async def test_names_and_searches(alone: Bed, offers: set[str], agreed: bool) -> None:
    alone.sandbox.capabilities |= offers
    alone.sandbox.users["anna"].create(DRAFTS)
    alone.sandbox.deliver("anna", LETTER, DRAFTS)
    uid = alone.sandbox.deliver("anna", UMLAUT, DRAFTS)
    async with running(alone.settings()) as account, account.watch() as watcher:
        assert await watcher.resolve(DRAFTS) == DRAFTS
        assert (await watcher.status(DRAFTS)).exists == 2
        assert (await watcher.examine(DRAFTS)).exists == 2
        assert len([row for batch in await listing(watcher) for row in batch]) == 2
        assert list(await watcher.search("SUBJECT Grüße", Uid(1))) == [uid]
        assert await account.find(key(DRAFTS), "ö") == []
        assert await read(account, place_of(alone, uid, DRAFTS)) == UMLAUT
    enabled = [moment.arguments for moment in alone.sandbox.commands("ENABLE") if "UTF8" in moment.arguments]
    assert bool(enabled) is agreed
