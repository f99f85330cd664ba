"""Doing upstream what QUIT promised."""

from typing import Final, assert_never

from bridge.identity import message_id
from bridge.model.failures import MailboxMissing
from bridge.model.names import MailboxName
from bridge.model.settings import AccountSettings
from bridge.model.update import Intent, MovedTo
from bridge.upstream.acting import DELETED, Acting, Begun
from bridge.upstream.checking import ANY_SIZE, Found, Meant, check, header_of
from bridge.upstream.copies import find_copy, is_known
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import examine, select
from bridge.upstream.outcome import Copied, Outcome

GMAIL: Final = "X-GM-EXT-1"
ARCHIVED: Final = (
    '; at Gmail this archives it, for it stays in All Mail: the way to delete there is on_delete = "trash"'
)


class CarryingOut:
    """Carries out one intent over one connection, all of it or up to the copy of a move that needs two steps.

    `copied` is that copy, when it was made a moment ago.
    """

    def __init__(
        self,
        link: Link,
        names: MailboxNames,
        settings: AccountSettings,
        intent: Intent,
        begun: Begun,
        copied: Copied | None = None,
    ) -> None:
        self._link = link
        self._names = names
        self._settings = settings
        self._intent = intent
        self._begun = begun
        self._copied = copied
        self._mailbox = intent.location.key.mailbox
        self._acting = Acting(link, names, settings, intent.location.uid)
        place = intent.location
        self._meant = Meant(place.uidvalidity, place.uid, intent.size, intent.content, intent.message_id)

    async def run(self) -> Outcome | Copied:
        """Look that the message is the one, in the SELECT that does it, then do it.

        After `Copied`, write the copy down, and go on with it in another run: it removes the original.
        """
        target = await self._target()
        if isinstance(target, Outcome) and target.settled == "later":
            return target
        copy = await self._copy(None if isinstance(target, Outcome) else target)
        if isinstance(copy, Outcome):
            return copy
        try:
            selected = await select(self._link, self._names, self._mailbox)
        except MailboxMissing as failure:
            return Outcome("later", str(failure))
        found = await check(self._link, selected, self._meant)
        if isinstance(found, Outcome):
            return self._not_there(found, copy)
        if not selected.writable:
            return Outcome("refused", f"{self._mailbox} is read-only")
        ended = await self._leave_no_mark(
            target if isinstance(target, Outcome) else await self._act(target, copy), found
        )
        header = header_of(found.sections)
        if header is None or isinstance(ended, Copied) or ended.settled != "done":
            return ended
        return ended._replace(message_id=message_id(header))

    def _not_there(self, outcome: Outcome, copy: Copied | None) -> Outcome:
        if outcome.settled == "gone" and copy is not None and copy.moved is not None:
            return Outcome("done", f"moved to {copy.moved.mailbox}", copy.moved)
        return outcome

    # --- where to

    async def _target(self) -> MailboxName | Outcome | None:
        """Find where the message is to go; None when it stays, or is to be removed."""
        selector = self._selector()
        if selector is None:
            return None
        try:
            return await self._names.find(self._link, selector)
        except MailboxMissing as failure:
            if selector == "\\Archive" and self._link.can(GMAIL):
                # Gmail has no mailbox of that use: what is archived is in All Mail alone.
                return await self._find("\\All") or Outcome("later", str(failure))
            return Outcome("hide-only" if self._intent.action == "expunge" else "later", str(failure))

    def _selector(self) -> str | None:
        match self._intent.action:
            case "seen" | "flag":
                return None
            case "archive":
                return self._settings.archive
            case "trash":
                return "\\Trash"
            case "expunge":
                return "\\Trash" if self._acting.can_move and not self._acting.can_remove else None
            case _:
                assert_never(self._intent.action)

    async def _find(self, selector: str) -> MailboxName | None:
        try:
            return await self._names.find(self._link, selector)
        except MailboxMissing:
            return None

    async def _copy(self, target: MailboxName | None) -> Copied | Outcome | None:
        """Give the copy that was made of it before, as it lies there now: an OK alone is not believed.

        None when there is none. How it ends when there must be one, and is not.
        """
        intent, begun = self._intent, self._begun
        known = self._copied.moved if self._copied is not None else begun.copied.get(intent.id) or intent.copied
        size = ANY_SIZE if known is not None and known != intent.copied else intent.size
        if known is not None and await self._lies_at(known, size):
            return Copied(known)
        asked = self._copied is not None or intent.id in begun.copied
        if target is None or not (asked or intent.id in begun.copying or (intent.tries and not self._acting.can_move)):
            return None
        found = await find_copy(self._link, self._names, target, intent)
        if found is not None or not asked:
            return None if found is None else Copied(found)
        if not is_known(intent):
            return Copied(None)  # nothing tells it from others; the OK must do
        begun.copied.pop(intent.id, None)
        return Outcome("later", f"the server said OK to a copy that is not in {target}")

    async def _lies_at(self, moved: MovedTo, size: int) -> bool:
        try:
            selected = await examine(self._link, self._names, moved.mailbox)
        except MailboxMissing:
            return False
        meant = Meant.elsewhere(moved, size, self._intent.content)
        return isinstance(await check(self._link, selected, meant), Found)

    # --- doing it

    async def _act(self, target: MailboxName | None, copy: Copied | None) -> Outcome | Copied:
        match self._intent.action:
            case "seen":
                return await self._acting.flag("\\Seen")
            case "flag":
                return await self._acting.flag("\\Flagged")
            case "archive" | "trash" | "expunge":
                return await (self._expunge() if target is None else self._move(target, copy))
            case _:
                assert_never(self._intent.action)

    async def _move(self, target: MailboxName, copy: Copied | None) -> Outcome | Copied:
        if target == self._mailbox:
            return Outcome("done", f"it is in {target} already")
        if copy is not None and self._acting.can_remove:
            removed = await self._remove()
            note = f"copied to {copy.moved.mailbox if copy.moved else target}, and {removed.note}"
            return Outcome(removed.settled, note, copy.moved if removed.settled == "done" else None)
        if self._acting.can_move:
            return await self._acting.move(target)
        if not self._acting.can_remove:
            return Outcome("hide-only", "the server has neither MOVE nor UIDPLUS, so the message stays where it is")
        self._begun.copying.add(self._intent.id)
        copied = await self._acting.copy(target)
        return Copied(copied.moved) if copied.settled == "done" else copied

    async def _expunge(self) -> Outcome:
        removed = await self._remove()
        archives = removed.settled == "done" and self._link.can(GMAIL) and not await self._is_last_stop()
        return removed._replace(note=removed.note + ARCHIVED) if archives else removed

    async def _is_last_stop(self) -> bool:
        """Whether this is a mailbox out of which Gmail does remove for good."""
        return self._mailbox in {await self._find("\\Trash"), await self._find("\\Junk")}

    async def _remove(self) -> Outcome:
        self._begun.marked.add(self._intent.id)
        removed = await self._acting.remove()
        self._begun.marked.discard(self._intent.id)
        return removed

    async def _leave_no_mark(self, outcome: Outcome | Copied, found: Found) -> Outcome | Copied:
        """What is hidden only is not left `\\Deleted` by an earlier try: somebody's EXPUNGE would take it."""
        ours = self._intent.id in self._begun.marked or self._intent.copied is not None
        if isinstance(outcome, Outcome) and outcome.settled == "hide-only" and ours and DELETED in found.flags:
            await self._acting.unmark()
        return outcome
