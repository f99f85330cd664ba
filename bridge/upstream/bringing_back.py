"""Moving a message back to where an intent took it from, because its owner wants it back."""

from bridge.model.failures import MailboxMissing
from bridge.model.settings import AccountSettings
from bridge.model.update import BringBack
from bridge.upstream.acting import Acting, Begun
from bridge.upstream.checking import Meant, check
from bridge.upstream.link import Link
from bridge.upstream.names import MailboxNames
from bridge.upstream.opening import select
from bridge.upstream.outcome import Outcome


async def bring_back(
    link: Link, names: MailboxNames, settings: AccountSettings, what: BringBack, begun: Begun
) -> Outcome:
    """Look that the message is the one, in the SELECT that moves it, then move it.

    Done means that it is back, also when a copy of it could not be removed from where it was.
    """
    try:
        selected = await select(link, names, what.moved.mailbox)
    except MailboxMissing as failure:
        return Outcome("later", str(failure))
    acting = Acting(link, names, settings, what.moved.uid)
    found = await check(link, selected, Meant.elsewhere(what.moved, what.size, what.content))
    if isinstance(found, Outcome):
        return _already_back(found, what, begun)
    if not selected.writable:
        return Outcome("refused", f"{what.moved.mailbox} is read-only")
    if acting.can_move and what.intent not in begun.copied:
        return await acting.move(what.source.mailbox)
    return await _in_two_steps(acting, what, begun)


def _already_back(outcome: Outcome, what: BringBack, begun: Begun) -> Outcome:
    if outcome.settled == "gone" and what.intent in begun.copied:
        return Outcome("done", f"moved to {what.source.mailbox}", begun.copied[what.intent])
    return outcome


async def _in_two_steps(acting: Acting, what: BringBack, begun: Begun) -> Outcome:
    if not acting.can_remove:
        note = f"the server has neither MOVE nor UIDPLUS, so the message stays in {what.moved.mailbox}"
        return Outcome("hide-only", note)
    if what.intent not in begun.copied:
        copied = await acting.copy(what.source.mailbox)
        if copied.settled != "done":
            return copied
        begun.copied[what.intent] = copied.moved
    removed = await acting.remove()
    note = f"copied to {what.source.mailbox}, and {removed.note}"
    if removed.settled != "done":
        note = f"copied to {what.source.mailbox}; a copy stays in {what.moved.mailbox}: {removed.note}"
    return Outcome("done", note, begun.copied[what.intent])
