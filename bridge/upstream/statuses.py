"""How mailboxes are that are not open, of several at once in as few round trips as the server allows."""

from collections.abc import Callable, Sequence

from bridge.imap import commands
from bridge.imap.events import Event, MailboxStatus, Tagged
from bridge.model.failures import MailboxMissing, UpstreamError, UpstreamRefused
from bridge.model.names import MailboxName, ModSeq, Uid, UidValidity
from bridge.model.places import MailboxState
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames

States = dict[MailboxName, MailboxState | UpstreamError]
"""Of each mailbox its state, or why it is not told."""


def items(link: Link) -> list[str]:
    """Name what is asked of a mailbox."""
    return ["MESSAGES", "UIDNEXT", "UIDVALIDITY", *(["HIGHESTMODSEQ"] if link.can("CONDSTORE") else [])]


def lists_states(link: Link) -> bool:
    """Tell whether the server tells of many mailboxes in one LIST (RFC 5819)."""
    return link.can("LIST-STATUS") and link.can("LIST-EXTENDED")


async def ask_states(link: Link, names: MailboxNames, mailboxes: Sequence[MailboxName]) -> States:
    """Ask of mailboxes, none of which is the open one: by one LIST, else by one STATUS each, all sent at once.

    What LIST does not tell is asked for by STATUS, whose NO says why. Raises when the connection is lost.
    """
    found: States = {}
    if len(mailboxes) > 1 and lists_states(link):
        found = await _by_list(link, names, mailboxes)
    left = [mailbox for mailbox in mailboxes if mailbox not in found]
    tags = [link.begin(commands.status(names.spelled(mailbox), items(link))) for mailbox in left]
    for mailbox, tag in zip(left, tags, strict=True):
        told: list[MailboxStatus] = []
        answer = await link.finish(tag, link.patience(), _keeping(told))
        found[mailbox] = _state_or_failure(link, mailbox, answer, told)
        if link.lost is not None:
            raise link.lost
    return found


async def _by_list(link: Link, names: MailboxNames, mailboxes: Sequence[MailboxName]) -> States:
    told: list[MailboxStatus] = []
    spelled = [names.spelled(mailbox) for mailbox in mailboxes]
    answer = await link.ask(commands.list_status(spelled, items(link)), _keeping(told))
    if answer.kind != "OK":
        return {}
    by_name = {each.name: each for each in told}
    states = {mailbox: state_of(by_name[mailbox]) for mailbox in mailboxes if mailbox in by_name}
    return {mailbox: state for mailbox, state in states.items() if state is not None}


def _keeping(told: list[MailboxStatus]) -> Callable[[Event], None]:
    def keep(event: Event) -> None:
        if isinstance(event, MailboxStatus):
            told.append(event)

    return keep


def _state_or_failure(
    link: Link, mailbox: MailboxName, answer: Tagged, told: Sequence[MailboxStatus]
) -> MailboxState | UpstreamError:
    if answer.kind != "OK":
        failure = link.refused(f"tell of {mailbox}", answer)
        missing = isinstance(failure, UpstreamRefused) and answer.kind == "NO"
        return MailboxMissing(link.account, str(failure)) if missing else failure
    # Some servers repeat a name in another spelling than they were asked with.
    one = next((each for each in told if each.name == mailbox), told[-1] if told else None)
    state = state_of(one) if one is not None else None
    if state is None:
        sentence = f"account {link.account}: the server does not tell how {mailbox} is numbered"
        return UpstreamRefused(link.account, sentence)
    return state


def state_of(told: MailboxStatus) -> MailboxState | None:
    """Give the state that a STATUS response tells, None where it lacks what is needed."""
    numbers = told.items
    if not numbers.get("UIDVALIDITY") or "MESSAGES" not in numbers or "UIDNEXT" not in numbers:
        return None
    uidvalidity, uidnext = UidValidity(numbers["UIDVALIDITY"]), Uid(numbers["UIDNEXT"])
    return MailboxState(uidvalidity, uidnext, numbers["MESSAGES"], ModSeq(numbers.get("HIGHESTMODSEQ", 0)))
