"""What systemd and popbridge tell each other: passed sockets, readiness, the watchdog."""

import contextlib
import os
import socket
from collections.abc import Mapping

FIRST_PASSED = 3
"""The first descriptor that systemd passes (sd_listen_fds(3))."""

NOTIFY_SECONDS = 1.0
"""How long a busy manager may keep us."""


def notify(text: str, environ: Mapping[str, str] = os.environ) -> None:
    """Send a state such as `READY=1` (sd_notify(3)). Does nothing where no manager listens; raises nothing."""
    address = environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.settimeout(NOTIFY_SECONDS)
        try:
            sock.sendto(text.encode(), address)
        except OSError:
            return


def watchdog_interval(environ: Mapping[str, str] = os.environ) -> float | None:
    """Give the seconds between two `WATCHDOG=1`, half of what the manager allows, or None without a watchdog."""
    allowed = environ.get("WATCHDOG_USEC", "")
    if not allowed.isascii() or not allowed.isdecimal() or not int(allowed):
        return None
    if environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(allowed) / 2_000_000


def passed_sockets(environ: Mapping[str, str] = os.environ) -> dict[str, list[int]]:
    """Give the descriptors that systemd passed to this process, by the name that their `.socket` unit gives them.

    One unit may pass several under one name. They are marked as not to be inherited.
    """
    count = environ.get("LISTEN_FDS", "")
    if environ.get("LISTEN_PID") != str(os.getpid()) or not count.isascii() or not count.isdecimal():
        return {}
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    found: dict[str, list[int]] = {}
    for at in range(int(count)):
        with contextlib.suppress(OSError):  # not open after all: whoever uses it will say so
            os.set_inheritable(FIRST_PASSED + at, False)
        found.setdefault(names[at] if at < len(names) and names[at] else "unknown", []).append(FIRST_PASSED + at)
    return found
