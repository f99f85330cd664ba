"""Enough file descriptors for all who may connect, or fewer who may."""

import resource

from bridge.model.settings import Settings
from bridge.session.gate import MOST_ANNOUNCING, MOST_REFUSALS
from bridge.telemetry import get_logger

OWN = 100
"""Descriptors for the database, the spool, listeners, the control socket, threads and the log."""

FEWEST = 10
"""Connections that are taken whatever the limit is: a bridge that takes none is of no use."""

log = get_logger("serve")


def room_for_sessions(settings: Settings) -> int:
    """Raise this process's soft limit as far as it needs, and give how many connections of devices it has room for.

    Where the hard limit is too low that is less than `max_sessions`, and said in the log: what goes on inside must
    never lack a descriptor because of who connects.
    """
    connections = sum(account.max_connections for account in settings.accounts.values())
    connections += sum(each.max_accounts * each.account.max_connections for each in settings.passthrough.values())
    others = OWN + MOST_REFUSALS + 2 * connections
    if any(listener.proxy_protocol for listener in settings.listeners):
        others += MOST_ANNOUNCING
    wanted = others + settings.server.max_sessions
    limit = _raised(wanted)
    room = max(FEWEST, limit - others)
    if limit < wanted:
        log.warning("descriptors.few", limit=limit, wanted=wanted, sessions=room)
    return room


def _raised(wanted: int) -> int:
    soft, hard = (
        2**31 if each == resource.RLIM_INFINITY else each for each in resource.getrlimit(resource.RLIMIT_NOFILE)
    )
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    return soft
