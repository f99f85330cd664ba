"""Seeded junk for the POP3 parser: POPBRIDGE_FUZZ inputs (100,000 by default), the same ones at every run.

A failure names the seed of its input, which alone plays it again: `play(SEED)`.
"""

from random import Random

import pytest

from bridge.pop3.reader import CLOSE_LIMIT
from tests.fuzz.watching import feed
from tests.pop3.responder import Heard, connection

PIECE = 512

VERBS = b"USER PASS AUTH STLS CAPA QUIT STAT LIST UIDL RETR TOP DELE LAST RSET NOOP XTND APOP GET".split()
ARGUMENTS = (
    *(b"", b"1", b"2", b"0", b"-1", b"+1", b"1_0", b"1 2", b"1 0", b"fax", b"odd", b"PLAIN", b"PLAIN =", b"*"),
    *(b"9" * 400, b"PLAIN AGZheABzZWNyZXQ=", b"PLAIN " + b"A" * 2100, b"\xd9\xa1", b"\0", b" ", b"\t1\t", b"%s%n"),
    *(
        b"LOGIN",
        b"LOGIN ZmF4",
        b"CRAM-MD5",
        b"SCRAM-SHA-1",
        b"SCRAM-SHA-256 biwsbj1mYXgscj1yT3ByTkdmd0ViZVJXZ2JORWtxTw==",
    ),
    *(b"mrose c4c9334bac560ecc979e58001b3e22fb", b"fax " + b"0" * 32),
)
ENDS = (b"\r\n", b"\r\n", b"\r\n", b"\n", b"\r", b"\r\r\n", b"", b"\0\n", b" \r\n")
OPENINGS = (
    b"",
    b"",
    b"USER fax\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH LOGIN\r\nZmF4\r\n",
    b"AUTH SCRAM-SHA-256 biwsbj1mYXgscj1u\r\n",
    b"AUTH CRAM-MD5\r\n",
    b"STLS\r\n",
    b"USER fax\r\nPASS x\r\n",
    b"\x16\x03\x01",
    b"GET / ",
)


pytestmark = pytest.mark.usefixtures("secrets_by_chance")


def talk(chance: Random) -> bytes:
    """Make up what a device sends: mostly lines that look like commands, then some octets turned over."""
    lines = (_line(chance) for _ in range(chance.randrange(16)))
    sent = bytearray(chance.choice(OPENINGS) + b"".join(lines))
    for _ in range(chance.choice((0, 0, 1, 5))):
        if sent:
            sent[chance.randrange(len(sent))] = chance.randrange(256)
    if chance.random() < 0.02:
        at = chance.randrange(len(sent) + 1)
        sent[at:at] = chance.choice((b"x", b"\r", b"\0", b" ", b"\n")) * chance.choice((254, 8191, 8193, 30000))
    return bytes(sent)


def _line(chance: Random) -> bytes:
    if chance.random() < 0.2:
        return chance.randbytes(chance.randrange(40))
    verb = chance.choice(VERBS)
    if chance.random() < 0.3:
        verb = verb.swapcase()
    return verb + b" " + chance.choice(ARGUMENTS) + chance.choice(ENDS)


def play(seed: int) -> None:
    """Play one input, cut at random: no exception, every octet looked at a few times at most, little kept."""
    chance = Random(seed)
    octets = talk(chance)
    size = chance.choice((1, 3, 50, PIECE)) if len(octets) < 1000 else PIECE
    heard = Heard(connection())
    heard.feed(octets[at : at + size] for at in range(0, len(octets), size)).end()
    assert heard.connection.scanned < 4 * max(1, heard.fed)
    assert heard.most_held <= CLOSE_LIMIT
    assert heard.sent == b"" or heard.sent.endswith(b"\r\n")


def test_junk() -> None:
    feed("pop3", play)
