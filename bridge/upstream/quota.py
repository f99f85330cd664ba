"""How full the account is."""

from bridge.imap import commands
from bridge.imap.events import Event, Quota
from bridge.upstream.link import Link
from bridge.upstream.names import INBOX

UNIT = 1024
"""Octets in which STORAGE is counted (RFC 9208 §5.1)."""


async def quota(link: Link) -> tuple[int, int] | None:
    """Give used octets and their limit for INBOX, the tightest where there are several; None where it is not told."""
    if not any(name == "QUOTA" or name.startswith("QUOTA=") for name in link.imap.capabilities):
        return None
    found: list[tuple[int, int]] = []

    def keep(event: Event) -> None:
        if isinstance(event, Quota) and "STORAGE" in event.resources:
            found.append(event.resources["STORAGE"])

    answer = await link.ask(commands.quota_root(INBOX), keep)
    if answer.kind != "OK" or not found:
        return None
    used, limit = min(found, key=lambda each: each[1] - each[0])
    return used * UNIT, limit * UNIT
