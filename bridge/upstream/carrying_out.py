"""Doing upstream what QUIT promised: the only code of popbridge that changes anything there."""

from collections.abc import Mapping

from bridge.imap import Command, UidSet, commands
from bridge.imap.events import Event, Fetched, Status, Tagged
from bridge.model.failures import MailboxMissing
from bridge.model.names import MailboxName
from bridge.model.settings import AccountSettings
from bridge.model.update import Intent
from bridge.upstream.failures import quoted
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import select
from bridge.upstream.outcome import Outcome

NEVER_CODES = frozenset({"NOPERM", "CANNOT", "TRYCREATE", "NONEXISTENT", "ALREADYEXISTS", "READ-ONLY", "EXPIRED"})
"""Response codes of a NO that another try will not turn into an OK (RFC 5530 §3, RFC 3501 §7.1)."""

HEADER = "HEADER.FIELDS (MESSAGE-ID)"


class CarryingOut:
    """Carries out one intent over one connection. `copied` remembers, per intent, what was copied but not removed."""

    def __init__(
        self, link: Link, names: MailboxNames, settings: AccountSettings, intent: Intent, copied: dict[int, str]
    ) -> None:
        self._link = link
        self._names = names
        self._settings = settings
        self._intent = intent
        self._copied = copied
        self._uids = UidSet.from_uids([intent.location.uid])
        self._mailbox = intent.location.key.mailbox

    async def run(self) -> Outcome:
        """Look that the message is the one, in the SELECT that does it, then do it."""
        target = await self._target()
        if isinstance(target, Outcome):
            return target
        try:
            selected = await select(self._link, self._names, self._mailbox)
        except MailboxMissing as failure:
            return Outcome("later", str(failure))
        if selected.uidvalidity != self._intent.location.uidvalidity:
            return Outcome("refused", f"{self._mailbox} was numbered anew since")
        if not selected.writable:
            return Outcome("refused", f"{self._mailbox} is read-only")
        return await self._check() or await self._act(target)

    async def _target(self) -> MailboxName | Outcome | None:
        """Find where the message is to go; None when it stays."""
        selector = {"archive": self._settings.archive, "trash": "\\Trash"}.get(self._intent.action)
        if self._intent.action == "expunge" and self._link.can("MOVE") and not self._link.can("UIDPLUS"):
            selector = None if self._settings.allow_plain_expunge else "\\Trash"
        if selector is None:
            return None
        try:
            return await self._names.find(self._link, selector)
        except MailboxMissing as failure:
            return Outcome("hide-only" if self._intent.action == "expunge" else "later", str(failure))

    async def _check(self) -> Outcome | None:
        found: list[Fetched] = []

        def keep(event: Event) -> None:
            if isinstance(event, Fetched) and event.uid == self._intent.location.uid and event.size is not None:
                found.append(event)

        await self._link.must("tell of a message", commands.fetch_envelope_facts(self._uids), keep)
        if not found:
            return Outcome("gone", "the message was no longer there")
        if found[-1].size != self._intent.size:
            return Outcome("refused", "the message there has another size than the one that was listed")
        if self._intent.message_id and message_id(found[-1].sections) != "".join(self._intent.message_id.split()):
            return Outcome("refused", "the message there has another Message-ID than the one that was listed")
        return None

    async def _act(self, target: MailboxName | None) -> Outcome:
        if target == self._mailbox:
            return Outcome("done", f"it is in {target} already")
        match self._intent.action:
            case "seen":
                return await self._flag("\\Seen")
            case "flag":
                return await self._flag("\\Flagged")
            case "archive" | "trash" | "expunge":
                return await (self._expunge() if target is None else self._move(target))

    async def _flag(self, flag: str) -> Outcome:
        answer = await self._link.ask(commands.store(self._uids, "+", [flag]))
        return self._outcome(answer, f"marked {flag}")

    # --- moving

    async def _move(self, target: MailboxName) -> Outcome:
        where = self._names.spelled(target)
        if self._link.can("MOVE"):
            answer, copied = await self._told(commands.move(self._uids, where))
            return self._outcome(answer, f"moved to {target}{copied}")
        if not self._can_remove():
            return Outcome("hide-only", "the server has neither MOVE nor UIDPLUS, so the message stays where it is")
        if self._intent.id not in self._copied:
            answer, copied = await self._told(commands.copy(self._uids, where))
            if answer.kind != "OK":
                return self._outcome(answer, "")
            self._copied[self._intent.id] = f"copied to {target}{copied}"
        outcome = await self._expunge()
        if outcome.settled != "done":
            return Outcome(outcome.settled, f"{self._copied[self._intent.id]}; {outcome.note}")
        return Outcome("done", f"{self._copied.pop(self._intent.id)}, and removed")

    async def _told(self, command: Command) -> tuple[Tagged, str]:
        """Send MOVE or COPY; gives where the message is now, as far as the server tells (RFC 4315 §3)."""
        codes: list[str] = []

        def keep(event: Event) -> None:
            if isinstance(event, Status | Tagged) and event.code is not None and event.code.copied is not None:
                new = ",".join(str(uid) for uid in event.code.copied.destination)
                codes.append(f" as UID {new} of {event.code.copied.uidvalidity}")

        answer = await self._link.ask(command, keep)
        keep(answer)
        return answer, codes[-1] if codes else ""

    # --- removing

    def _can_remove(self) -> bool:
        return self._link.can("UIDPLUS") or self._settings.allow_plain_expunge

    async def _expunge(self) -> Outcome:
        """Remove this message and no other; a plain EXPUNGE takes other people's `\\Deleted` mail along."""
        if not self._can_remove():
            return Outcome("hide-only", "the server has no UIDPLUS, so nothing can be removed without removing more")
        marked = await self._link.ask(commands.store(self._uids, "+", ["\\Deleted"]))
        if marked.kind != "OK":
            return self._outcome(marked, "")
        command = commands.expunge(self._uids) if self._link.can("UIDPLUS") else commands.plain_expunge()
        answer = await self._link.ask(command)
        if answer.kind != "OK":
            # Not left marked: the next EXPUNGE of anybody would take it.
            await self._link.ask(commands.store(self._uids, "-", ["\\Deleted"]))
        return self._outcome(answer, "removed")

    def _outcome(self, answer: Tagged, done: str) -> Outcome:
        if answer.kind == "OK":
            return Outcome("done", done)
        code = answer.code.name if answer.code else ""
        note = f"the server would not{quoted(answer.text)}"
        if answer.kind == "BAD" or code in NEVER_CODES:
            return Outcome("refused", note)
        return Outcome("later", note)


def message_id(sections: Mapping[str, bytes]) -> str:
    """Give the Message-ID out of a header, without the field's name and any blanks; empty when there is none."""
    header = sections.get(HEADER, b"").decode("utf-8", "replace")
    name, colon, value = header.partition(":")
    return "".join(value.split()) if colon and name.strip().lower() == "message-id" else ""
