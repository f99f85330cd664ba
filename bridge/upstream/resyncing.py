"""Opening a mailbox together with all that happened to it since it was looked at: one round trip (QRESYNC)."""

from collections.abc import Container

from bridge.identity import IDENTITY_FIELDS
from bridge.imap import UidSet, commands
from bridge.imap.events import Event, Fetched, FetchedRows, Vanished
from bridge.model.failures import UpstreamRefused
from bridge.model.names import MailboxName, Uid
from bridge.model.places import ListedMessage, MailboxState, Resynced, Since
from bridge.upstream.checking import header_of
from bridge.upstream.link import Link
from bridge.upstream.listing import check_told, rows_of
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import checked, examine
from bridge.upstream.selected import Selected
from bridge.upstream.slices import message_limit

QRESYNC = "QRESYNC"
"""Turned on at sign-in, since ENABLE is not for a connection that has had a mailbox open (RFC 5161 §3.1)."""


COUNTED_OUT = 100_000
"""UIDs that are kept one by one, for the sake of speed."""


def resyncs(link: Link, since: Since) -> bool:
    """Tell whether the server tells what happened since: all of it, and not of so many messages only."""
    return (
        link.resyncs
        and not message_limit(link)
        and QRESYNC in link.imap.enabled
        and since.state.modseq > 0
        and since.state.uidnext > 1
    )


async def resync(
    link: Link, names: MailboxNames, mailbox: MailboxName, since: Since, *, headers: bool
) -> tuple[Selected, Resynced]:
    """Open a mailbox read-only and ask what happened since it was looked at, with the `headers` of what came or not.

    Where the server does not tell, or the mailbox is not numbered as it was, it is only opened. Raises
    `MailboxMissing`.
    """
    if not resyncs(link, since):
        selected = await examine(link, names, mailbox)
        return selected, Resynced(selected.state)
    return await Resyncing(link, names, mailbox, since, headers=headers).finish()


class Resyncing:
    """Several commands sent at once, behind whatever was said last: EXAMINE with QRESYNC (RFC 7162 §3.2.5), of what
    changed below `since.first` the lines, and all lines from there on. The last are new messages, and some known ones
    by which another history is noticed, as after a restored backup.
    """

    def __init__(self, link: Link, names: MailboxNames, mailbox: MailboxName, since: Since, *, headers: bool) -> None:
        self._link = link
        self._names = names
        self._since = since
        self._selected = Selected(mailbox, writable=False)
        self._vanished: list[UidSet] = []
        self._rows: dict[int, ListedMessage] = {}
        self._headers: dict[Uid, bytes] = {}
        self._told = 0
        self._patience = link.patience()
        known, first = since
        numbers, uids = (known.uidvalidity, known.modseq), UidSet([(1, known.uidnext - 1)])
        command = commands.examine(names.spelled(mailbox), since=numbers, known=uids)
        self._opening = link.begin_open(command, self._selected, self._keep)
        self._fetching = [self._list(1, first - 1, known.modseq)] if first > 1 else []
        if headers and first < known.uidnext:
            self._fetching += [self._list(first, known.uidnext - 1), self._arrivals(known.uidnext)]
        else:
            self._fetching.append(self._arrivals(first) if headers else self._list(first, None))

    def _list(self, first: int, last: int | None, since: int = 0) -> str:
        link = self._link
        command = commands.list_messages(first, last, link.can("OBJECTID"), link.can("X-GM-EXT-1"), since)
        return link.begin(command, keep=self._keep)

    def _arrivals(self, first: int) -> str:
        link = self._link
        command = commands.fetch_arrivals(first, IDENTITY_FIELDS, link.can("OBJECTID"), link.can("X-GM-EXT-1"))
        return link.begin(command, keep=self._keep)

    def _keep(self, event: Event) -> None:
        match event:
            case Vanished(earlier=True, uids=uids):
                self._vanished.append(uids)
                # Between messages that are there, at most so many stretches can have gone.
                self._told += uids.width
            case Fetched(uid=int() as uid, sections=sections):
                header = header_of(sections)
                if header is not None:
                    self._headers[Uid(uid)] = header
            case FetchedRows():
                pass
            case _:
                return
        self._count(rows_of(event))

    def _count(self, rows: list[ListedMessage]) -> None:
        """Take lines. More than flags and a line of each message is no progress, and there is an end to it."""
        before, there = len(self._rows), max(self._since.state.exists, self._selected.exists)
        self._rows.update((row.uid, row) for row in rows)
        # Each event is told to every command that is under way.
        self._told += max(1, len(rows))
        told = self._told // (1 + len(self._fetching))
        check_told(self._link, told, there)
        if len(self._rows) > before or told <= 2 * there:
            self._patience.renew()

    async def finish(self) -> tuple[Selected, Resynced]:
        """Wait for all of it. What is refused is opened as ever; raises what that does."""
        opened = await self._link.finish(self._opening, self._patience)
        state = self._selected.state
        answers = [await self._link.finish(tag, self._patience) for tag in self._fetching]
        if self._link.lost is not None:
            raise self._link.lost
        if opened.kind != "OK":
            failure = self._link.refused(f"open {self._selected.mailbox}", opened)
            if not isinstance(failure, UpstreamRefused):
                raise failure
            # Because of what was asked besides, or because it cannot be opened; that shows now.
            selected = await examine(self._link, self._names, self._selected.mailbox)
            self._link.resyncs = False
            return selected, Resynced(selected.state)
        checked(self._link, self._selected, opened)
        told = all(answer.kind == "OK" for answer in answers) and self._follows(state)
        # What came since it was opened is news for later.
        rows = tuple(sorted(row for row in self._rows.values() if row.uid < state.uidnext))
        return self._selected, Resynced(state, told, self._since.first, self._gone(), rows, self._headers)

    def _follows(self, state: MailboxState) -> bool:
        """Tell whether it can be the mailbox that was known: its numbers only grow."""
        known = self._since.state
        return (
            state.uidvalidity == known.uidvalidity and state.modseq >= known.modseq and state.uidnext >= known.uidnext
        )

    def _gone(self) -> Container[int]:
        few = sum(len(some) for some in self._vanished) <= COUNTED_OUT
        if few:
            return frozenset(uid for some in self._vanished for uid in some)
        return _Vanished(self._vanished)


class _Vanished:
    """UIDs in sets that may be wide: never counted out."""

    def __init__(self, sets: list[UidSet]) -> None:
        self._sets = sets

    def __contains__(self, uid: object) -> bool:
        return any(uid in some for some in self._sets)
