"""SEARCH, with ESEARCH's RETURN."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.sandbox.criteria import Criterion, by_date, by_header, by_keyword, by_text
from bridge.sandbox.mailbox import SandboxMessage
from bridge.sandbox.session import Refused, Reply, Session
from bridge.sandbox.sets import compact, parse_set
from bridge.sandbox.syntax import Arguments, Atom, BadCommand
from bridge.sandbox.view import View

DEPTH = 50
"""Keys within keys: NOT NOT NOT …"""

Test = Callable[[int, SandboxMessage], bool]
"""Holds a key against a message and its index."""

_FLAG_KEYS = {
    word: (flag, wanted)
    for flag in ("\\Answered", "\\Deleted", "\\Draft", "\\Flagged", "\\Seen")
    for word, wanted in ((flag[1:].upper(), True), (f"UN{flag[1:].upper()}", False))
}


@dataclass(frozen=True, slots=True)
class _Keys:
    """Reads search keys for one view."""

    view: View

    def all_of(self, arguments: Arguments, depth: int = 0) -> Test:
        tests = []
        while arguments.left:
            tests.append(self.one_of(arguments, depth + 1))
        if not tests:
            raise BadCommand("a search key is missing")
        return lambda at, message: all(test(at, message) for test in tests)

    def one_of(self, arguments: Arguments, depth: int) -> Test:
        if depth > DEPTH:
            raise BadCommand("the search is nested too deeply")
        if isinstance(arguments.peek(), list):
            return self.all_of(Arguments(arguments.list_()), depth)
        word = arguments.word()
        if word in _FLAG_KEYS:
            flag, wanted = _FLAG_KEYS[word]
            return lambda _, message: (flag in message.flags) == wanted
        match word:
            case "NOT":
                inner = self.one_of(arguments, depth + 1)
                return lambda at, message: not inner(at, message)
            case "OR":
                left, right = self.one_of(arguments, depth + 1), self.one_of(arguments, depth + 1)
                return lambda at, message: left(at, message) or right(at, message)
            case _:
                return self._simple(word, arguments)

    def _simple(self, word: str, arguments: Arguments) -> Test:
        match word:
            case "ALL":
                return lambda *_: True
            case "UID":
                chosen = set(self.view.choose(arguments.numbers(), by_uid=True))
                return lambda at, _: at in chosen
            case "HEADER":
                return _of(by_header(arguments.string(), arguments.string()))
            case "FROM" | "TO" | "CC" | "BCC" | "SUBJECT":
                return _of(by_header(word.encode(), arguments.string()))
            case "BODY" | "TEXT":
                return _of(by_text(arguments.string(), header=word == "TEXT"))
            case "KEYWORD" | "UNKEYWORD":
                return _of(by_keyword(arguments.atom(), wanted=word == "KEYWORD"))
            case "BEFORE" | "ON" | "SINCE" | "SENTBEFORE" | "SENTON" | "SENTSINCE":
                return _of(by_date(word, arguments.string().decode("latin-1")))
            case "NEW" | "RECENT" | "OLD":
                # No message is recent: the sandbox does not keep who saw it first.
                return lambda *_: word == "OLD"
            case "LARGER" | "SMALLER":
                size, sign = arguments.number(), 1 if word == "LARGER" else -1
                return lambda _, message: sign * (message.size - size) > 0
            case _:
                return self._by_number(word)

    def _by_number(self, word: str) -> Test:
        numbers = parse_set(word)
        if numbers is None:
            raise BadCommand(f"the sandbox does not search by {word}")
        chosen = set(self.view.choose(numbers, by_uid=False))
        return lambda at, _: at in chosen


def _of(holds: Criterion) -> Test:
    return lambda _, message: holds(message)


async def search(session: Session, arguments: Arguments, *, by_uid: bool) -> Reply:
    """Carry out SEARCH or UID SEARCH. Waits for the client to take what is sent."""
    view = session.selected()
    options = _return_options(session, arguments)
    if _next_is(arguments, "CHARSET"):
        arguments.take()
        if session.utf8:
            raise BadCommand("all is UTF-8 already")
        if arguments.string().upper() not in {b"UTF-8", b"US-ASCII"}:
            raise Refused("no such charset", "BADCHARSET (US-ASCII UTF-8)")
    test = _Keys(view).all_of(arguments)
    found = [
        message.uid if by_uid else at + 1
        for at, message in enumerate(view.messages)
        if not message.gone and test(at, message)
    ]
    limit = session.message_limit
    code = f"MESSAGELIMIT {limit}" if limit and len(found) > limit else ""
    found = found[-limit:] if code else found
    if options is None:
        await session.wire.send(b"* SEARCH" + b"".join(b" %d" % number for number in found) + b"\r\n")
    else:
        await session.wire.send(_esearch(session.tag, options, list(found), by_uid=by_uid))
    return Reply("searched", code)


def _next_is(arguments: Arguments, word: str) -> bool:
    following = arguments.peek()
    return isinstance(following, Atom) and following.upper() == word


def _return_options(session: Session, arguments: Arguments) -> list[str] | None:
    if not _next_is(arguments, "RETURN"):
        return None
    session.need("ESEARCH")
    arguments.take()
    options = arguments.words() or ["ALL"]
    if set(options) - {"ALL", "COUNT", "MIN", "MAX"}:
        raise BadCommand("unknown option of RETURN")
    return options


def _esearch(tag: str, options: list[str], found: list[int], *, by_uid: bool) -> bytes:
    results = [f'(TAG "{tag}")', *(["UID"] if by_uid else [])]
    for option in options:
        if option == "COUNT":
            results.append(f"COUNT {len(found)}")
        elif found:
            results.append(f"{option} {_result(option, found)}")
    return f"* ESEARCH {' '.join(results)}\r\n".encode()


def _result(option: str, found: list[int]) -> str:
    return {"MIN": str(found[0]), "MAX": str(found[-1])}.get(option) or compact(found)
