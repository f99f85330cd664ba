"""structlog, set up once: one line per event, on stderr, safe against what devices and servers put into names."""

import logging
import sys
from typing import Any, TextIO

import structlog

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_format = "console"
_stream: TextIO | None = None


def _plain(value: object) -> str:
    """Write one value so that a reader cannot be fooled: blanks quoted, controls and line separators escaped."""
    text = str(value)
    if text and text.isprintable() and not any(mark in text for mark in ' "=') and text.isascii():
        return text
    escaped = "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    escaped = escaped.encode("utf-8", "backslashreplace").decode()
    return '"' + escaped.replace('"', '\\"') + '"'


def _console(_: Any, level: str, event: Any) -> str:
    name = event.pop("event")
    trace = event.pop("exception", "")
    event.pop("timestamp", None)
    if level in {"info", "debug"}:
        event.pop("level", None)
    fields = [f"{key}={_plain(value)}" for key, value in event.items()]
    return " ".join([str(name), *fields]) + (f"\n{trace}" if trace else "")


def configure(form: str = "console", level: str = "info", stream: TextIO | None = None) -> None:
    """Set up logging for the process: `form` is `console` or `json`."""
    global _format, _stream
    _format, _stream = form, stream
    renderer: Any = _console if form == "console" else structlog.processors.JSONRenderer(default=str)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )


def announce(event: str, **fields: object) -> None:
    """Say something that other people's scripts wait for, whatever the log level."""
    print_to = structlog.PrintLogger(_stream or sys.stderr)
    if _format == "console":
        print_to.msg(_console(None, "info", {"event": event, **fields}))
    else:
        print_to.msg(structlog.processors.JSONRenderer(default=str)(None, "info", {"event": event, **fields}))


def get_logger(name: str) -> Any:
    """Give a logger; `name` is the room that speaks, for readers of the code."""
    return structlog.get_logger()
