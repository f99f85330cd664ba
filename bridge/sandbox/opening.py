"""SELECT and EXAMINE, with CONDSTORE and QRESYNC."""

from bridge.sandbox.mailbox import SandboxMailbox, object_id
from bridge.sandbox.session import Reply, Session
from bridge.sandbox.sets import NumberSet, compact
from bridge.sandbox.syntax import Arguments, BadCommand
from bridge.sandbox.view import View, flags_and_modseq

PERMANENT_FLAGS = "\\Answered \\Flagged \\Deleted \\Seen \\Draft"
ANY_FLAG = "\\*"


def open_(session: Session, arguments: Arguments, *, read_only: bool) -> Reply:
    """Carry out SELECT or EXAMINE."""
    closed = session.view is not None and session.qresync
    session.view = None
    name = arguments.mailbox()
    since = _parameter(session, arguments.inner()) if arguments.left else None
    arguments.end()
    mailbox = session.mailbox(name)
    session.view = View(mailbox, read_only=read_only)
    if closed:
        session.wire.put(b"* OK [CLOSED] the mailbox before\r\n")
    for line in _opening(session, mailbox, read_only=read_only):
        session.wire.put(f"* {line}\r\n".encode())
    if since is not None and since.uidvalidity == mailbox.uidvalidity:
        since.tell(session, session.view)
    return Reply("opened", "READ-ONLY" if read_only else "READ-WRITE")


class _Since:
    """What a client knew of the mailbox (RFC 7162 §3.2.5): UIDVALIDITY, mod-sequence, and maybe the UIDs."""

    def __init__(self, arguments: Arguments) -> None:
        self.uidvalidity = arguments.number()
        self._modseq = arguments.number()
        self._known: NumberSet | None = arguments.numbers() if arguments.left else None
        arguments.end()
        if not self.uidvalidity or not self._modseq:
            raise BadCommand("UIDVALIDITY and mod-sequence are no zeros")

    def tell(self, session: Session, view: View) -> None:
        """Say what went, and what changed and came."""
        went = view.mailbox.gone_since(self._modseq)
        if self._known is not None:
            went = [went[at] for at in self._known.pick(went)]
        if went:
            session.wire.put(f"* VANISHED (EARLIER) {compact(went)}\r\n".encode())
        for at, message in enumerate(view.messages, 1):
            if message.modseq > self._modseq:
                items = flags_and_modseq(message, modseq=True)
                session.wire.put(b"* %d FETCH (UID %d %s)\r\n" % (at, message.uid, items))


def _parameter(session: Session, arguments: Arguments) -> _Since | None:
    session.need("CONDSTORE")
    word = arguments.word()
    if word == "CONDSTORE":
        session.condstore = True
        arguments.end()
        return None
    if word != "QRESYNC" or not session.qresync:
        raise BadCommand("unknown parameter of SELECT, or QRESYNC was not enabled")
    since = _Since(arguments.inner())
    arguments.end()
    return since


def _opening(session: Session, mailbox: SandboxMailbox, *, read_only: bool) -> list[str]:
    unseen = next((at for at, message in enumerate(mailbox, 1) if "\\Seen" not in message.flags), 0)
    kept = "" if read_only else f"{PERMANENT_FLAGS} {ANY_FLAG}"
    lines = [
        f"FLAGS ({PERMANENT_FLAGS})",
        f"OK [PERMANENTFLAGS ({kept})] these can be kept",
        f"{len(mailbox)} EXISTS",
        "0 RECENT",
        f"OK [UIDVALIDITY {mailbox.uidvalidity}] UIDs valid",
        f"OK [UIDNEXT {mailbox.uidnext}] the next UID",
    ]
    if unseen:
        lines.append(f"OK [UNSEEN {unseen}] the first unseen")
    if session.can("CONDSTORE"):
        lines.append(f"OK [HIGHESTMODSEQ {mailbox.highestmodseq}] the highest")
    if session.can("OBJECTID"):
        lines.append(f"OK [MAILBOXID ({object_id(mailbox)})] the mailbox's id")
    return lines
