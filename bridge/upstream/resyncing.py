"""Opening a mailbox together with all that happened to it since it was looked at: one round trip (QRESYNC)."""

from bridge.imap import UidSet, commands
from bridge.imap.events import Event, Fetched, FetchedRows, Vanished
from bridge.model.failures import UpstreamRefused
from bridge.model.names import MailboxName, Uid
from bridge.model.places import ListedMessage, MailboxState, Resynced
from bridge.upstream.link import Link
from bridge.upstream.listing import rows_of
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import checked, examine
from bridge.upstream.selected import Selected

QRESYNC = "QRESYNC"
"""Turned on at sign-in, since ENABLE is not for a connection that has had a mailbox open (RFC 5161 §3.1)."""


def resyncs(link: Link) -> bool:
    """Tell whether the server tells what happened since."""
    return QRESYNC in link.imap.enabled


async def resync(
    link: Link, names: MailboxNames, mailbox: MailboxName, known: MailboxState, first: Uid
) -> tuple[Selected, Resynced]:
    """Open a mailbox read-only and ask what happened since it was `known` so; all UIDs below `first` were listed then.

    Where the server does not tell, or the mailbox is not numbered as it was, it is only opened. Raises
    `MailboxMissing`.
    """
    if not resyncs(link) or not known.modseq or known.uidnext < 2:
        selected = await examine(link, names, mailbox)
        return selected, Resynced(selected.state)
    asking = _Resyncing(link, names, mailbox, known, first)
    found = await asking.finish()
    if found is None:
        # Refused: because of what was asked besides, or because it cannot be opened; that shows now.
        selected = await examine(link, names, mailbox)
        return selected, Resynced(selected.state)
    return asking.selected, found


class _Resyncing:
    """Three commands sent at once: EXAMINE with QRESYNC (RFC 7162 §3.2.5), of what changed below `first` the lines, and
    all lines from there on. The last are new messages, and some known ones by which another history is noticed, as
    after a restored backup.
    """

    def __init__(self, link: Link, names: MailboxNames, mailbox: MailboxName, known: MailboxState, first: Uid) -> None:
        self.selected = Selected(mailbox, writable=False)
        self._link = link
        self._known = known
        self._first = first
        self._vanished: list[UidSet] = []
        self._rows: dict[int, ListedMessage] = {}
        self._patience = link.patience()
        since, uids = (known.uidvalidity, known.modseq), UidSet([(1, known.uidnext - 1)])
        command = commands.examine(names.spelled(mailbox), since=since, known=uids)
        self._opening = link.begin_open(command, self.selected, self._keep)
        self._fetching = [self._list(1, first - 1, known.modseq)] if first > 1 else []
        self._fetching.append(self._list(first, None))

    def _list(self, first: int, last: int | None, since: int = 0) -> str:
        link = self._link
        command = commands.list_messages(first, last, link.can("OBJECTID"), link.can("X-GM-EXT-1"), since)
        return link.begin(command, keep=self._keep)

    def _keep(self, event: Event) -> None:
        match event:
            case Vanished(earlier=True, uids=uids):
                self._vanished.append(uids)
            case FetchedRows() | Fetched():
                self._rows.update((row.uid, row) for row in rows_of(event))
            case _:
                return
        self._patience.renew()

    async def finish(self) -> Resynced | None:
        """Wait for all of it; None when the mailbox did not open so."""
        opened = await self._link.finish(self._opening, self._patience)
        state = self.selected.state
        answers = [await self._link.finish(tag, self._patience) for tag in self._fetching]
        if self._link.lost is not None:
            raise self._link.lost
        if opened.kind != "OK":
            failure = self._link.refused(f"open {self.selected.mailbox}", opened)
            if not isinstance(failure, UpstreamRefused):
                raise failure
            return None
        checked(self._link, self.selected, opened)
        told = all(answer.kind == "OK" for answer in answers) and self._follows(state)
        # What came since it was opened is news for later.
        rows = sorted(row for row in self._rows.values() if row.uid < state.uidnext)
        return Resynced(state, told, self._first, _Vanished(self._vanished), tuple(rows))

    def _follows(self, state: MailboxState) -> bool:
        """Tell whether it can be the mailbox that was known: its numbers only grow."""
        known = self._known
        return (
            state.uidvalidity == known.uidvalidity and state.modseq >= known.modseq and state.uidnext >= known.uidnext
        )


class _Vanished:
    """UIDs in sets, which may be wide: never counted out."""

    def __init__(self, sets: list[UidSet]) -> None:
        self._sets = sets

    def __contains__(self, uid: object) -> bool:
        return any(uid in some for some in self._sets)
