"""What a server tells of mailboxes that are not open: by itself, after NOTIFY, or because it was asked."""

from collections.abc import Iterable, Mapping, Sequence

from bridge.imap import commands
from bridge.imap.events import Code, Event, MailboxStatus, Status
from bridge.model.failures import UpstreamError
from bridge.model.names import MailboxName
from bridge.model.places import MailboxState
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames, plain
from bridge.upstream.statuses import Asking, States, state_of


class News:
    """Keeps what is told of mailboxes until it is taken. `hear` is given all that the server says.

    `pushed` are the mailboxes whose changes the server tells by itself. A server may give that up at any time
    (RFC 5465 §5.8), and then there are none.
    """

    def __init__(self) -> None:
        self.pushed: frozenset[MailboxName] = frozenset()
        self._names: dict[str, MailboxName] = {}
        self._numbers: dict[MailboxName, dict[str, int]] = {}
        self._last: dict[MailboxName, MailboxState] = {}
        self._told: States = {}
        self._given_up = False

    @property
    def any(self) -> bool:
        """True while there is something to take."""
        return bool(self._told) or self._given_up

    def hear(self, event: Event) -> None:
        """Take one event of the connection, whatever it is."""
        match event:
            case MailboxStatus(name, items) if (mailbox := self._names.get(plain(name))) is not None:
                self._count(mailbox, items)
            case Status(code=Code(name="NOTIFICATIONOVERFLOW")):
                self._given_up = bool(self.pushed)
                self.pushed = frozenset()
            case _:
                pass

    def _count(self, mailbox: MailboxName, items: Mapping[str, int]) -> None:
        # What is told later need not have UIDVALIDITY again (RFC 5465 §5.2).
        numbers = self._numbers.setdefault(mailbox, {})
        numbers.update(items)
        state = state_of(numbers)
        if state is not None and _differs(state, self._last.get(mailbox)):
            self._last[mailbox] = self._told[mailbox] = state

    def heard(self, mailboxes: Iterable[MailboxName]) -> None:
        """Have nothing to be taken of mailboxes that somebody was just told of."""
        for mailbox in mailboxes:
            self._told.pop(mailbox, None)

    def put(self, states: Mapping[MailboxName, MailboxState | UpstreamError]) -> None:
        """Have something to be taken that was asked for."""
        self._told |= states

    def take(self) -> States:
        """Give what was told since this was asked last."""
        told, self._told, self._given_up = self._told, {}, False
        return told

    async def begin(self, link: Link, names: MailboxNames, mailboxes: Sequence[MailboxName]) -> States:
        """Have the server tell of these mailboxes from now on, where it can, and give their states as they are now;
        of the open one it gives none.

        One round trip. What the server does not tell of now it is not believed to tell of later: `pushed` is the rest.
        Raises when the connection is lost.
        """
        opened = link.selected.mailbox if link.selected is not None else None
        link.overhear, self._names = self.hear, {plain(mailbox): mailbox for mailbox in mailboxes}
        notify = self._ask_to_be_told(link, names, mailboxes)
        # The states are asked for all the same, behind it: some servers leave HIGHESTMODSEQ out of what they tell.
        asking = Asking(link, names, [mailbox for mailbox in mailboxes if mailbox != opened])
        if notify and (await link.finish(notify, link.patience())).kind == "OK":
            self.pushed = frozenset(mailbox for mailbox in mailboxes if mailbox in self._last or mailbox == opened)
        states = await asking.finish()
        self._told = {}
        return states

    def _ask_to_be_told(self, link: Link, names: MailboxNames, mailboxes: Sequence[MailboxName]) -> str:
        # The open mailbox is told of by IDLE.
        if not link.can("NOTIFY") or len(mailboxes) < 2:
            return ""
        return link.begin(commands.notify([names.spelled(mailbox) for mailbox in mailboxes]))


def _differs(state: MailboxState, last: MailboxState | None) -> bool:
    return last is None or (state.uidvalidity, state.uidnext, state.exists) != (
        last.uidvalidity,
        last.uidnext,
        last.exists,
    )
