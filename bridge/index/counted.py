"""Octets that were counted while messages were sent: published for many messages at once."""

from collections.abc import Mapping

from bridge.index.account import IndexedAccount
from bridge.model.names import AccountId, Uid, UidValidity
from bridge.model.places import Location, MailboxKey, MeasuredMessage

MANY = 256
"""Messages after which what was counted is published without waiting: each time costs a copy of the mailbox's sizes."""


class Counted:
    """Gathers what was counted. It is published with the next login, which is to see it, with the next leftovers that
    are written, and when there is much of it: a device that fetches a whole mailbox must not have it copied for each
    message.
    """

    def __init__(self, accounts: Mapping[AccountId, IndexedAccount]) -> None:
        self._accounts = accounts
        self._waiting: dict[Location, MeasuredMessage] = {}

    def take(self, location: Location, found: MeasuredMessage) -> None:
        """Take one message's count. Waits for nothing."""
        self._waiting[location] = found
        if len(self._waiting) >= MANY:
            self.publish()

    def publish(self) -> None:
        """Show what was counted; of a mailbox that was listed anew meanwhile it means nothing. Waits for nothing."""
        if not self._waiting:
            return
        waiting, self._waiting = self._waiting, {}
        mailboxes: dict[tuple[MailboxKey, UidValidity], dict[Uid, MeasuredMessage]] = {}
        for (key, uidvalidity, uid), found in waiting.items():
            mailboxes.setdefault((key, uidvalidity), {})[uid] = found
        for (key, uidvalidity), measured in mailboxes.items():
            account = self._accounts.get(key.account)
            mailbox = None if account is None else account.mailboxes.get(key.mailbox)
            if mailbox is not None and mailbox.snapshot is not None and mailbox.snapshot.uidvalidity == uidvalidity:
                mailbox.take_measured(uidvalidity, measured)
