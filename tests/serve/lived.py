"""A database in which a device has lived: it was shown five messages, deleted three, and two of these were moved."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from bridge.maildrop import unique_id
from bridge.model.devices import Admission, Announcement
from bridge.model.names import AccountId, DeviceId, EntrySeq, MailboxName, SessionId, Uid, UidValidity
from bridge.model.places import ListedMessage, ListingChange, Location, MailboxKey, MailboxState, StoredMessage
from bridge.model.settings import Settings
from bridge.model.update import Action, MovedTo, NewIntent, SessionRecord, UpdatePlan
from bridge.store import Store, open_store

FAMILY, FAX, DEN = AccountId("family-id"), DeviceId("fax-id"), DeviceId("den-id")
INBOX = MailboxKey(FAMILY, MailboxName("INBOX"))
ARCHIVE = MailboxKey(FAMILY, MailboxName("Archive"))
ONE = UidValidity(1)
NOW = 100_000.0
WINDOW = 3600.0

LOGIN, QUIT = SessionId("in"), SessionId("out")


@asynccontextmanager
async def lived(settings: Settings) -> AsyncIterator[Store]:
    """Open the state of a configuration whose inbox was listed, and of which the fax has used a part."""
    async with open_store(settings.server.state_dir, now=lambda: NOW) as store:
        await store.register(settings.accounts, settings.devices)
        await fill(store, INBOX, 1, 2, 3, 4, 5)
        await store.save_selector(FAMILY, "INBOX", INBOX.mailbox)
        await show(store, FAX, 1, 2, 3, 4, 5)
        await store.record_sessions([SessionRecord(QUIT, FAX, "192.0.2.1:4711", 10.0, 20.0, 3, 0, 3, 321, "quit")])
        yield store


async def fill(store: Store, key: MailboxKey, *uids: int) -> list[StoredMessage]:
    """List a mailbox whole."""
    listed = tuple(ListedMessage(Uid(uid), 100 + uid, 1000 + uid, "") for uid in uids)
    state = MailboxState(ONE, Uid(max(uids, default=0) + 1), len(uids))
    change = ListingChange(key, ONE, listed, state=state)
    return await store.apply_listing(change, partial(unique_id, key, ONE))


def place(uid: int, key: MailboxKey = INBOX) -> Location:
    """Give a location."""
    return Location(key, ONE, Uid(uid))


async def show(store: Store, device: DeviceId, *seqs: int, key: MailboxKey = INBOX) -> None:
    """Have a device shown entries."""
    announce = tuple(Announcement(EntrySeq(seq), 1000 + seq) for seq in seqs)
    await store.commit_admission(Admission(device, LOGIN, 11.0, 0, announce=announce, shown=(key,)))


def deleting(device: DeviceId, action: Action | None, *seqs: int, at: float = 20.0, **how: object) -> UpdatePlan:
    """Give a QUIT that deletes entries of the inbox; entry n is UID n."""
    intents = [
        NewIntent(EntrySeq(seq), place(seq), action, 100 + seq, at + WINDOW, **how)  # type: ignore[arg-type]
        for seq in seqs
        if action is not None
    ]
    hide = tuple(map(EntrySeq, seqs))
    return UpdatePlan(device, QUIT, at, hide=hide, sent=hide, electorate=(FAX, DEN), intents=tuple(intents))


async def carry_out(store: Store, moved: bool = True) -> None:
    """Have done upstream what waits; `moved` tells whether the server said where it put the messages."""
    for intent in await store.due_intents(NOW, 100):
        to = MovedTo(MailboxName("Trash"), UidValidity(7), Uid(70 + intent.seq)) if moved else None
        await store.settle_intent(intent.id, "done", "done: moved to Trash", to)
