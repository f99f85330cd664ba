"""A selected mailbox as one connection has been told of it: its message numbers, and what it must yet be told."""

from bridge.sandbox.mailbox import SandboxMailbox, SandboxMessage
from bridge.sandbox.sets import NumberSet, compact
from bridge.sandbox.syntax import BadCommand


class View:
    """Message numbers are 1 + the index in `messages`, which change only when `news` is told."""

    def __init__(self, mailbox: SandboxMailbox, *, read_only: bool) -> None:
        self.mailbox = mailbox
        self.read_only = read_only
        self.messages: list[SandboxMessage] = list(mailbox)
        self._uidvalidity = mailbox.uidvalidity
        self._synced = mailbox.highestmodseq
        self._last_uid = mailbox.uidnext - 1
        self._told: dict[int, int] = {}
        self._withheld = False

    def choose(self, numbers: NumberSet, *, by_uid: bool) -> list[int]:
        """Give the indexes that a set names. Raises BadCommand for a message number that there is not."""
        if by_uid:
            return numbers.pick([message.uid for message in self.messages])
        if numbers.highest > len(self.messages):
            raise BadCommand("there is no such message number")
        return numbers.pick(range(1, len(self.messages) + 1))

    def told(self, message: SandboxMessage) -> None:
        """Note that the client knows the message's flags as they are now."""
        self._told[message.uid] = message.modseq

    def news(self, *, expunges: bool, modseq: bool, uids: bool) -> list[bytes]:
        """Give the untagged responses for what changed, and count them as told.

        `expunges` is False where EXPUNGE may not be said (RFC 3501 §7.4.1); it is kept for later. With `uids` it is
        VANISHED (RFC 7162 §3.2.10). After a change of UIDVALIDITY nothing is told any more.
        """
        mailbox = self.mailbox
        if mailbox.uidvalidity != self._uidvalidity or (mailbox.highestmodseq == self._synced and not self._withheld):
            return []
        found = self._expunged(uids=uids) if expunges else []
        self._withheld = not expunges and any(message.gone for message in self.messages)
        found += self._flags(modseq)
        found += self._newcomers()
        self._synced = mailbox.highestmodseq
        self._told.clear()
        return found

    def _expunged(self, *, uids: bool) -> list[bytes]:
        gone = [at for at, message in enumerate(self.messages) if message.gone]
        if not gone:
            return []
        vanished = compact(self.messages[at].uid for at in gone)
        self.messages = [message for message in self.messages if not message.gone]
        if uids:
            return [f"* VANISHED {vanished}\r\n".encode()]
        return [b"* %d EXPUNGE\r\n" % (at + 1) for at in reversed(gone)]

    def _flags(self, modseq: bool) -> list[bytes]:
        return [
            b"* %d FETCH (UID %d %s)\r\n" % (at, message.uid, flags_and_modseq(message, modseq))
            for at, message in enumerate(self.messages, 1)
            if message.modseq > self._synced and not message.gone and self._told.get(message.uid) != message.modseq
        ]

    def _newcomers(self) -> list[bytes]:
        new: list[SandboxMessage] = []
        for message in reversed(self.mailbox):
            if message.uid <= self._last_uid:
                break
            new.append(message)
        self._last_uid = self.mailbox.uidnext - 1
        if not new:
            return []
        self.messages.extend(reversed(new))
        return [b"* %d EXISTS\r\n" % len(self.messages)]


def flags_and_modseq(message: SandboxMessage, modseq: bool) -> bytes:
    """Give the FETCH items that tell flags, and MODSEQ where the client knows CONDSTORE."""
    text = b"FLAGS (%s)" % " ".join(sorted(message.flags)).encode()
    return text + b" MODSEQ (%d)" % message.modseq if modseq else text
