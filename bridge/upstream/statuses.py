"""How mailboxes are that are not open, of several at once in as few round trips as the server allows."""

from collections.abc import Mapping, Sequence

from bridge.imap import commands
from bridge.imap.events import Event, MailboxStatus, Tagged
from bridge.model.failures import MailboxMissing, UpstreamError, UpstreamRefused
from bridge.model.names import MailboxName, ModSeq, Uid, UidValidity
from bridge.model.places import MailboxState
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames

States = dict[MailboxName, MailboxState | UpstreamError]
"""Of each mailbox its state, or why it is not told."""


ITEMS = frozenset({"MESSAGES", "UIDNEXT", "UIDVALIDITY", "HIGHESTMODSEQ"})
"""What is kept of what a server tells."""

NAMES = 2000
"""Mailboxes that it is kept of: more than any device reads, and few enough where a server never ends."""


def items(link: Link) -> list[str]:
    """Name what is asked of a mailbox."""
    return ["MESSAGES", "UIDNEXT", "UIDVALIDITY", *(["HIGHESTMODSEQ"] if link.can("CONDSTORE") else [])]


def lists_states(link: Link) -> bool:
    """Tell whether the server tells of many mailboxes in one LIST (RFC 5819)."""
    return link.can("LIST-STATUS") and link.can("LIST-EXTENDED")


class Asking:
    """Asks of mailboxes, none of which is the open one: by one LIST, else by one STATUS each, all sent at once.

    What it sends is queued when it is made, behind whatever was said last; `finish` waits for the answers.
    """

    def __init__(self, link: Link, names: MailboxNames, mailboxes: Sequence[MailboxName]) -> None:
        self._link = link
        self._names = names
        self._mailboxes = mailboxes
        self._told: dict[str, dict[str, int]] = {}
        self._listed = len(mailboxes) > 1 and lists_states(link)
        self._tags = [self._begin_list()] if self._listed else self._begin_statuses(mailboxes)

    async def finish(self) -> States:
        """Give the answers. What LIST does not tell is asked for by STATUS then, whose NO says why. Raises when the
        connection is lost.
        """
        if not self._listed:
            return await self._statuses(self._mailboxes, self._tags)
        found = await self._by_list(self._tags[0])
        left = [mailbox for mailbox in self._mailboxes if mailbox not in found]
        return {**found, **await self._statuses(left, self._begin_statuses(left))}

    def _begin_list(self) -> str:
        spelled = [self._names.spelled(mailbox) for mailbox in self._mailboxes]
        return self._link.begin(commands.list_status(spelled, items(self._link)), keep=self._keep)

    def _begin_statuses(self, mailboxes: Sequence[MailboxName]) -> list[str]:
        link, names = self._link, self._names
        wanted = items(link)
        return [link.begin(commands.status(names.spelled(each), wanted), keep=self._keep) for each in mailboxes]

    def _keep(self, event: Event) -> None:
        # What NOTIFY asked for may come between, and need not be whole.
        if isinstance(event, MailboxStatus) and (event.name in self._told or len(self._told) < NAMES):
            told = {name: number for name, number in event.items.items() if name in ITEMS}
            self._told.setdefault(event.name, {}).update(told)

    async def _by_list(self, tag: str) -> States:
        answer = await self._link.finish(tag, self._link.patience())
        if answer.kind != "OK":
            return {}
        states = {mailbox: state_of(self._told.get(mailbox, {})) for mailbox in self._mailboxes}
        return {mailbox: state for mailbox, state in states.items() if state is not None}

    async def _statuses(self, mailboxes: Sequence[MailboxName], tags: Sequence[str]) -> States:
        found: States = {}
        for mailbox, tag in zip(mailboxes, tags, strict=True):
            answer = await self._link.finish(tag, self._link.patience())
            found[mailbox] = self._state_or_failure(mailbox, answer)
            if self._link.lost is not None:
                raise self._link.lost
        return found

    def _state_or_failure(self, mailbox: MailboxName, answer: Tagged) -> MailboxState | UpstreamError:
        link = self._link
        if answer.kind != "OK":
            failure = link.refused(f"tell of {mailbox}", answer)
            missing = isinstance(failure, UpstreamRefused) and answer.kind == "NO"
            return MailboxMissing(link.account, str(failure)) if missing else failure
        numbers = self._told.get(mailbox)
        if numbers is None and len(self._mailboxes) == 1:
            # Some servers repeat a name in another spelling than they were asked with.
            numbers = next(reversed(self._told.values()), None)
        state = state_of(numbers or {})
        if state is None:
            sentence = f"account {link.account}: the server does not tell how {mailbox} is numbered"
            return UpstreamRefused(link.account, sentence)
        return state


async def ask_states(link: Link, names: MailboxNames, mailboxes: Sequence[MailboxName]) -> States:
    """Ask of mailboxes, none of which is the open one, and wait. Raises when the connection is lost."""
    return await Asking(link, names, mailboxes).finish()


def state_of(numbers: Mapping[str, int]) -> MailboxState | None:
    """Give the state that STATUS responses tell, None where they lack what is needed."""
    if not numbers.get("UIDVALIDITY") or "MESSAGES" not in numbers or "UIDNEXT" not in numbers:
        return None
    uidvalidity, uidnext = UidValidity(numbers["UIDVALIDITY"]), Uid(numbers["UIDNEXT"])
    return MailboxState(uidvalidity, uidnext, numbers["MESSAGES"], ModSeq(numbers.get("HIGHESTMODSEQ", 0)))
