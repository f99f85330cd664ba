"""What `check --connect` tells of an account."""

from collections.abc import Mapping
from dataclasses import dataclass

from bridge.model.names import MailboxName


@dataclass(frozen=True, slots=True)
class ProbedMailbox:
    """One configured mailbox. `octets` is its whole size, None where the server does not say.

    Of the newest `looked_at` messages, `with_message_id` have a Message-ID, so that copies of them can be told. When
    the mailbox is not there, `name` is None and `problem` says so.
    """

    selector: str
    name: MailboxName | None = None
    messages: int = 0
    octets: int | None = None
    problem: str = ""
    looked_at: int = 0
    with_message_id: int = 0


@dataclass(frozen=True, slots=True)
class ProbeReport:
    """What an account's server offers, and what popbridge will use of it.

    `server` is what it calls itself (RFC 2971), or empty. `uses` maps what is to be done to how, in words for people.
    `problems` are sentences on what will not work as configured. `quota` is used octets and their limit, if it tells.
    """

    greeting: str
    tls: str
    server: str
    capabilities: tuple[str, ...]
    mailboxes: tuple[ProbedMailbox, ...]
    uses: Mapping[str, str]
    problems: tuple[str, ...] = ()
    quota: tuple[int, int] | None = None
