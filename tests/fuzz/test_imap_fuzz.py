"""Seeded junk for the IMAP parser: POPBRIDGE_FUZZ inputs (100,000 by default), the same ones at every run.

A failure names the seed of its input, which alone plays it again: `play(SEED)`.
"""

import tracemalloc
import zlib
from contextlib import suppress
from random import Random

import pytest

from bridge.imap import ImapConnection, ImapProtocolError, commands
from bridge.imap.events import Closed, NeedData
from bridge.imap.limits import LINE_OCTETS, NUMBER_LINE_OCTETS, UNPACKED_OCTETS
from tests.fuzz.watching import INPUTS, KEPT_FROM, feed

PIECE = 512
WEIGHED = max(100, INPUTS // 500)
"""Every so many inputs all that is allocated is counted, which is slow, and leaves 2.5 KB behind each time."""

ALLOCATED = 1024 * 1024
"""Octets that one connection may have allocated at any time, given no more than these inputs have."""

LINES = (
    *(
        b"* OK [CAPABILITY IMAP4rev1 IDLE LITERAL+] hello",
        b"* PREAUTH hi",
        b"* BYE gone",
        b"* 3 EXISTS",
        b"* 1 EXPUNGE",
    ),
    *(b'* 1 FETCH (UID 7 RFC822.SIZE 44 INTERNALDATE "24-Nov-2026 09:00:00 +0000")', b"* FLAGS (\\Seen $x)"),
    *(b"* 2 FETCH (UID 8 BODY[]<0> {5}\r\nhello FLAGS ())", b'* 2 FETCH (BODY[] "a\\"b" UID 9)', b"* VANISHED 1:4,9"),
    *(b"* SEARCH 1 2 3 (MODSEQ 9)", b'* ESEARCH (TAG "a1") UID ALL 1:9', b'* LIST (\\Trash) "/" {4}\r\nMist'),
    *(b"* STATUS INBOX (MESSAGES 3 UIDNEXT 9)", b'* NAMESPACE (("" "/")) NIL NIL', b'* ID ("name" NIL)', b"+ go on"),
    *(b"* 2 FETCH (UID 8 BODY[] {5}\r\nhello)", b"* 2 FETCH (UID 8 BODY[]<7> {5}\r\n)\r\n..)"),
    *(b"* 1 FETCH (X-GM-MSGID 12 EMAILID (M1) MODSEQ (4))", b"* OK [UIDVALIDITY 4] x", b"* OK [COPYUID 1 2 3] x"),
    *(b"a1 OK done", b"a2 NO [UNAVAILABLE] later", b'* XYZZY ((((1) 2) "3") {3}\r\nabc)', b"* LIST () NIL &ZeVnLIqe-"),
    *(b"* 4294967296 EXISTS", b"* 1 FETCH (UID 0)", b"* 1 FETCH (BODY[] {99999999999}", b"* 1 FETCH " + b"(" * 300),
)
COMMANDS = (
    commands.capability,
    commands.noop,
    lambda: commands.list_messages(1, None),
    lambda: commands.examine("Entwürfe"),
    lambda: commands.examine("a\r\nb"),
    commands.idle,
)


pytestmark = pytest.mark.usefixtures("secrets_by_chance")


def talk(chance: Random) -> bytes:
    """Make up what a server sends: mostly lines that look like responses, then some octets turned over."""
    lines = [b"* OK hello"] if chance.random() < 0.8 else []
    lines += [
        chance.choice(LINES) if chance.random() < 0.85 else chance.randbytes(30) for _ in range(chance.randrange(12))
    ]
    sent = bytearray(b"".join(line + chance.choice((b"\r\n", b"\r\n", b"\r\n", b"\n", b"")) for line in lines))
    for _ in range(chance.choice((0, 0, 1, 4))):
        if sent:
            sent[chance.randrange(len(sent))] = chance.randrange(256)
    if chance.random() < 0.02:
        at = chance.randrange(len(sent) + 1)
        sent[at:at] = chance.choice((b"x", b"(", b'"', b" ", b"{", b"1,")) * chance.choice((300, 9_000, 70_000))
    return bytes(sent)


def pack(chance: Random, octets: bytes) -> bytes:
    """Pack what a server sends, as COMPRESS has it, then turn some of it over."""
    packer = zlib.compressobj(chance.choice((0, 1, 9)), zlib.DEFLATED, -15)
    cut = chance.randrange(len(octets) + 1)
    out = packer.compress(octets[:cut]) + packer.flush(zlib.Z_SYNC_FLUSH) + packer.compress(octets[cut:])
    sent = bytearray(out + packer.flush(chance.choice((zlib.Z_SYNC_FLUSH, zlib.Z_FINISH))))
    for _ in range(chance.choice((0, 0, 1, 4))):
        sent[chance.randrange(len(sent))] = chance.randrange(256)
    return bytes(sent)


def play_packed(seed: int) -> None:
    """Play one input behind COMPRESS, cut at random: nothing but a protocol error, and little kept."""
    chance = Random(seed)
    octets = pack(chance, talk(chance))
    connection = ImapConnection()
    connection.send(commands.compress())
    connection.receive_data(b"* OK hello\r\nA1 OK go\r\n")
    _take_all(connection)
    with suppress(ImapProtocolError):
        for at in range(0, len(octets), PIECE):
            connection.receive_data(octets[at : at + PIECE])
            while True:
                _take_all(connection)
                assert connection.held <= 2 * LINE_OCTETS + UNPACKED_OCTETS + PIECE
                if not connection.packed:
                    break
                connection.receive_data(b"")
        connection.receive_eof()
        _take_all(connection)


def play(seed: int) -> None:
    """Play one input, cut at random: nothing but a protocol error, every octet looked at a few times, little kept."""
    chance = Random(seed)
    octets = talk(chance)
    size = chance.choice((1, 3, 50, PIECE)) if len(octets) < 1000 else PIECE
    connection = ImapConnection()
    if chance.random() < 0.7:
        connection.send(chance.choice(COMMANDS)())
    lists = b"SEARCH" in octets.upper() or b"VANISHED" in octets.upper()
    most = NUMBER_LINE_OCTETS if lists else 2 * LINE_OCTETS + PIECE
    fed = 0
    with suppress(ImapProtocolError):
        for at in range(0, len(octets), size):
            connection.receive_data(octets[at : at + size])
            fed += min(size, len(octets) - at)
            _take_all(connection)
            assert connection.held <= min(fed, most)
            connection.data_to_send()
        connection.receive_eof()
        _take_all(connection)
    assert connection.scanned < 4 * max(1, fed)


def _take_all(connection: ImapConnection) -> None:
    while not isinstance(connection.next_event(), NeedData | Closed):
        pass


def weigh(seed: int) -> None:
    """Play one input and see that little was ever allocated for it."""
    tracemalloc.start()
    try:
        play(seed)
        assert tracemalloc.get_traced_memory()[1] < ALLOCATED
    finally:
        tracemalloc.stop()


def _junk(seed: int) -> None:
    (play if seed % WEIGHED else weigh)(seed)


def test_junk() -> None:
    feed("imap", _junk)


def test_packed_junk() -> None:
    feed("imap, packed", play_packed, INPUTS if INPUTS >= KEPT_FROM else INPUTS // 10)
