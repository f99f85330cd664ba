"""What changed is told, at lawful moments and in numbers that the client can follow."""

from bridge.sandbox import SandboxServer
from tests.sandbox.support import LETTER, connected, dial, with_anna


async def test_idle_tells_at_once() -> None:
    server = with_anna(SandboxServer(), LETTER, LETTER)
    async with connected(server, select=b"INBOX") as raw:
        await raw.send(b"i IDLE\r\n")
        assert await raw.line() == b"+ idling"
        server.deliver("anna", LETTER)
        assert await raw.line() == b"* 3 EXISTS"
        server.mailbox("anna").expunge(1)
        assert await raw.line() == b"* 1 EXPUNGE"
        server.mailbox("anna").set_flags(2, ["\\Seen"])
        assert await raw.line() == b"* 1 FETCH (UID 2 FLAGS (\\Seen))"
        await raw.send(b"DONE\r\n")
        assert await raw.line() == b"i OK idled"
        assert await raw.ask(b"UID SEARCH ALL") == [b"* SEARCH 2 3", b"T OK searched"]


async def test_every_idling_connection_is_told() -> None:
    server = with_anna(SandboxServer())
    async with connected(server, select=b"INBOX") as one, dial(server.port) as two:
        await two.line()
        await two.ask(b"LOGIN anna secret")
        await two.ask(b"EXAMINE INBOX")
        for raw in (one, two):
            await raw.send(b"i IDLE\r\n")
            assert await raw.line() == b"+ idling"
        server.deliver("anna", LETTER)
        assert [await one.line(), await two.line()] == [b"* 1 EXISTS"] * 2
        await one.send(b"DONE\r\n")
        assert await one.line() == b"i OK idled"


async def test_what_happened_before_idle_is_told_when_it_begins() -> None:
    server = with_anna(SandboxServer())
    async with connected(server, select=b"INBOX") as raw:
        server.deliver("anna", LETTER)
        await raw.send(b"i IDLE\r\n")
        assert [await raw.line(), await raw.line()] == [b"+ idling", b"* 1 EXISTS"]


async def test_idle_without_a_mailbox_and_ended_wrongly() -> None:
    async with connected(with_anna(SandboxServer())) as raw:
        await raw.send(b"i IDLE\r\n")
        assert await raw.line() == b"+ idling"
        await raw.send(b"NOOP\r\n")
        assert await raw.line() == b"i BAD IDLE ends with DONE"
        assert await raw.ask(b"NOOP") == [b"T OK done"]


async def test_leaving_during_idle_frees_the_connection() -> None:
    server = with_anna(SandboxServer())
    async with connected(server, select=b"INBOX") as raw:
        await raw.send(b"i IDLE\r\n")
        await raw.line()
        await raw.stream.aclose()
        async with dial(server.port) as other:
            await other.line()
            await other.ask(b"NOOP")
            assert server.connections == 1


async def test_expunge_waits_for_a_lawful_moment() -> None:
    server = with_anna(SandboxServer(), LETTER, LETTER, LETTER)
    async with connected(server, select=b"INBOX") as raw:
        server.mailbox("anna").expunge(1)
        server.deliver("anna", LETTER)
        assert await raw.ask(b"FETCH 1:2 UID") == [
            b"* 1 FETCH (UID 1)",
            b"* 2 FETCH (UID 2)",
            b"* 4 EXISTS",
            b"T OK fetched",
        ]
        assert await raw.ask(b"SEARCH ALL") == [b"* SEARCH 2 3 4", b"T OK searched"]
        assert await raw.ask(b"NOOP") == [b"* 1 EXPUNGE", b"T OK done"]
        assert await raw.ask(b"FETCH 3 UID") == [b"* 3 FETCH (UID 4)", b"T OK fetched"]


async def test_a_uid_command_first_hears_of_expunges() -> None:
    server = with_anna(SandboxServer(), LETTER, LETTER)
    async with connected(server, select=b"INBOX") as raw:
        server.mailbox("anna").expunge(1)
        assert await raw.ask(b"UID FETCH 1:2 UID") == [b"* 1 EXPUNGE", b"* 1 FETCH (UID 2)", b"T OK fetched"]


async def test_a_new_uidvalidity_is_seen_at_the_next_select() -> None:
    server = with_anna(SandboxServer(), LETTER, LETTER)
    async with connected(server, select=b"INBOX") as raw:
        server.mailbox("anna").expunge(1)
        await raw.ask(b"NOOP")
        server.mailbox("anna").change_uidvalidity(77)
        assert await raw.ask(b"NOOP") == [b"T OK done"]
        lines = await raw.ask(b"SELECT INBOX")
        assert b"* OK [UIDVALIDITY 77] UIDs valid" in lines
        assert await raw.ask(b"UID SEARCH ALL") == [b"* SEARCH 1", b"T OK searched"]


async def test_a_size_may_lie_and_octets_may_change() -> None:
    server = with_anna(SandboxServer(), b"\r\nab\r\n")
    server.mailbox("anna").announce_size(1, 5000)
    server.mailbox("anna").rewrite(1, b"\r\ncd\r\n")
    async with connected(server, select=b"INBOX") as raw:
        assert await raw.ask(b"FETCH 1 RFC822.SIZE") == [b"* 1 FETCH (RFC822.SIZE 5000)", b"T OK fetched"]
        assert (await raw.ask(b"FETCH 1 BODY.PEEK[TEXT]"))[1] == b"cd"
