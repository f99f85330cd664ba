"""Several small messages fetched together in the background."""

import pytest

from bridge.model.failures import MailboxChanged
from bridge.model.names import Uid
from bridge.sandbox import SandboxServer
from tests.upstream.beds import INBOX, key, place_of, running, serving


async def test_messages_come_in_one_command_and_what_is_gone_is_left_out() -> None:
    server = SandboxServer()
    async with serving(server) as bed:
        texts = {Uid(number): b"Subject: letter %d\r\n\r\n%s" % (number, b"x" * number * 100) for number in range(1, 9)}
        for text in texts.values():
            server.deliver("anna", text)
        server.expunge("anna", INBOX, 3)
        place = place_of(bed, 1)
        async with running(bed.settings()) as account:
            found = await account.gather(place.key, place.uidvalidity, {uid: len(text) for uid, text in texts.items()})
            assert found == {uid: text for uid, text in texts.items() if uid != 3}
            assert len(server.commands("UID FETCH")) == 1


async def test_uids_that_mean_nothing_any_more_are_told() -> None:
    server = SandboxServer()
    async with serving(server) as bed:
        uid = server.deliver("anna", b"Subject: one\r\n\r\n")
        place = place_of(bed, uid)
        server.renumber("anna", INBOX)
        async with running(bed.settings()) as account:
            with pytest.raises(MailboxChanged):
                await account.gather(key(), place.uidvalidity, {uid: 16})
