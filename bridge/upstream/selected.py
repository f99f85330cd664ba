"""The mailbox that a connection has open, and what the server told of it."""

from dataclasses import dataclass

from bridge.imap.events import Code, Event, Exists, Expunged, Status, Tagged, Vanished
from bridge.model.names import MailboxName, ModSeq, Uid, UidValidity
from bridge.model.places import MailboxState


@dataclass(slots=True)
class Selected:
    """What EXAMINE or SELECT told, kept true by what the server tells later.

    `counted` once it was told how many messages there are.

    `settled` once the command was answered: from then on a change of the set of messages sets `changed`, and one that
    takes messages away `shrank`.
    """

    mailbox: MailboxName
    writable: bool
    uidvalidity: int = 0
    uidnext: int = 0
    exists: int = 0
    modseq: int = 0
    counted: bool = False
    settled: bool = False
    changed: bool = False
    shrank: bool = False

    @property
    def state(self) -> MailboxState:
        """The state in the model's words."""
        uidvalidity, uidnext = UidValidity(self.uidvalidity), Uid(self.uidnext)
        return MailboxState(uidvalidity, uidnext, self.exists, ModSeq(self.modseq))

    def note(self, event: Event) -> None:
        """Take one event of the connection, whatever it is."""
        match event:
            case Exists(count):
                self.counted = True
                self._count(count)
            case Expunged():
                self._count(max(0, self.exists - 1))
            case Vanished(earlier=False, uids=uids):
                self._count(max(0, self.exists - len(uids)))
            case Status(code=Code() as code) | Tagged(code=Code() as code) if not self.settled:
                self._learn(code)
            case Status(code=Code(name="UIDVALIDITY", number=int() as number)) if number not in {0, self.uidvalidity}:
                # Not foreseen while a mailbox is open, but nothing that is known of its UIDs holds then.
                self.uidvalidity, self.changed = number, True
            case _:
                pass

    def _count(self, count: int) -> None:
        if self.settled and count != self.exists:
            self.changed = True
            self.shrank = self.shrank or count < self.exists
        self.exists = count

    def _learn(self, code: Code) -> None:
        match code.name:
            case "UIDVALIDITY":
                self.uidvalidity = code.number or 0
            case "UIDNEXT":
                self.uidnext = code.number or 0
            case "HIGHESTMODSEQ":
                self.modseq = code.number or 0
            case "NOMODSEQ":
                self.modseq = 0
            case "READ-ONLY":
                self.writable = False
            case "CLOSED":
                # What came before belonged to the mailbox that was open until now (RFC 9051 §7.1).
                self.exists = self.uidvalidity = self.uidnext = self.modseq = 0
                self.counted = False
            case _:
                pass
