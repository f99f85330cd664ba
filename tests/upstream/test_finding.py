"""Where messages lie that have a Message-ID, on whatever server."""

import pytest

from bridge.model.failures import MailboxMissing
from bridge.upstream import Account
from tests.upstream.beds import LETTER, Bed, key


async def test_a_message_is_found_by_its_message_id_or_a_part_of_it(bed: Bed, account: Account) -> None:
    other = LETTER.replace(b"letter@", b"other@")
    first, second, again = await bed.deliver(LETTER, other, LETTER)
    places = [await bed.location(uid) for uid in (first, second, again)]
    assert await account.find(key(), "<letter@example.org>") == [places[0], places[2]]
    assert await account.find(key(), "other@example") == [places[1]]
    assert await account.find(key(), "<nobody@example.org>") == []


async def test_an_empty_mailbox_has_nothing(bed: Bed, account: Account) -> None:
    assert await account.find(key(), "<letter@example.org>") == []


async def test_a_mailbox_that_is_not_there_is_told_as_that(bed: Bed, account: Account) -> None:
    with pytest.raises(MailboxMissing):
        await account.find(key("Nowhere"), "<letter@example.org>")
