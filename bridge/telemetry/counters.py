"""Counters: plain numbers since the start, shown by `status`."""

from collections.abc import Mapping

HELP: Mapping[str, str] = {
    "sessions_opened": "connections taken from devices",
    "sessions_closed": "connections of devices that ended",
    "sessions_taken_over": "sessions ended because their device came back on another connection",
    "connections_refused": "connections closed at once because a limit was reached",
    "proxy_headers_refused": "connections of named proxies closed because what came first was no PROXY header",
    "handshakes_failed": "TLS handshakes with devices that failed",
    "handshakes_tls_1_0": "TLS handshakes with devices that came to TLS 1.0",
    "handshakes_tls_1_1": "TLS handshakes with devices that came to TLS 1.1",
    "handshakes_tls_1_2": "TLS handshakes with devices that came to TLS 1.2",
    "handshakes_tls_1_3": "TLS handshakes with devices that came to TLS 1.3",
    "logins_ok": "logins that opened a maildrop",
    "logins_failed": "logins with a wrong name or password",
    "logins_temporary": "logins refused for a while, through no fault of the device",
    "passed_signed_in": "passwords of passed-through logins that their upstream took",
    "passed_refused": "passwords of passed-through logins that their upstream refused",
    "passed_from_memory": "passed-through logins let in without asking their upstream about the password",
    "passed_held_back": "passed-through logins put off because their upstream refused too many passwords lately",
    "retr": "messages sent whole",
    "retr_failed": "messages that could not be sent, or not to their end",
    "top": "message beginnings sent",
    "dele": "messages marked as deleted",
    "octets_sent": "octets of messages sent",
    "read_ahead_batches": "times that several messages were asked for at once, ahead of the device",
    "read_ahead_hits": "messages that had been fetched when the device asked for them, or were coming",
    "read_ahead_shared": "messages read ahead for one session that another had fetched, or was fetching",
    "read_ahead_wasted": "octets of messages fetched ahead that no device asked for",
    "updates": "QUITs that recorded something",
    "updates_held": "QUITs that deleted so much that what was to be done upstream waits for `device confirm`",
    "updates_failed": "QUITs that could not be recorded, and said so",
    "refreshes": "mailboxes listed or looked at again",
    "refreshes_failed": "looks at a mailbox that failed",
    "messages_listed": "messages found new in a mailbox",
    "messages_vanished": "messages found gone from a mailbox",
    "messages_rematched": "messages found again at another place, and known by their old unique-ids",
    "messages_identified": "messages whose identifying headers were fetched in the background",
    "messages_measured": "messages counted in the background",
    "losses_doubted": "times that so many messages went at once that it was not believed at first",
    "admissions_failed": "logins that could not record new messages, and were shown the old list",
    "intents_settled": "upstream actions carried out or lapsed",
    "intents_retried": "upstream actions put off after a failure",
    "commits": "transactions committed",
    "commits_failed": "transactions that could not be committed",
    "upstream_connects": "connections opened to upstreams",
    "upstream_losses": "connections to upstreams that ended by themselves",
    "upstream_logins_failed": "sign-ins that an upstream refused",
    "token_refreshes": "tokens had anew from an authorization server",
    "token_refreshes_failed": "times that an authorization server could not be asked, or its answer not be kept",
    "sign_ins_needed": "times that an account came to need its owner to sign in",
    "upstream_octets": "octets received from upstreams",
    "spool_stored": "messages kept on disk",
    "spool_dropped": "messages dropped from the disk: old, gone upstream, too many, or damaged",
    "spool_hits": "messages read from the disk instead of their upstream",
    "spool_octets": "octets of these",
    "upstream_resumed": "messages gone on with on a new connection after the old one was lost",
}
"""Every counter there is. Another name is a programming error."""

_counts = dict.fromkeys(HELP, 0)


def count(name: str, n: int = 1) -> None:
    """Add to a counter. Raises `KeyError` for a name that is not in `HELP`."""
    _counts[name] += n


def counters() -> dict[str, int]:
    """Give all counters as they stand, by name."""
    return dict(_counts)
