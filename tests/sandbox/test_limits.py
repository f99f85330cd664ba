"""What comes in is bounded and taken strictly."""

import pytest
from trio.testing import MockClock

from bridge.sandbox import ALL_CAPABILITIES, SandboxServer
from bridge.sandbox.syntax import BadCommand, Literal, parse
from tests.sandbox.support import connected, with_anna


async def test_literals_asked_for_and_not() -> None:
    async with connected(with_anna(SandboxServer()), login=False) as raw:
        await raw.send(b"a LOGIN {4}\r\n")
        assert await raw.line() == b"+ go on"
        await raw.send(b"anna {6+}\r\nsecret\r\n")
        assert (await raw.line()).startswith(b"a OK ")


async def test_a_literal_unasked_where_that_is_not_offered() -> None:
    for offered in ([], ["LITERAL-"]):
        capabilities = ALL_CAPABILITIES - {"LITERAL+"} | set(offered)
        async with connected(with_anna(SandboxServer(capabilities=capabilities)), login=False) as raw:
            await raw.send(b"a LOGIN {4097+}\r\n")
            assert await raw.rest() == b"* BYE a literal was sent without asking\r\n"


async def test_a_small_literal_under_literal_minus() -> None:
    capabilities = ALL_CAPABILITIES - {"LITERAL+"} | {"LITERAL-"}
    async with connected(with_anna(SandboxServer(capabilities=capabilities)), login=False) as raw:
        assert (await raw.ask(b"LOGIN {4+}\r\nanna secret"))[-1].startswith(b"T OK ")


@pytest.mark.parametrize(
    ("octets", "bye"),
    [
        (b"a" * 70_000, b"* BYE the line is too long\r\n"),
        (b"a LOGIN {70000}\r\n", b"* BYE the literal is too large\r\n"),
        (b"a APPEND INBOX {200000000}\r\n", b"* BYE the literal is too large\r\n"),
    ],
)
async def test_too_much(octets: bytes, bye: bytes) -> None:
    async with connected(with_anna(SandboxServer()), login=False) as raw:
        await raw.send(octets)
        assert (await raw.rest()).removesuffix(b"(reset)") == bye


async def test_a_silent_client_is_sent_away(autojump_clock: MockClock) -> None:
    async with connected(with_anna(SandboxServer()), login=False) as raw:
        assert await raw.rest() == b"* BYE nothing was said for too long\r\n"


async def test_loopback_only() -> None:
    with pytest.raises(ValueError, match="loopback"):
        await SandboxServer().run(host="0.0.0.0")


PARSED = [
    ([b"a NOOP"], ["a", "NOOP"]),
    ([b"a X (A (B) ()) ()"], ["a", "X", ["A", ["B"], []], []]),
    ([b'a X "q \\" \\\\" \\Seen *'], ["a", "X", b'q " \\', "\\Seen", "*"]),
    ([b"a X ", Literal(b"\x00\r\n"), b" Y"], ["a", "X", b"\x00\r\n", "Y"]),
    ([b"a X (", Literal(b"l"), b")"], ["a", "X", [b"l"]]),
    ([b"a F BODY.PEEK[HEADER.FIELDS (A B)]<0.9> U"], ["a", "F", "BODY.PEEK[HEADER.FIELDS (A B)]<0.9>", "U"]),
]


@pytest.mark.parametrize(("parts", "values"), PARSED, ids=str)
def test_what_is_taken(parts: list[bytes | Literal], values: list[object]) -> None:
    assert parse(parts) == values


REFUSED: list[list[bytes | Literal]] = [
    [b""],
    [b"a  NOOP"],
    [b"a NOOP "],
    [b"a X (A"],
    [b"a X A)"],
    [b"a X ( A)"],
    [b"a X (A )"],
    [b"a X(A)"],
    [b'a X"b"'],
    [b'a X "b'],
    [b'a X "\xfc"'],
    [b"a X \xfc"],
    [b"a X \x00"],
    [b"a X A{3}B"],
    [b"a X", Literal(b"l"), b""],
    [b"a X " + b"(" * 30 + b")" * 30],
]


@pytest.mark.parametrize("parts", REFUSED, ids=str)
def test_what_is_refused(parts: list[bytes | Literal]) -> None:
    with pytest.raises(BadCommand):
        parse(parts)
