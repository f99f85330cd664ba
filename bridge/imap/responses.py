"""Untagged responses other than FETCH, from their line or tree to an event.

Those that decide whether a message is gone are read strictly. Of the rest, one that is shaped wrongly becomes
`Unknown`: a server with an odd ID or NAMESPACE can still be read.
"""

import re
from array import array
from collections.abc import Callable, Mapping
from typing import Final

from bridge.imap import names
from bridge.imap.errors import ImapProtocolError
from bridge.imap.events import (
    Capabilities,
    Enabled,
    Exists,
    Expunged,
    Flags,
    Listed,
    MailboxStatus,
    Namespace,
    Namespaces,
    Quota,
    Response,
    SearchFound,
    ServerId,
    Unknown,
    Vanished,
)
from bridge.imap.limits import MAX_U32, MAX_U63
from bridge.imap.sets import UidSet
from bridge.imap.tokens import Atom, Node, is_nil, number

_SEARCH: Final = re.compile(rb"((?: +[0-9]{1,10})*)(?: +\(MODSEQ ([0-9]{1,19})\))? *", re.IGNORECASE)
_VANISHED: Final = re.compile(rb" +(?:(\(EARLIER\)) +)?([0-9:,]+) *", re.IGNORECASE)


class _Misshapen(Exception):
    """A response of a known name in a shape that is not its own."""


def numbered(count: int, word: bytes) -> Response:
    """Read `* n WORD`, FETCH excepted."""
    match word:
        case b"EXISTS":
            return Exists(count)
        case b"EXPUNGE":
            return Expunged(nonzero(count))
        case _:
            return Unknown(names.text(word))


def nonzero(count: int) -> int:
    """Check a message number. Raises `ImapProtocolError` for 0."""
    if not count:
        raise ImapProtocolError("The server named message number 0.")
    return count


def from_line(word: bytes, rest: bytes) -> Response | None:
    """Read a response that is one line without literals. `rest` is what follows its name. None for others."""
    match word:
        case b"CAPABILITY":
            return Capabilities(names.capitals(rest.split()))
        case b"ENABLED":
            return Enabled(names.capitals(rest.split()))
        case b"SEARCH":
            return _search(rest)
        case b"VANISHED":
            return _vanished(rest)
        case _:
            return None


def from_tree(word: bytes, nodes: list[Node], *, utf8: bool) -> Response:
    """Read a response that may hold literals, by the nodes behind its name."""
    if word == b"ESEARCH":
        return _esearch(nodes)
    try:
        return _TREES[word](nodes, utf8)
    except _Misshapen:
        return Unknown(names.text(word))


def _search(rest: bytes) -> SearchFound:
    found = _SEARCH.fullmatch(rest)
    if found is None:
        raise ImapProtocolError("The server sent a SEARCH response that is no list of numbers.")
    try:
        uids = UidSet.from_uids(array("I", map(int, found[1].split())))
    except (ValueError, OverflowError) as mistake:
        raise ImapProtocolError("The server sent a message number out of range.") from mistake
    return SearchFound(None, uids, modseq=number(Atom(found[2]), MAX_U63) if found[2] is not None else None)


def _vanished(rest: bytes) -> Vanished:
    found = _VANISHED.fullmatch(rest)
    if found is None:
        raise ImapProtocolError("The server sent a VANISHED response without a set of UIDs.")
    return Vanished(found[1] is not None, UidSet.parse(found[2]))


def _esearch(nodes: list[Node]) -> SearchFound:
    at, tag = 0, None
    if nodes and isinstance(nodes[0], list):
        at, tag = 1, _correlator(nodes[0])
    by_uid = len(nodes) > at and _word(nodes[at]) == b"UID"
    at += by_uid
    data = {_word(name): value for name, value in zip(nodes[at::2], nodes[at + 1 :: 2], strict=False)}
    if b"ALL" in data and not by_uid:
        raise ImapProtocolError("The server answered UID SEARCH with message numbers.")
    found = data.get(b"ALL")
    if isinstance(found, list):
        raise ImapProtocolError("The server sent a set of message numbers that is none.")
    return SearchFound(
        tag,
        UidSet() if found is None else UidSet.parse(found),
        number(data.get(b"COUNT", b""), MAX_U32),
        number(data.get(b"MODSEQ", b""), MAX_U63),
    )


