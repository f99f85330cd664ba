"""structlog, set up once: one line per event, on stderr, safe against what devices and servers put into names."""

import json
import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["console", "json"]
Level = Literal["debug", "info", "warning", "error"]

_LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

_BARE = re.compile(r"[!#-<>-\[\]-~]+")
"""What stands on a line as it is: printable ASCII without blanks, quotes, `=` and backslashes."""

_QUIET = frozenset({"debug", "info"})
"""Levels that the console does not name: what matters then stands out."""


class _Lines:
    """Writes lines to a stream, by default to whatever stderr is then. A stream that is gone loses them: no session
    ends because nobody reads the log.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def msg(self, line: str) -> None:
        out = self._stream or sys.stderr
        try:
            out.write(line + "\n")
            out.flush()
        except (OSError, ValueError):
            return

    debug = info = warning = error = critical = msg


def _escaped(text: str) -> str:
    """Write text so that it stays on its line and moves no cursor: `\\n`, `\\x1b`, `\\u2028` and the like."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(
        "\\\\" if c == "\\" else c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def _plain(value: object) -> str:
    """Write one value. What could be read as more than a value is quoted."""
    text = str(value)
    if _BARE.fullmatch(text):
        return text
    return '"' + _escaped(text).replace('"', '\\"') + '"'


def _console(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """`event key=value key2="with blanks"`: the event first, then fields, and the level if it is worth a look."""
    fields = dict(event)
    name = _escaped(str(fields.pop("event", "")))
    level = fields.pop("level", "info")
    if level not in _QUIET:
        fields = {"level": level, **fields}
    return " ".join([name, *(f"{key}={_plain(value)}" for key, value in fields.items())])


def _json(logger: WrappedLogger, method: str, event: EventDict) -> str:
    """`{"event":"…","level":"…","timestamp":"…",…}`, in ASCII."""
    first = {key: event[key] for key in ("event", "level", "timestamp") if key in event}
    return json.dumps({**first, **event}, separators=(",", ":"), default=str)


def _processors(log: Format) -> list[Processor]:
    chain: list[Processor] = [structlog.processors.add_log_level, structlog.processors.format_exc_info]
    if log == "console":
        return [*chain, _console]
    return [*chain, structlog.processors.TimeStamper(fmt="iso", utc=True), _json]


def configure(log: Format = "console", level: Level = "info", stream: TextIO | None = None) -> None:
    """Set up logging for the process, again if need be: the last call counts.

    Console lines are `event key=value key2="with blanks"`; JSON ones add `timestamp` and `level`. What devices
    and servers say is escaped in both, so that one event is one line. Lines go to `stream`, or to stderr.
    """
    global _announcer, _speaker
    lines, chain = _Lines(stream), _processors(log)
    _announcer = _speaking(lines, chain, logging.NOTSET)
    _speaker = _speaking(lines, chain, _LEVELS[level])


def _speaking(lines: _Lines, chain: list[Processor], level: int) -> Any:
    """Give a logger that is bound already: binding one for each line costs more than the line."""
    wrapper = structlog.make_filtering_bound_logger(level)
    return structlog.wrap_logger(lines, processors=chain, wrapper_class=wrapper).bind()


def announce(event: str, **fields: object) -> None:
    """Say something that other people's scripts wait for (`listening`, `ready`), whatever the log level."""
    _announcer.info(event, **fields)


class _Follower:
    """Speaks as `configure` last said."""

    __slots__ = ()

    def __getattr__(self, level: str) -> Any:
        return getattr(_speaker, level)


def get_logger(name: str) -> Any:
    """Give a logger with `debug`, `info`, `warning` and `error`, each `(event, **fields)`.

    `name` is the room that speaks, for readers of the code. Loggers made before `configure` follow it too.
    """
    return _Follower()


_announcer: Any
_speaker: Any
configure()  # structlog's own default would print the locals of every frame of a traceback, passwords among them
