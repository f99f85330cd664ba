"""NOTIFY, LIST-STATUS, QRESYNC, COMPRESS and UTF8=ACCEPT, as a raw line sees them."""

import zlib

import pytest

from bridge.sandbox import ALL_CAPABILITIES, SandboxServer
from tests.sandbox.support import LETTER, connected, with_anna

NOTIFY = b"NOTIFY SET STATUS (selected (MessageNew MessageExpunge)) (mailboxes (INBOX Box) (MessageNew MessageExpunge))"


def with_box(*capabilities: str) -> SandboxServer:
    server = with_anna(SandboxServer(capabilities=ALL_CAPABILITIES | set(capabilities)), LETTER, LETTER, LETTER)
    server.users["anna"].create("Box")
    return server


class TestNotify:
    async def test_other_mailboxes_are_told_of_as_they_change(self) -> None:
        server = with_box()
        async with connected(server, select=b"INBOX") as raw:
            told = await raw.ask(NOTIFY)
            uidvalidity = server.mailbox("anna", "Box").uidvalidity
            assert told == [b"* STATUS Box (MESSAGES 0 UIDNEXT 1 UIDVALIDITY %d)" % uidvalidity, b"T OK done"]
            await raw.send(b"i IDLE\r\n")
            assert await raw.line() == b"+ idling"
            server.deliver("anna", LETTER, "Box")
            assert await raw.line() == b"* STATUS Box (MESSAGES 1 UIDNEXT 2 UIDVALIDITY %d)" % uidvalidity
            server.expunge("anna", "INBOX", 2)
            assert await raw.line() == b"* 2 EXPUNGE"
            server.expunge("anna", "Box", 1)
            assert await raw.line() == b"* STATUS Box (MESSAGES 0 UIDNEXT 2 UIDVALIDITY %d)" % uidvalidity

    async def test_the_open_one_is_told_of_as_ever(self) -> None:
        server = with_box()
        async with connected(server, select=b"Box") as raw:
            assert [line[:15] for line in await raw.ask(NOTIFY)] == [b"* STATUS INBOX ", b"T OK done"]
            server.deliver("anna", LETTER, "Box")
            server.deliver("anna", LETTER)
            [exists, status, _] = await raw.ask(b"NOOP")
            assert (exists, status[:26]) == (b"* 1 EXISTS", b"* STATUS INBOX (MESSAGES 4")

    async def test_what_was_not_asked_for_is_not_told(self) -> None:
        server = with_box()
        async with connected(server, select=b"INBOX") as raw:
            await raw.ask(b"NOTIFY SET (mailboxes Box (MessageExpunge MessageNew))")
            server.deliver("anna", LETTER)
            assert await raw.ask(b"NOOP") == [b"T OK done"]
            assert await raw.ask(b"NOTIFY NONE") == [b"* 4 EXISTS", b"T OK done"]
            server.deliver("anna", LETTER, "Box")
            assert await raw.ask(b"NOOP") == [b"T OK done"]

    @pytest.mark.parametrize(
        "arguments",
        [b"", b"SET", b"SET (selected MessageNew)", b"SET (selected (MessageNew))", b"SET (personal (MessageNew))"],
    )
    async def test_what_it_does_not_take(self, arguments: bytes) -> None:
        async with connected(with_box(), select=b"INBOX") as raw:
            assert (await raw.ask((b"NOTIFY " + arguments).strip()))[-1].startswith(b"T BAD")


async def test_one_list_brings_every_status() -> None:
    server = with_box()
    async with connected(server) as raw:
        lines = await raw.ask(b'LIST "" (Box Nowhere INBOX) RETURN (STATUS (MESSAGES UIDNEXT))')
        assert lines == [
            b'* LIST (\\HasNoChildren) "/" INBOX',
            b"* STATUS INBOX (MESSAGES 3 UIDNEXT 4)",
            b'* LIST (\\HasNoChildren) "/" Box',
            b"* STATUS Box (MESSAGES 0 UIDNEXT 1)",
            b"T OK done",
        ]
        server.capabilities -= {"LIST-STATUS"}
        assert (await raw.ask(b'LIST "" (Box) RETURN (STATUS (MESSAGES))'))[-1].startswith(b"T BAD")