def _correlator(node: list[Node]) -> str | None:
    if len(node) == 2 and _word(node[0]) == b"TAG" and isinstance(node[1], bytes):
        return names.text(node[1])
    return None


def _listed(nodes: list[Node], utf8: bool) -> Response:
    if len(nodes) < 3:
        raise _Misshapen
    attributes, delimiter, raw = _list(nodes[0]), _string_or_nil(nodes[1]), _string(nodes[2])
    spelled = names.flags(_string(attribute) for attribute in attributes)
    return Listed(spelled, delimiter, names.mailbox(raw, utf8=utf8), bytes(raw))


def _status(nodes: list[Node], utf8: bool) -> Response:
    # Some servers forget the quotes around a name with blanks.
    if len(nodes) < 2:
        raise _Misshapen
    raw = b" ".join(_string(node) for node in nodes[:-1])
    items = _list(nodes[-1])
    counts: dict[str, int] = {}
    for name, value in zip(items[::2], items[1::2], strict=False):
        count = number(value, MAX_U63)
        if count is not None:
            counts[names.text(_word(name))] = count
    return MailboxStatus(names.mailbox(raw, utf8=utf8), counts)


def _flags(nodes: list[Node], utf8: bool) -> Response:
    return Flags(names.flags(_string(flag) for flag in _list(nodes[0] if nodes else b"")))


def _namespaces(nodes: list[Node], utf8: bool) -> Response:
    if len(nodes) != 3:
        raise _Misshapen
    personal, others, shared = (_namespace_list(node, utf8) for node in nodes)
    return Namespaces(personal, others, shared)


def _namespace_list(node: Node, utf8: bool) -> tuple[Namespace, ...]:
    if is_nil(node):
        return ()
    return tuple(_namespace(_list(inner), utf8) for inner in _list(node))


def _namespace(node: list[Node], utf8: bool) -> Namespace:
    if len(node) < 2:
        raise _Misshapen
    return Namespace(names.mailbox(_string(node[0]), utf8=utf8), _string_or_nil(node[1]))


def _server_id(nodes: list[Node], utf8: bool) -> Response:
    if not nodes or is_nil(nodes[0]):
        return ServerId({})
    items = _list(nodes[0])
    fields = {
        names.text(_string(name)).lower(): names.text(_string(value))
        for name, value in zip(items[::2], items[1::2], strict=False)
        if not is_nil(value)
    }
    return ServerId(fields)


def _quota(nodes: list[Node], utf8: bool) -> Response:
    if len(nodes) != 2:
        raise _Misshapen
    items = _list(nodes[1])
    resources: dict[str, tuple[int, int]] = {}
    for name, usage, limit in zip(items[::3], items[1::3], items[2::3], strict=False):
        used, most = number(usage, MAX_U63), number(limit, MAX_U63)
        if used is not None and most is not None:
            resources[names.text(_word(name))] = (used, most)
    return Quota(_string_or_nil(nodes[0]) or "", resources)


def _list(node: Node) -> list[Node]:
    if not isinstance(node, list):
        raise _Misshapen
    return node


def _string(node: Node) -> bytes:
    if not isinstance(node, bytes):
        raise _Misshapen
    return node


def _string_or_nil(node: Node) -> str | None:
    return None if is_nil(node) else names.text(_string(node))


def _word(node: Node) -> bytes:
    return node.upper() if isinstance(node, bytes) else b""


_TREES: Final[Mapping[bytes, Callable[[list[Node], bool], Response]]] = {
    b"LIST": _listed,
    b"LSUB": _listed,
    b"STATUS": _status,
    b"FLAGS": _flags,
    b"NAMESPACE": _namespaces,
    b"ID": _server_id,
    b"QUOTA": _quota,
}

TREES: Final = frozenset({*_TREES, b"ESEARCH"})
"""The names that `from_tree` reads."""
