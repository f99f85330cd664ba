"""What is fuzzed: each target takes any octets, and raises when what it tries does not behave."""

import base64
import re
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from bridge.adapt import HeaderEditing, extra
from bridge.config import load
from bridge.imap import ImapConnection, ImapProtocolError, commands
from bridge.imap.events import Closed, NeedData
from bridge.imap.limits import LINE_OCTETS, NUMBER_LINE_OCTETS
from bridge.model.failures import ConfigError
from bridge.model.peer import private_peer
from bridge.net.proxy_header import Header, HeaderReader, NotAHeader
from bridge.octets import CrlfRepair, HeaderScan
from bridge.pop3 import Features, Pop3Connection, TopCut
from bridge.pop3.reader import CLOSE_LIMIT
from bridge.pop3.stuffing import DotStuffing
from bridge.sasl import SaslError, decode_plain, encode_plain
from tests.fuzz import conversations, texts
from tests.pop3.responder import Heard, connection

PIECE = 512


def pop3(octets: bytes) -> None:
    """A device says these, in pieces and whole: no exception, the same answers, and little kept."""
    cut, whole = (
        Heard(connection()).feed(pieces).end()
        for pieces in ((octets[at : at + 3] for at in range(0, len(octets), 3)), [octets] if octets else [])
    )
    assert cut.most_held <= CLOSE_LIMIT + 3
    assert not cut.sent or cut.sent.endswith(b"\r\n")
    # What comes behind STLS in the same piece is dropped, and a stranger is known by the first piece.
    if b"STLS" not in octets.upper() and len(octets) > PIECE:
        assert cut.sent.startswith(whole.sent) or whole.sent.startswith(cut.sent)


def imap(octets: bytes) -> None:
    """A server says these: nothing but a protocol error, and little kept."""
    connection = ImapConnection()
    for command in (commands.capability(), commands.list_messages(1, None), commands.examine("a\r\nb")):
        connection.send(command)
    upper = octets.upper()
    lists = b"SEARCH" in upper or b"VANISHED" in upper
    most = NUMBER_LINE_OCTETS if lists else 2 * LINE_OCTETS + PIECE
    with suppress(ImapProtocolError):
        for at in range(0, len(octets), PIECE):
            connection.receive_data(octets[at : at + PIECE])
            _take_all(connection)
            connection.data_to_send()
            assert connection.held <= min(at + PIECE, most)
        connection.receive_eof()
        _take_all(connection)


def _take_all(connection: ImapConnection) -> None:
    while not isinstance(connection.next_event(), NeedData | Closed):
        pass


def sasl(octets: bytes) -> None:
    """A device sends these as AUTH PLAIN's response: they are taken apart as they were put together, or refused."""
    try:
        found = decode_plain(octets)
    except SaslError:
        return
    assert repr(found).endswith("password=Secret(…))")
    if not found.authzid:
        assert encode_plain(found.authcid, found.password) == octets
    heard = Heard(Pop3Connection(Features(tls=False, passwords=True)))
    heard.feed([b"AUTH PLAIN\r\n" + base64.b64encode(octets) + b"\r\n"]).end()
    assert heard.sent.startswith(b"+ \r\n")


_TOLD = re.compile(r"[^\n]*popbridge\.toml(?::\d+)?: [^\n]+")


def config(octets: bytes) -> None:
    """A configuration holds these: it is loaded, or every mistake is one line that can be printed."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "popbridge.toml")
        path.write_bytes(octets)
        for problem in _problems(path):
            assert _TOLD.fullmatch(problem), problem
            assert problem.isprintable(), problem


def _problems(path: Path) -> list[str]:
    try:
        load(path, environ={"HOME": str(path.parent)}, secrets=False)
    except ConfigError as wrong:
        return wrong.problems or ["nothing was told"]
    return []


def adapt(octets: bytes) -> None:
    """A message is these: however it is cut, a device gets the same, as many octets as were told, and one end."""
    sent = {_sent(octets, size) for size in (1, 7, 65_536)}
    assert len(sent) == 1
    lines = sent.pop().split(b"\r\n")
    assert b"." not in lines
    assert not any(b"\n" in line or b"\r" in line for line in lines)
    assert {_top(octets, size) for size in (1, 7)} == {_top(octets, 65_536)}


def _sent(octets: bytes, size: int) -> bytes:
    repair, scan, editing, stuffing = CrlfRepair(), HeaderScan(), HeaderEditing("[Junk]", "family/Junk"), DotStuffing()
    edited = b""
    repaired = [repair.feed(octets[at : at + size]) for at in range(0, len(octets), size)] + [repair.finish()]
    for piece in repaired:
        scan.feed(piece)
        edited += editing.feed(piece)
    edited += editing.finish()
    assert len(edited) == repair.octets + extra("[Junk]", "family/Junk", scan.subject)
    return b"".join(stuffing.feed(edited[at : at + size]) for at in range(0, len(edited), size))


def _top(octets: bytes, size: int) -> bytes:
    repaired = CrlfRepair()
    whole = repaired.feed(octets) + repaired.finish()
    cut = TopCut(2)
    found = b"".join(cut.feed(whole[at : at + size]) for at in range(0, len(whole), size)) + cut.finish()
    assert whole.startswith(found)
    return found


def proxy(octets: bytes) -> None:
    """A proxy says these first: in pieces and whole they are the same header with the same rest, or refused."""
    found = set()
    for size in (1, 3, max(1, len(octets))):
        pieces = [octets[at : at + size] for at in range(0, len(octets), size)]
        found.add(_header(pieces))
    assert len(found) == 1


def _header(pieces: list[bytes]) -> tuple[Header | None, bytes]:
    reader = HeaderReader()
    with suppress(NotAHeader):
        for at, piece in enumerate(pieces):
            if header := reader.receive(piece):
                assert header.peer is None or private_peer(header.peer) in {True, False}
                assert header.tls.isprintable()
                return header, reader.rest + b"".join(pieces[at + 1 :])
    return None, b""


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "pop3": pop3,
    "imap": imap,
    "sasl": sasl,
    "config": config,
    "adapt": adapt,
    "proxy": proxy,
    "responses": conversations.responses,
    "challenges": conversations.challenges,
    "tokens": conversations.tokens,
    "redirects": conversations.redirects,
    "search": texts.search,
    "names": texts.names,
    "identity": texts.identity,
    "former": texts.former,
}
"""By name."""
