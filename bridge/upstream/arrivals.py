"""What just came to the open mailbox: listed with its headers, in one command."""

from bridge.identity import IDENTITY_FIELDS
from bridge.imap import commands
from bridge.imap.events import Event, Fetched
from bridge.model.names import Uid, UidValidity
from bridge.model.places import Arrivals, ListedMessage, MailboxState
from bridge.upstream.checking import header_of
from bridge.upstream.link import Link
from bridge.upstream.selected import Selected

FEW = 50
"""Messages fetched so at most: more are listed first, and their headers fetched as of any others."""

ARRIVAL_OCTETS = 500
"""About what a message has of it."""


class Catching:
    """A fetch of what came from UID `first` on, sent behind whatever was said last."""

    def __init__(self, link: Link, first: Uid, messages: int) -> None:
        self._link = link
        self._first = first
        emailid, gmail = link.can("OBJECTID"), link.can("X-GM-EXT-1")
        self._rows: dict[Uid, ListedMessage] = {}
        self._headers: dict[Uid, bytes] = {}
        command = commands.fetch_arrivals(first, IDENTITY_FIELDS, emailid, gmail)
        self._tag = link.begin(command, owed=messages * ARRIVAL_OCTETS, keep=self._keep)

    def _keep(self, event: Event) -> None:
        match event:
            case Fetched(uid=int() as uid, size=int() as size, date=int() as date) if self._awaits(uid):
                self._rows[Uid(uid)] = ListedMessage(Uid(uid), size, date, event.identity)
                header = header_of(event.sections)
                if header is not None:
                    self._headers[Uid(uid)] = header
            case _:
                pass

    def _awaits(self, uid: int) -> bool:
        return uid >= self._first and len(self._rows) <= 2 * FEW

    async def finish(self, selected: Selected, before: MailboxState) -> Arrivals | None:
        """Wait for what came; None when the server does not give it, or gives less than a listing needs."""
        answer, rows = await self._link.finish(self._tag, self._link.patience()), self._rows
        if answer.kind != "OK" or before.exists + len(rows) != selected.exists:
            return None
        uidnext = Uid(max(rows, default=self._first - 1) + 1)
        state = MailboxState(UidValidity(selected.uidvalidity), uidnext, selected.exists, before.modseq)
        return Arrivals(state, tuple(rows[uid] for uid in sorted(rows)), self._headers)