class TestQresync:
    async def test_what_went_is_told_at_the_opening(self) -> None:
        server = with_box()
        inbox = server.mailbox("anna")
        before = inbox.highestmodseq
        server.expunge("anna", "INBOX", 1, 3)
        inbox.set_flags(2, ["\\Seen"])
        async with connected(server) as raw:
            assert (await raw.ask(b"EXAMINE INBOX (QRESYNC (%d %d))" % (inbox.uidvalidity, before)))[-1][:5] == b"T BAD"
            assert (await raw.ask(b"ENABLE QRESYNC"))[0] == b"* ENABLED QRESYNC"
            told = await raw.ask(b"EXAMINE INBOX (QRESYNC (%d %d))" % (inbox.uidvalidity, before))
            assert told[-3] == b"* VANISHED (EARLIER) 1,3"
            assert told[-2] == b"* 1 FETCH (UID 2 FLAGS (\\Seen) MODSEQ (%d))" % inbox.highestmodseq
            told = await raw.ask(b"EXAMINE INBOX (QRESYNC (%d %d 2:3))" % (inbox.uidvalidity, before))
            assert told[0].startswith(b"* OK [CLOSED]")
            assert told[-3] == b"* VANISHED (EARLIER) 3"
            for other in (b"(QRESYNC (%d %d))" % (inbox.uidvalidity + 1, before), b"(CONDSTORE)"):
                assert not any(b"VANISHED" in line for line in await raw.ask(b"EXAMINE INBOX " + other))

    async def test_expunges_are_told_by_uid(self) -> None:
        server = with_box()
        async with connected(server) as raw:
            await raw.ask(b"ENABLE QRESYNC")
            await raw.ask(b"EXAMINE INBOX")
            server.expunge("anna", "INBOX", 1, 2)
            assert await raw.ask(b"NOOP") == [b"* VANISHED 1:2", b"T OK done"]


async def test_compress() -> None:
    server = with_box()
    packer, unpacker = zlib.compressobj(wbits=-15), zlib.decompressobj(wbits=-15)
    async with connected(server, select=b"INBOX") as raw:
        assert await raw.ask(b"COMPRESS DEFLATE") == [b"T OK compressed from here on"]
        for command, end in ((b"UID FETCH 1:* (UID BODY.PEEK[])", b"OK fetched"), (b"COMPRESS DEFLATE", b"NO [COMPR")):
            await raw.send(packer.compress(b"x " + command + b"\r\n") + packer.flush(zlib.Z_SYNC_FLUSH))
            text = b""
            while b"x " not in text:
                text += unpacker.decompress(await raw.stream.receive_some(65536))
            assert text.count(LETTER) == (3 if b"FETCH" in command else 0)
            assert b"x " + end in text
        await raw.send(b"\xff" * 10)
        assert await raw.rest() == b""


class TestUtf8:
    async def test_names(self) -> None:
        server = with_box("UTF8=ACCEPT")
        server.users["anna"].create("Entwürfe")
        async with connected(server) as raw:
            assert b'* LIST (\\HasNoChildren) "/" "Entw&APw-rfe"' in await raw.ask(b'LIST "" *')
            assert (await raw.ask(b"ENABLE UTF8=ACCEPT"))[0] == b"* ENABLED UTF8=ACCEPT"
            assert '* LIST (\\HasNoChildren) "/" "Entwürfe"'.encode() in await raw.ask(b'LIST "" *')
            assert (await raw.ask("EXAMINE {9+}\r\nEntwürfe".encode()))[-1].startswith(b"T OK")
            assert (await raw.ask(b"UID SEARCH CHARSET UTF-8 ALL"))[-1].startswith(b"T BAD")
            assert (await raw.ask(b"EXAMINE {1+}\r\n\xff"))[-1].startswith(b"T BAD")

    async def test_a_server_that_serves_nobody_without_it(self) -> None:
        async with connected(with_box("UTF8=ONLY")) as raw:
            assert (await raw.ask(b"EXAMINE INBOX"))[-1].startswith(b"T NO [CANNOT]")
            await raw.ask(b"ENABLE UTF8=ACCEPT")
            assert (await raw.ask(b"EXAMINE INBOX"))[-1].startswith(b"T OK")
