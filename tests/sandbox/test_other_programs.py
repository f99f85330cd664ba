"""What a test does to mailboxes behind the connections' backs, as other mail programs and admins would."""

from bridge.sandbox import ALL_CAPABILITIES, SandboxServer
from tests.sandbox.support import LETTER, connected, with_anna

TWO = b"Subject: two\r\n\r\n"


async def test_moved_and_copied_messages_keep_what_they_are() -> None:
    server = with_anna(SandboxServer(), LETTER, TWO)
    trash = server.users["anna"].create("Trash", "\\Trash")
    inbox = server.mailbox("anna")
    inbox.set_flags(2, ["\\Seen"])
    was = inbox[2]
    async with connected(server, select=b"INBOX") as raw:
        assert server.copy("anna", "INBOX", "Trash", 1) == [1]
        assert server.move("anna", "INBOX", "Trash", 2) == [2]
        assert await raw.ask(b"NOOP") == [b"* 2 EXPUNGE", b"T OK done"]
    assert [(m.octets, m.date, m.flags, m.emailid) for m in trash] == [
        (LETTER, inbox[1].date, set(), inbox[1].emailid),
        (TWO, was.date, {"\\Seen"}, was.emailid),
    ]
    assert inbox.uids() == [1]


async def test_emptied_and_restored() -> None:
    server = with_anna(SandboxServer(), LETTER, TWO)
    server.mailbox("anna").announce_size(2, 99)
    async with connected(server, select=b"INBOX") as raw:
        taken = server.empty("anna")
        assert await raw.ask(b"NOOP") == [b"* 2 EXPUNGE", b"* 1 EXPUNGE", b"T OK done"]
        assert server.restore("anna", taken) == [3, 4]
        assert await raw.ask(b"UID FETCH 1:* RFC822.SIZE") == [
            b"* 2 EXISTS",
            b"* 1 FETCH (UID 3 RFC822.SIZE %d)" % len(LETTER),
            b"* 2 FETCH (UID 4 RFC822.SIZE 99)",
            b"T OK fetched",
        ]
    server.expunge("anna", "INBOX", 3)
    assert server.mailbox("anna").uids() == [4]


async def test_every_way_to_begin_anew_gives_another_uidvalidity() -> None:
    server = with_anna(SandboxServer(), LETTER, TWO)
    server.users["anna"].create("Trash", "\\Trash")
    server.expunge("anna", "INBOX", 1)
    seen = {server.mailbox("anna", name).uidvalidity for name in ("INBOX", "Trash")}
    assert server.renumber("anna") == [1]
    seen.add(server.mailbox("anna").uidvalidity)
    assert [message.octets for message in server.recreate("anna", "INBOX")] == [TWO]
    seen.add(server.mailbox("anna").uidvalidity)
    server.recreate("anna", "Trash")
    seen.add(server.mailbox("anna", "Trash").uidvalidity)
    assert len(seen) == 5
    async with connected(server) as raw:
        assert b'* LIST (\\HasNoChildren \\Trash) "/" Trash' in await raw.ask(b'LIST "" *')
        server.remove("anna", "Trash")
        assert await raw.ask(b"SELECT Trash") == [b"T NO [NONEXISTENT] no such mailbox"]


async def test_quota_is_told_where_it_is_offered() -> None:
    server = with_anna(SandboxServer(capabilities=ALL_CAPABILITIES | {"QUOTA"}), LETTER)
    async with connected(server) as raw:
        assert await raw.ask(b"GETQUOTAROOT INBOX") == [b"* QUOTAROOT INBOX", b"T OK done"]
        server.users["anna"].quota = 10_240
        assert await raw.ask(b"GETQUOTAROOT INBOX") == [
            b'* QUOTAROOT INBOX ""',
            b'* QUOTA "" (STORAGE 1 10)',
            b"T OK done",
        ]
        assert await raw.ask(b"GETQUOTAROOT nowhere") == [b"T NO [NONEXISTENT] no such mailbox"]
        server.capabilities.discard("QUOTA")
        assert await raw.ask(b"GETQUOTAROOT INBOX") == [b"T BAD unknown command or argument"]
