"""Counters: plain numbers since the start, shown by `status`."""

from collections.abc import Mapping

HELP: Mapping[str, str] = {
    "sessions_opened": "connections taken from devices",
    "sessions_closed": "connections of devices that ended",
    "logins_ok": "logins that opened a maildrop",
    "logins_failed": "logins with a wrong name or password",
    "logins_temporary": "logins refused for a while, through no fault of the device",
    "connections_refused": "connections closed at once because a limit was reached",
    "retr": "messages sent whole",
    "top": "message beginnings sent",
    "dele": "messages marked as deleted",
    "octets_sent": "octets of messages sent",
    "messages_measured": "messages counted in the background",
    "intents_settled": "upstream actions carried out or lapsed",
    "upstream_connects": "connections opened to upstreams",
    "upstream_losses": "connections to upstreams that ended by themselves",
    "upstream_octets": "octets received from upstreams",
}

_counts = dict.fromkeys(HELP, 0)


def count(name: str, n: int = 1) -> None:
    """Add to a counter; a name that is not in `HELP` is a programming error."""
    _counts[name] += n


def counters() -> dict[str, int]:
    """Give all counters as they stand."""
    return dict(_counts)
