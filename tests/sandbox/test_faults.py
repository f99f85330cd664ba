"""Each fault, where it is asked for, as often as it is asked for."""

import pytest
import trio
from trio.testing import MockClock

from bridge.sandbox import Moment, Rule, SandboxServer, Script
from bridge.sandbox.faults import Alter, Answer, Bye, Chatter, Close, Cut, Do, Drip, Fault, Flood, Hang, Reset, Say
from tests.sandbox.support import LETTER, connected, dial, serving, with_anna


def scripted(*rules: Rule) -> SandboxServer:
    return with_anna(SandboxServer(script=Script(list(rules))), LETTER)


GREETINGS: list[tuple[Fault | tuple[Fault, ...], bytes]] = [
    (Answer("PREAUTH", "hello"), b"* PREAUTH hello"),
    (Answer("NO", "odd"), b"* NO odd"),
    (Bye("full", "UNAVAILABLE"), b"* BYE [UNAVAILABLE] full"),
    (Close(), b"(end)"),
    ((Say(b"* junk\r\n"), Close()), b"* junk"),
]


@pytest.mark.parametrize(("faults", "line"), GREETINGS, ids=str)
async def test_the_greeting(faults: Fault | tuple[Fault, ...], line: bytes) -> None:
    async with serving(scripted(Rule("greeting", faults))) as port:
        async with dial(port) as raw:
            assert await raw.line() == line
        async with dial(port) as raw:
            assert (await raw.line()).startswith(b"* OK ")


async def test_a_command_is_answered_and_not_done() -> None:
    rule = Rule("command", Answer("NO", "busy", "UNAVAILABLE"), "SELECT", skip=1, times=2)
    async with connected(scripted(rule)) as raw:
        tagged = [(await raw.ask(b"SELECT INBOX"))[-1][:16] for _ in range(4)]
        assert tagged == [b"T OK [READ-WRITE", b"T NO [UNAVAILABL", b"T NO [UNAVAILABL", b"T OK [READ-WRITE"]
    assert (rule.seen, rule.struck) == (4, 2)


async def test_before_the_tagged_response() -> None:
    rules = [
        Rule("tagged", (Say(b"{tag} OK early\r\n"), Close()), "NOOP"),
        Rule("tagged", Answer("BAD"), "UID FETCH"),
    ]
    async with connected(scripted(*rules), select=b"INBOX") as raw:
        assert await raw.ask(b"UID FETCH 1 UID") == [b"* 1 FETCH (UID 1)", b"T BAD scripted"]
        assert await raw.ask(b"NOOP") == [b"T OK early"]
        assert await raw.rest() == b""


@pytest.mark.parametrize("end", [Close(), Reset()], ids=str)
async def test_within_a_literal(end: Close | Reset) -> None:
    server = scripted(Rule("literal", Cut(5, end), arguments="BODY.PEEK[]"))
    async with connected(server, select=b"INBOX") as raw:
        await raw.send(b"f FETCH 1 BODY.PEEK[]\r\n")
        sent = await raw.rest()
    assert sent.removesuffix(b"(reset)") == b"* 1 FETCH (BODY[] {%d}\r\n" % len(LETTER) + LETTER[:5]
    assert server.history[-1].size == 0


async def test_hanging_until_the_client_leaves() -> None:
    server = scripted(Rule("command", Hang(), "NOOP"))
    async with connected(server) as raw:
        await raw.send(b"n NOOP\r\nm CAPABILITY\r\n")
        assert isinstance(raw.stream, trio.SocketStream)
        await raw.stream.send_eof()
        assert await raw.rest() == b""
    assert [m.command for m in server.commands()] == ["LOGIN", "NOOP"]


async def test_chatter_without_end() -> None:
    async with connected(scripted(Rule("command", Chatter(b"* OK hm\r\n", every=0), "NOOP"))) as raw:
        await raw.send(b"n NOOP\r\n")
        assert [await raw.line() for _ in range(500)] == [b"* OK hm"] * 500


async def test_dripping(autojump_clock: MockClock) -> None:
    async with connected(scripted(Rule("command", Drip(3, every=10), "NOOP"))) as raw:
        began = trio.current_time()
        assert await raw.ask(b"NOOP") == [b"T OK done"]
        assert trio.current_time() - began == 30


async def test_something_done_to_the_mailbox_in_between() -> None:
    server = scripted()
    server.script = Script([Rule("command", Do(lambda: server.mailbox("anna").change_uidvalidity(9)), "EXAMINE")])
    async with connected(server) as raw:
        assert b"* OK [UIDVALIDITY 9] UIDs valid" in await raw.ask(b"EXAMINE INBOX")


async def test_rules_add_up_and_choose_by_connection() -> None:
    rules = [
        Rule("command", Say(b"* OK one\r\n"), times=None, connection=2),
        Rule("command", Say(b"* OK two\r\n"), "NOOP", times=None),
    ]
    server = scripted(*rules)
    async with connected(server) as raw:
        assert await raw.ask(b"NOOP") == [b"* OK two", b"T OK done"]
        async with dial(server.port) as other:
            await other.line()
            assert await other.ask(b"NOOP") == [b"* OK one", b"* OK two", b"T OK done"]


async def test_any_object_may_be_the_script() -> None:
    class Grumpy:
        def __init__(self) -> None:
            self.seen: list[Moment] = []

        def consider(self, moment: Moment) -> tuple[Fault, ...]:
            self.seen.append(moment)
            return (Answer("NO", "no"),) if moment.point == "command" else ()

    script = Grumpy()
    async with connected(with_anna(SandboxServer(script=script)), login=False) as raw:
        assert await raw.ask(b"LOGIN anna secret") == [b"T NO no"]
    assert [(m.point, m.connection, m.command) for m in script.seen] == [
        ("greeting", 1, ""),
        ("command", 1, "LOGIN"),
        ("tagged", 1, "LOGIN"),
    ]


async def test_dropping_all_connections() -> None:
    server = scripted()
    async with connected(server) as raw:
        server.drop_connections()
        assert (await raw.rest()).removesuffix(b"(reset)") == b""
        async with dial(server.port) as again:
            assert (await again.line()).startswith(b"* OK ")


async def test_one_connection_too_many() -> None:
    server = scripted()
    server.max_connections = 1
    async with connected(server), dial(server.port) as second:
        assert await second.rest() == b"* BYE [LIMIT] too many connections\r\n"


async def test_what_a_command_sends_can_be_altered() -> None:
    rule = Rule("command", Alter(lambda octets: octets.replace(b"UID 1", b"UID 7")), "UID FETCH")
    async with connected(scripted(rule), select=b"INBOX") as raw:
        assert await raw.ask(b"UID FETCH 1 UID") == [b"* 1 FETCH (UID 7)", b"T OK fetched"]
        assert await raw.ask(b"UID FETCH 1 UID") == [b"* 1 FETCH (UID 1)", b"T OK fetched"]


async def test_a_flood_comes_before_the_rest() -> None:
    rule = Rule("command", Flood(b"* OK again\r\n", 3), "NOOP")
    async with connected(scripted(rule)) as raw:
        assert await raw.ask(b"NOOP") == [*3 * [b"* OK again"], b"T OK done"]
