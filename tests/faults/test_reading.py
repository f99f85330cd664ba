"""An upstream that fails, lies or stalls while a message is fetched: it comes whole and right, or not to its end."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from bridge.sandbox import Rule
from bridge.sandbox.faults import Alter, Chatter, Close, Cut, Drip, Hang, Reset, Say
from tests.faults import house as houses
from tests.faults import table
from tests.faults.house import HEALED, LETTER, TIMEOUT, House, house, within
from tests.faults.outcome import Outcome
from tests.faults.table import Faults

_TEXT = re.compile(rb"\{([0-9]+)\}\r\n")

OUTCOME = Outcome(
    hears="a message whole and right, `-ERR`, or a cut connection; never a proper end of less",
    within=f"RETR {3 * TIMEOUT:g} s",
    left="nothing changed",
)


def other(how: Callable[[bytes], bytes]) -> Alter:
    """Have the server give another text, in literals of the right size."""

    def alter(octets: bytes) -> bytes:
        found, at = b"", 0
        while head := _TEXT.search(octets, at):
            end = head.end() + int(head[1])
            changed = how(octets[head.end() : end])
            found += octets[at : head.start()] + b"{%d}\r\n" % len(changed) + changed
            at = end
        return found + octets[at:]

    return Alter(alter)


def announced(by: int) -> Alter:
    """Have the first literal announced with a size that is not its own."""
    return Alter(lambda octets: _TEXT.sub(lambda found: b"{%d}\r\n" % max(0, int(found[1]) + by), octets, count=1))


def instead(what: bytes) -> Alter:
    """Have something else where the text belongs."""

    def alter(octets: bytes) -> bytes:
        head = _TEXT.search(octets)
        return octets if head is None else octets[: head.start()] + what + octets[head.end() + int(head[1]) :]

    return Alter(alter)


def swapped(octets: bytes) -> bytes:
    """Give the tagged response before the rest."""
    lines = octets.rstrip(b"\r\n").rpartition(b"\r\n")
    return lines[2] + b"\r\n" + lines[0] + b"\r\n"


def other_uid(octets: bytes) -> bytes:
    """Give every text under the UID of another message."""
    return re.sub(rb"UID ([0-9]+)", lambda found: b"UID %d" % (int(found[1]) % 5 + 1), octets)


LIES: Mapping[str, Faults] = {
    "NIL": (instead(b"NIL"),),
    "an empty quoted string": (instead(b'""'),),
    "an empty literal": (other(lambda _: b""),),
    "half": (other(lambda whole: whole[: len(whole) // 2]),),
    "all but the last octet": (other(lambda whole: whole[:-1]),),
    "one octet more": (other(lambda whole: whole + b"!"),),
    "twice as much": (other(lambda whole: whole + whole),),
    "300 KB": (other(lambda _: 300_000 * b"x"),),
    "a literal that announces an octet more": (announced(1),),
    "a literal that announces 100 octets more": (announced(100),),
    "a literal that announces an octet less": (announced(-1),),
    "a literal that announces 100 octets less": (announced(-100),),
    "a literal that announces 10 GB": (announced(10_000_000_000),),
    "a quoted string": (instead(b'"hello"'),),
    "a list": (instead(b"(hello)"),),
    "a word": (instead(b"hello"),),
    "no text": (Alter(lambda octets: octets.rstrip(b"\r\n").rpartition(b"\r\n")[2] + b"\r\n"),),
    "OK before the text": (Alter(swapped),),
    "all of it twice": (Alter(lambda octets: octets.partition(b"A")[0] + octets),),
    "another UID": (Alter(other_uid),),
    "no UID": (Alter(lambda octets: re.sub(rb"UID [0-9]+ ", b"", octets)),),
    "the UID behind the text": (
        Alter(lambda octets: re.sub(rb"\(UID ([0-9]+) (BODY.*?)\)\r\n", rb"(\2 UID \1)\r\n", octets, flags=re.DOTALL)),
    ),
    "another message number": (Alter(lambda octets: re.sub(rb"\* [0-9]+ FETCH", b"* 77 FETCH", octets)),),
    "another origin": (Alter(lambda octets: octets.replace(b"]<0>", b"]<7>")),),
    "no origin": (Alter(lambda octets: re.sub(rb"\]<[0-9]+>", b"]", octets)),),
    "another section": (Alter(lambda octets: octets.replace(b"BODY[]", b"BODY[HEADER]")),),
    "RFC822": (Alter(lambda octets: octets.replace(b"BODY[]", b"RFC822")),),
    "EXPUNGE before it": (Say(b"* 1 EXPUNGE\r\n"),),
    "EXISTS before it": (Say(b"* 99 EXISTS\r\n"),),
    "VANISHED before it": (Say(b"* VANISHED 1:99\r\n"),),
    "CLOSED before it": (Say(b"* OK [CLOSED] gone\r\n"),),
    "another UIDVALIDITY before it": (Say(b"* OK [UIDVALIDITY 999] new\r\n"),),
}

STALLS: Mapping[str, Faults] = {
    f"{type(then).__name__.lower()} after {after} octets": (Cut(after, then),)
    for then in (Close(), Reset(), Hang(), Chatter(every=1))
    for after in (0, 1, 20)
}
SLOW: Mapping[str, Faults] = {
    "an octet a second": (Drip(1, every=1),),
    "100 octets a second": (Drip(100, every=1),),
    "segments of 1,000 octets": (Drip(1000, every=0),),
}


FORGOTTEN = 1000.0
"""Seconds until a text is fetched again that was fetched to count it."""


async def fetches(at: House, bound: float) -> None:
    """See that each message that comes to its end is right, that what fails says so, and nothing takes long."""
    tried = 0
    while tried < len(at.texts):
        async with at.connected() as device:
            assert (await device.login()).startswith("+OK")
            try:
                for number, text in list(enumerate(at.texts, 1))[tried:]:
                    tried = number
                    with within(bound):
                        found = await device.retr(number)
                    assert found == text or str(found).startswith("-ERR"), found
                    assert "[AUTH]" not in str(found)
                assert (await device.say("QUIT")).startswith("+OK")
                return
            except houses.Cut:
                continue


async def whole(at: House, known: list[str]) -> None:
    async with at.session() as device:
        assert await device.unique_ids() == known
        assert [await device.retr(number + 1) for number in range(len(known))] == at.texts
    left = list(at.upstream.mailbox("anna"))
    assert [message.octets for message in left] == at.texts
    assert not any(message.flags for message in left)


def cases() -> Iterator[object]:
    for name, faults in {**table.ALL, **LIES}.items():
        yield pytest.param(Rule("command", faults, "UID FETCH", "BODY.PEEK[]", times=None), id=name)
    for name, faults in {**table.FEW_REFUSALS, **table.ENDS}.items():
        yield pytest.param(Rule("tagged", faults, "UID FETCH", "BODY.PEEK[]", times=None), id=f"at its end: {name}")
    for name, faults in {**STALLS, **SLOW}.items():
        yield pytest.param(Rule("literal", faults, "UID FETCH", "BODY.PEEK[]", times=None), id=f"in it: {name}")


@pytest.mark.parametrize("rule", list(cases()))
async def test_a_message_comes_right_or_not_to_its_end(tmp_path: Path, autojump_clock: MockClock, rule: Rule) -> None:
    small = isinstance(rule.faults, tuple) and Drip(1, every=0) in rule.faults
    async with house(tmp_path, texts=[LETTER.format(1).encode()] if small else None) as at:
        known = await at.listed()
        await trio.sleep(FORGOTTEN)
        at.strike(rule)
        await fetches(at, 3 * TIMEOUT)
        assert rule.struck
        at.heal()
        await trio.sleep(HEALED)
        # Where another size was measured meanwhile, the next RETR measures the true one.
        await fetches(at, 3 * TIMEOUT)
        await whole(at, known)
