"""What is told to systemd, and what it tells."""

import os
import socket
from pathlib import Path

import pytest

from bridge.net import notify, watchdog_interval
from bridge.net.systemd import passed_sockets


@pytest.mark.parametrize("abstract", [False, True])
def test_notify_reaches_the_manager(tmp_path: Path, abstract: bool) -> None:
    name = f"popbridge-test-{os.getpid()}"
    address = "\0" + name if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address)
        manager.settimeout(10)
        notify("READY=1", {"NOTIFY_SOCKET": "@" + name if abstract else address})
        assert manager.recv(100) == b"READY=1"


def test_notify_without_a_manager_does_nothing(tmp_path: Path) -> None:
    notify("READY=1", {})
    notify("READY=1", {"NOTIFY_SOCKET": str(tmp_path / "gone")})


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "30000000"}, 15),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "-5"}, None),
        ({"WATCHDOG_USEC": "٣"}, None),
    ],
)
def test_the_watchdog_is_fed_twice_in_its_time(environ: dict[str, str], seconds: float | None) -> None:
    assert watchdog_interval(environ) == seconds


@pytest.mark.parametrize(
    "environ",
    [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "x", "LISTEN_PID": str(os.getpid())}],
)
def test_sockets_passed_to_somebody_else_are_not_ours(environ: dict[str, str]) -> None:
    assert passed_sockets(environ) == {}
