"""One event is one line, whatever devices and servers put into it."""

import io
import json
from collections.abc import Iterator

import pytest

from bridge.model.secret import Secret
from bridge.telemetry import announce, configure, get_logger
from bridge.telemetry.logs import Format, Level

log = get_logger("test")


@pytest.fixture(autouse=True)
def _default_logging() -> Iterator[None]:
    yield
    configure()


def logged(form: Format, level: Level = "debug") -> io.StringIO:
    out = io.StringIO()
    configure(form, level, out)
    return out


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (7, "7"),
        ("127.0.0.1:110", "127.0.0.1:110"),
        ("with blanks", '"with blanks"'),
        ("", '""'),
        ('say "hi"', '"say \\"hi\\""'),
        ("a=b", '"a=b"'),
        ("C:\\new", '"C:\\\\new"'),
        ("Müller", '"Müller"'),
        ("x\nlistening address=evil", '"x\\nlistening address=evil"'),
        ("x\r\x00\x1b[31m", '"x\\r\\x00\\x1b[31m"'),
        ("x\u2028y\u2029z\x85", '"x\\u2028y\\u2029z\\x85"'),
        ("\u202eabc", '"\\u202eabc"'),
        ("\udcff", '"\\udcff"'),
        (Secret("hunter2"), '"Secret(…)"'),
    ],
)
def test_the_console_shows_a_value_so_that_it_stays_one_value(value: object, shown: str) -> None:
    out = logged("console")
    log.info("login.failed", login=value, tries=1)
    assert out.getvalue() == f"login.failed login={shown} tries=1\n"


def test_the_console_names_the_levels_that_matter_behind_the_event() -> None:
    out = logged("console")
    log.debug("a", n=1)
    log.warning("b", n=1)
    log.error("c")
    assert out.getvalue() == "a n=1\nb level=warning n=1\nc level=error\n"


def test_a_traceback_stays_on_the_line_of_its_event() -> None:
    out = logged("console")
    try:
        raise ValueError("said\nlistening address=evil")
    except ValueError as failure:
        log.error("task.failed", exc_info=failure)
    line, end = out.getvalue().split("\n", 1)
    assert line.startswith('task.failed level=error exception="Traceback ')
    assert end == ""


def test_json_has_level_and_time_and_is_ascii() -> None:
    out = logged("json")
    log.warning("login.failed", login="ü\n\u2028", secret=Secret("hunter2"))
    line = out.getvalue()
    assert line.isascii()
    assert line.startswith('{"event":"login.failed","level":"warning","timestamp":"2')
    assert line.count("\n") == 1
    assert json.loads(line)["login"] == "ü\n\u2028"
    assert json.loads(line)["secret"] == "Secret(…)"


@pytest.mark.parametrize("form", ["console", "json"])
def test_below_the_level_nothing_is_said_but_announcements(form: Format) -> None:
    out = logged(form, "error")
    log.warning("quiet")
    announce("listening", address="127.0.0.1:40123", tls="none")
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    if form == "console":
        assert lines == ["listening address=127.0.0.1:40123 tls=none"]
    else:
        found = json.loads(lines[0])
        assert (found["event"], found["address"], found["level"]) == ("listening", "127.0.0.1:40123", "info")


def test_without_a_stream_lines_go_to_what_stderr_is_then(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    log.info("here", n=2)
    announce("ready", listeners=1)
    assert capsys.readouterr() == ("", "here n=2\nready listeners=1\n")


def test_a_stream_that_is_gone_harms_nobody() -> None:
    out = logged("console")
    out.close()
    log.info("lost")
    announce("lost too")
