"""Changing one message upstream: flags, moving, removing. Used by what carries out intents, and by nothing else."""

from dataclasses import dataclass, field
from typing import Final

from bridge.imap import Command, UidSet, commands
from bridge.imap.events import Code, Copied, Event, Fetched, Status, Tagged
from bridge.model.names import MailboxName, Uid, UidValidity
from bridge.model.settings import AccountSettings
from bridge.model.update import MovedTo
from bridge.upstream.failures import Dropped, quoted
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.outcome import Outcome

NEVER_CODES: Final = frozenset({"NOPERM", "CANNOT", "NONEXISTENT", "ALREADYEXISTS", "READ-ONLY", "EXPIRED"})
"""Response codes of a NO that another try will not turn into an OK (RFC 5530 §3)."""

NO_TARGET_CODES: Final = frozenset({"TRYCREATE", "NONEXISTENT"})
"""Response codes of a NO to COPY and MOVE that mean that there is no such mailbox (RFC 3501 §7.1, RFC 5530 §3)."""

DELETED: Final = "\\Deleted"


@dataclass(slots=True)
class Begun:
    """What was begun and not ended, by intent, for the next try. It is lost with the process.

    `copied` has where a copy was put, None where the server did not tell. `copying`: one was asked for.
    `marked`: `\\Deleted` was set by us.
    """

    copied: dict[int, MovedTo | None] = field(default_factory=dict)
    copying: set[int] = field(default_factory=set)
    marked: set[int] = field(default_factory=set)

    def forget(self, intent: int) -> None:
        """The intent has ended."""
        self.copied.pop(intent, None)
        self.copying.discard(intent)
        self.marked.discard(intent)


class Acting:
    """Acts on one message of the mailbox that is open for changes, once it is known to be the one that is meant."""

    def __init__(self, link: Link, names: MailboxNames, settings: AccountSettings, uid: Uid) -> None:
        self._link = link
        self._names = names
        self._settings = settings
        self._uids = UidSet.from_uids([uid])
        self._uid = uid

    @property
    def can_move(self) -> bool:
        """Whether the server moves in one step."""
        return self._link.can("MOVE")

    @property
    def can_remove(self) -> bool:
        """Whether this message can be removed without removing more, or the owner allowed it to remove more."""
        return self._link.can("UIDPLUS") or self._settings.allow_plain_expunge

    async def flag(self, flag: str) -> Outcome:
        """Set a flag."""
        answer = await self._link.ask(commands.store(self._uids, "+", [flag]))
        return self._ended(answer, f"marked {flag}")

    async def move(self, target: MailboxName) -> Outcome:
        """Move it by MOVE."""
        answer, moved = await self._told(commands.move(self._uids, self._names.spelled(target)), target)
        return await self._put(answer, target, Outcome("done", f"moved to {target}{_where(moved)}", moved))

    async def copy(self, target: MailboxName) -> Outcome:
        """Copy it; the original stays."""
        answer, moved = await self._told(commands.copy(self._uids, self._names.spelled(target)), target)
        return await self._put(answer, target, Outcome("done", f"copied to {target}{_where(moved)}", moved))

    async def remove(self) -> Outcome:
        """Remove this message and no other, and see that it is gone. Whatever fails, it is not left `\\Deleted`.

        Without UIDPLUS a plain EXPUNGE takes along what others marked: only where `can_remove` allows it.
        """
        if not self.can_remove:
            return Outcome("hide-only", "the server has no UIDPLUS, so nothing can be removed without removing more")
        marked = await self._link.ask(commands.store(self._uids, "+", [DELETED]))
        if marked.kind != "OK":
            return self._ended(marked, "")
        command = commands.expunge(self._uids) if self._link.can("UIDPLUS") else commands.plain_expunge()
        answer = await self._link.ask(command)
        if answer.kind == "OK" and not await self._there():
            return Outcome("done", "removed")
        await self.unmark()
        return self._ended(answer, "") if answer.kind != "OK" else Outcome("refused", "the server removes nothing here")

    async def unmark(self) -> None:
        """Take `\\Deleted` off: left there, the next EXPUNGE of anybody would remove the message."""
        await self._link.ask(commands.store(self._uids, "-", [DELETED]))

    async def _there(self) -> bool:
        """Ask whether the message is still there: a server may say OK to what it does not do."""
        found = False

        def keep(event: Event) -> None:
            nonlocal found
            found = found or (isinstance(event, Fetched) and event.uid == self._uid)

        await self._link.must(
            "tell of a message",
            commands.fetch_facts(self._uids),
            keep,
        )
        return found

    async def _told(self, command: Command, target: MailboxName) -> tuple[Tagged, MovedTo | None]:
        """Send MOVE or COPY; gives where the message is now, as far as the server tells (RFC 4315 §3)."""
        moved: list[MovedTo] = []

        def keep(event: Event) -> None:
            match event:
                case Status(code=Code(copied=Copied(uidvalidity, _, (uid,)))):
                    moved[:] = [MovedTo(target, UidValidity(uidvalidity), Uid(uid))]
                case Tagged(code=Code(copied=Copied(uidvalidity, _, (uid,)))):
                    moved[:] = [MovedTo(target, UidValidity(uidvalidity), Uid(uid))]
                case _:
                    pass

        answer = await self._link.ask(command, keep)
        keep(answer)
        return answer, moved[-1] if moved else None

    async def _put(self, answer: Tagged, target: MailboxName, done: Outcome) -> Outcome:
        if answer.kind == "OK":
            return done
        if answer.code is not None and answer.code.name in NO_TARGET_CODES:
            # Mailboxes come back, or another one gets their use: what is known of them is out of date.
            await self._names.refresh(self._link)
            return Outcome("later", f"the mailbox {target} is not there any more")
        return self._ended(answer, "")

    def _ended(self, answer: Tagged, done: str) -> Outcome:
        if answer.kind == "OK":
            return Outcome("done", done)
        failure = self._link.refused("change a message", answer)
        if isinstance(failure, Dropped):
            raise failure
        note = f"the server would not{quoted(answer.text)}"
        never = answer.kind == "BAD" or (answer.code is not None and answer.code.name in NEVER_CODES)
        return Outcome("refused" if never else "later", note)


def _where(moved: MovedTo | None) -> str:
    return "" if moved is None else f" as UID {moved.uid} of {moved.uidvalidity}"
