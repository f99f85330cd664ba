"""Telling systemd how we are (sd_notify(3))."""

import os
import socket


def notify(text: str) -> None:
    """Send a state such as `READY=1`; does nothing where no manager listens."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        try:
            sock.sendto(text.encode(), address)
        except OSError:
            return
