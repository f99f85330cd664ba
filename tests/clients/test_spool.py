"""The spool on a Dovecot: what it has crosses the line once, and is read while the server is away."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bridge_config import dovecot_account, write_config
from tests.support.bridge_process import BridgeProcess
from tests.support.device import Device
from tests.support.dovecot import Dovecot, dovecot_missing
from tests.support.messages import large_message
from tests.support.ports import wait_until

USER = "anna"
MAIL = [
    b"Message-ID: <1@example.org>\r\nSubject: one\r\n\r\nfirst\r\n.dot\r\n",
    b"Message-ID: <2@example.org>\nSubject: two\n\nno CR, no end",
    large_message(1_500_000),
]


@pytest.fixture
def own() -> Iterator[Dovecot]:
    """Give a Dovecot that may be stopped."""
    if missing := dovecot_missing():
        pytest.skip(missing)
    with Dovecot() as server:
        yield server


def fetch(bridge: BridgeProcess, login: str) -> list[bytes]:
    """Log in, and fetch all messages."""
    with Device(bridge.door()) as device:
        device.login(login, "secret")
        found = [device.retr(num) for num in device.unique_ids()]
        device.quit()
    return found


def test_each_message_crosses_the_line_once(tmp_path: Path, own: Dovecot) -> None:
    own.append_all(USER, MAIL)
    device = {"password": "secret", "sources": ["mail"]}
    account = {**dovecot_account(own, USER), "spool": "ahead"}
    config = write_config(tmp_path, {"mail": account}, {"fax": device, "den": device})
    with BridgeProcess(config) as bridge:

        def spooled() -> int:
            return int(bridge.status()["accounts"][0]["spooled"]["messages"])

        wait_until(lambda: spooled() == len(MAIL), 30, "the spool")
        before = bridge.status()["counters"]["upstream_octets"]
        found = fetch(bridge, "fax")
        assert found == [MAIL[0], MAIL[1].replace(b"\n", b"\r\n") + b"\r\n", MAIL[2]]
        octets = sum(map(len, own.fetch_all(USER).values()))
        own.stop()
        assert fetch(bridge, "den") == found
        counters = bridge.status()["counters"]
        assert counters["upstream_octets"] - before < 1000
        assert (counters["spool_stored"], counters["spool_hits"]) == (3, 6)
        # Also after a restart, with the server still away.
        bridge.stop()
        bridge.start()
        assert fetch(bridge, "fax") == found
        assert bridge.status()["accounts"][0]["spooled"] == {"messages": 3, "octets": octets}
