"""How long a server wants to be left alone, by what it says."""

import pytest

from bridge.model.failures import UpstreamUnavailable
from bridge.sandbox import Rule, Script
from bridge.sandbox.faults import Answer, Bye, Fault
from tests.upstream.beds import INBOX, Bed, running

ASKED = "Request is throttled. Suggested Backoff Time: 92415 milliseconds"


@pytest.mark.parametrize(
    ("point", "command", "fault", "pause"),
    [
        ("command", "EXAMINE", Answer("NO", ASKED, "THROTTLED"), 92.415),
        ("command", "EXAMINE", Answer("BAD", ASKED), 92.415),
        ("command", "EXAMINE", Bye(ASKED), 92.415),
        ("command", "EXAMINE", Answer("NO", "slowly", "THROTTLED"), 60),
        ("command", "AUTHENTICATE", Answer("NO", "busy", "UNAVAILABLE"), 5),
        ("greeting", "", Bye("too many connections", "LIMIT"), 30),
        ("command", "EXAMINE", Bye("see you"), 0),
        ("command", "EXAMINE", Answer("NO", "Suggested Backoff Time: 999999999 milliseconds"), 3600),
    ],
)
async def test_what_it_asks_for(alone: Bed, point: str, command: str, fault: Fault, pause: float) -> None:
    alone.sandbox.script = Script([Rule("greeting" if point == "greeting" else "command", fault, command)])
    async with running(alone.settings()) as account:
        with pytest.raises(UpstreamUnavailable) as failure:
            async with account.watch() as watcher:
                await watcher.examine(INBOX)
    assert failure.value.pause == pytest.approx(pause)
