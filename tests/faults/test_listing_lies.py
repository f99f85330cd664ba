"""An upstream that lies about what it has: the list is never shortened by it, and tells the truth afterwards."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.sandbox import Rule, SandboxServer
from bridge.sandbox.faults import Alter, Answer, Fault, Say
from tests.faults.house import HEALED, LETTER, REFRESH_WAIT, House, house, inbox, within
from tests.faults.outcome import Outcome

NEW = LETTER.format("new").encode()

OUTCOME = Outcome(
    hears="at least all that it was shown before",
    within=f"login {2 * REFRESH_WAIT:g} s",
    left="nothing changed; no more than 400 commands in 400 s",
)


def cut_out(pattern: bytes) -> Alter:
    """Have the server leave out what matches."""
    return Alter(lambda octets: re.sub(pattern, b"", octets))


def put(pattern: bytes, instead: bytes) -> Alter:
    """Have the server say something else."""
    return Alter(lambda octets: re.sub(pattern, instead, octets))


def rows(how: Callable[[list[bytes]], list[bytes]]) -> Alter:
    """Have the server list other rows."""

    def alter(octets: bytes) -> bytes:
        lines = octets.splitlines(keepends=True)
        told = [line for line in lines if b" FETCH (" in line]
        return b"".join([*how(told), *(line for line in lines if line not in told)])

    return Alter(alter)


OPENING: Mapping[str, Fault] = {
    "no EXISTS": cut_out(rb"\* \d+ EXISTS\r\n"),
    "EXISTS 0": put(rb"\* \d+ EXISTS", b"* 0 EXISTS"),
    "EXISTS one too few": put(rb"\* \d+ EXISTS", b"* 5 EXISTS"),
    "EXISTS many too many": put(rb"\* \d+ EXISTS", b"* 999 EXISTS"),
    "EXISTS 4294967295": put(rb"\* \d+ EXISTS", b"* 4294967295 EXISTS"),
    "EXISTS that grows": put(rb"(\* \d+ EXISTS\r\n)", rb"\1* 7 EXISTS\r\n* 8 EXISTS\r\n"),
    "no UIDVALIDITY": cut_out(rb"\* OK \[UIDVALIDITY [^\n]*\n"),
    "UIDVALIDITY 0": put(rb"UIDVALIDITY \d+", b"UIDVALIDITY 0"),
    "UIDVALIDITY of 40 digits": put(rb"UIDVALIDITY \d+", b"UIDVALIDITY " + 40 * b"9"),
    "UIDVALIDITY 2**32": put(rb"UIDVALIDITY \d+", b"UIDVALIDITY 4294967296"),
    "UIDVALIDITY negative": put(rb"UIDVALIDITY \d+", b"UIDVALIDITY -5"),
    "UIDVALIDITY of no digits": put(rb"UIDVALIDITY \d+", b"UIDVALIDITY x"),
    "no UIDNEXT": cut_out(rb"\* OK \[UIDNEXT [^\n]*\n"),
    "UIDNEXT too low": put(rb"UIDNEXT \d+", b"UIDNEXT 1"),
    "UIDNEXT too high": put(rb"UIDNEXT \d+", b"UIDNEXT 4000000000"),
    "no HIGHESTMODSEQ": cut_out(rb"\* OK \[HIGHESTMODSEQ [^\n]*\n"),
    "no FLAGS": cut_out(rb"\* FLAGS[^\n]*\n"),
    "nothing but OK": cut_out(rb"\* [^\n]*\n"),
    "READ-WRITE": put(rb"READ-ONLY", b"READ-WRITE"),
    "EXPUNGE of what is there": put(rb"(\* \d+ EXISTS\r\n)", rb"\1* 1 EXPUNGE\r\n"),
    "VANISHED of all": put(rb"(\* \d+ EXISTS\r\n)", rb"\1* VANISHED (EARLIER) 1:99\r\n"),
}

LISTING: Mapping[str, Fault] = {
    "the first row is missing": rows(lambda told: told[1:]),
    "the last known row is missing": rows(lambda told: [*told[:-2], *told[-1:]]),
    "every row is missing": rows(lambda told: []),
    "every second row is missing": rows(lambda told: told[::2]),
    "NO after half": rows(lambda told: told[:3]),
    "every row twice": rows(lambda told: [*told, *told]),
    "from the last to the first": rows(lambda told: told[::-1]),
    "no sizes": cut_out(rb"RFC822\.SIZE \d+ "),
    "no dates": put(rb'INTERNALDATE "[^"]*"', b"INTERNALDATE NIL"),
    "no UIDs": cut_out(rb"UID \d+ "),
    "no flags nor anything": put(rb"FETCH \([^\n]*\)", b"FETCH ()"),
    "sizes of 0": put(rb"RFC822\.SIZE \d+", b"RFC822.SIZE 0"),
    "sizes of 2**63": put(rb"RFC822\.SIZE \d+", b"RFC822.SIZE 9223372036854775808"),
    "negative sizes": put(rb"RFC822\.SIZE \d+", b"RFC822.SIZE -1"),
    "every size one more": Alter(
        lambda octets: re.sub(rb"SIZE (\d+)", lambda found: b"SIZE %d" % (int(found[1]) + 1), octets)
    ),
    "message numbers that lie": put(rb"\* \d+ FETCH", b"* 4000000000 FETCH"),
    "one message number for all": put(rb"\* \d+ FETCH", b"* 1 FETCH"),
    "another's ids": put(rb"EMAILID \([^)]*\)", b"EMAILID (Mevil)"),
    "ids that are none": put(rb"EMAILID \([^)]*\)", b"EMAILID NIL"),
    "rows of messages that are not there": rows(
        lambda told: [*told, *(told[-1].replace(b"UID 6", b"UID %d" % uid) for uid in range(7, 12))]
    ),
}

SEARCHES: Mapping[str, Fault] = {
    "nothing said": cut_out(rb"\* E?SEARCH[^\n]*\n"),
    "nothing found": put(rb"\* E?SEARCH[^\n]*\n", b"* SEARCH\r\n"),
    "half found": put(rb"ALL [0-9:,]+", b"ALL 1:2"),
    "message numbers": put(rb"\* ESEARCH[^\n]*\n", b"* ESEARCH ALL 1:3\r\n"),
    "a count that does not add up": put(rb"ALL [0-9:,]+", b"ALL 1:2 COUNT 9"),
    "another's answer": put(rb'TAG "[^"]*"', b'TAG "Z9"'),
    "all there can be": put(rb"ALL [0-9:,]+", b"ALL 1:4294967295"),
    "NO": Answer("NO", "cannot search"),
}

CASES = {
    **{f"EXAMINE: {name}": Rule("command", fault, "EXAMINE") for name, fault in OPENING.items()},
    **{f"listing: {name}": Rule("command", fault, "UID FETCH", "RFC822.SIZE") for name, fault in LISTING.items()},
    **{f"SEARCH: {name}": Rule("command", fault, "UID SEARCH") for name, fault in SEARCHES.items()},
    **{
        f"NOOP: {name}": Rule("command", Say(said), "NOOP")
        for name, said in {
            "EXISTS that lies": b"* 99 EXISTS\r\n",
            "EXISTS 0": b"* 0 EXISTS\r\n",
            "EXPUNGE that lies": b"* 1 EXPUNGE\r\n",
            "VANISHED that lies": b"* VANISHED 1:3\r\n",
            "another UIDVALIDITY": b"* OK [UIDVALIDITY 77] odd\r\n",
            "CLOSED": b"* OK [CLOSED] odd\r\n",
        }.items()
    },
}  # fmt: skip
"""Rules that change nothing themselves: each case strikes its own."""

TOGETHER: Mapping[str, tuple[Fault, Fault]] = {
    "half of it, though it counts all": (rows(lambda told: told[::2]), put(rb"SEARCH 1[^\n]*", b"SEARCH 1 3 5\r")),
    "all but one, though it counts all": (rows(lambda told: told[1:]), put(rb"SEARCH 1[^\n]*", b"SEARCH 2 3 4 5 6\r")),
}
"""What it tells of both by rows and to a search."""

MOST_COMMANDS = 400
"""In 400 s of being lied to: more would be a loop without a pause."""


async def polls(at: House, known: list[str]) -> None:
    """See that what the device knew is listed, all of it."""
    async with at.connected() as device:
        with within(2 * REFRESH_WAIT):
            answer = await device.login()
        assert answer.startswith("+OK"), answer
        assert (await device.unique_ids())[: len(known)] == known
        await device.say("QUIT")


async def comes_true(at: House, known: list[str]) -> None:
    """See that what is there is listed, once each, under the names it had."""
    async with at.session() as device:
        found = await device.unique_ids()
        assert found[: len(known)] == known
        assert len(found) == len(set(found)) == len(at.texts)
        got = [await device.retr(number + 1) for number in range(len(found))]
        assert [text for text in got if isinstance(text, bytes)] == got == at.texts
    assert [message.octets for message in at.upstream.mailbox("anna")] == at.texts


@pytest.mark.parametrize("case", list(CASES))
async def test_a_lie_hides_nothing(tmp_path: Path, autojump_clock: MockClock, case: str) -> None:
    rule = CASES[case]
    await lied_to(tmp_path, Rule(rule.point, rule.faults, rule.command, rule.arguments, times=None))


@pytest.mark.parametrize("case", list(TOGETHER))
async def test_lies_that_agree_hide_nothing(tmp_path: Path, autojump_clock: MockClock, case: str) -> None:
    row, search = TOGETHER[case]
    upstream = inbox()
    upstream.capabilities = {"IMAP4REV1", "AUTH=PLAIN"}
    await lied_to(
        tmp_path,
        Rule("command", row, "UID FETCH", "RFC822.SIZE", times=None),
        Rule("command", search, "UID SEARCH", times=None),
        upstream=upstream,
    )


async def lied_to(directory: Path, *rules: Rule, upstream: SandboxServer | None = None) -> None:
    async with house(directory, upstream) as at:
        known = await at.listed()
        at.strike(*rules)
        at.upstream.drop_connections()
        at.deliver(NEW)
        await polls(at, known)
        before = len(at.upstream.history)
        await trio.sleep(HEALED)
        assert len(at.upstream.history) - before < MOST_COMMANDS
        await polls(at, known)
        at.heal()
        at.upstream.drop_connections()
        await trio.sleep(HEALED)
        await comes_true(at, known)
