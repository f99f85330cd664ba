"""One mailbox of the index: what is published of it, and how it is listed for the first time."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from bridge.index.first_listing import FirstListing
from bridge.index.ports import StorePort, Watcher
from bridge.maildrop import MailboxSnapshot, from_messages, in_one
from bridge.model.failures import MailboxChanged
from bridge.model.names import Uid, UidValidity
from bridge.model.places import Location, MailboxKey, MailboxState, MeasuredMessage, Since, StoredMessage
from bridge.telemetry import count, get_logger

log = get_logger("index")

TAIL = 20
"""Known messages of which a line is asked for as well when a server tells what is new: where its past is another one,
say out of a backup, the newest that are known are others now, or not there.
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search key found in a mailbox: `uids` of those up to and with `upto`, under `uidvalidity`."""

    uidvalidity: UidValidity
    upto: int
    uids: frozenset[int]


class IndexedMailbox:
    """Holds what is published of one mailbox. Only its account's refresher writes it.

    `parts` are the snapshots that devices see: the mailbox as its server has it, then, while a loss is not believed,
    what was listed under an older UIDVALIDITY. Empty until the mailbox was listed whole.
    """

    def __init__(self, key: MailboxKey, store: StorePort) -> None:
        self.key = key
        self.parts: tuple[MailboxSnapshot, ...] = ()
        self.listing: tuple[int, int] | None = None
        self.found: Mapping[str, Found] = {}
        self.verified = False
        self.restless = False
        self._store = store
        self._state: MailboxState | None = None
        self._begun: MailboxSnapshot | None = None
        self._begun_under: UidValidity | None = None
        self._short: float | None = None
        self._version = 0

    @property
    def snapshot(self) -> MailboxSnapshot | None:
        """The mailbox under its present UIDVALIDITY, or None until it was listed whole."""
        return self.parts[0] if self.parts else None

    @property
    def state(self) -> MailboxState | None:
        """What the server said when it was last looked at, with what came since counted in."""
        return self._state

    @property
    def unmeasured(self) -> int:
        """How many messages have only an announced size so far."""
        return sum(part.unmeasured for part in self.parts[:1])

    @property
    def unidentified(self) -> int:
        """How many messages have no content identity so far."""
        return sum(part.unidentified for part in self.parts[:1])

    @property
    def messages(self) -> int:
        """How many messages are listed, with those that linger while a loss is not believed."""
        return sum(len(part) for part in self.parts)

    @property
    def progress(self) -> str:
        """How far the first listing is, in words; nothing when none is under way."""
        return "" if self.listing is None else f"first listing, {self.listing[0]} of {self.listing[1]}"

    @property
    def begun(self) -> bool:
        """True while a first listing that was cut short is to be gone on with."""
        return self._begun is not None and len(self._begun) > 0

    async def load(self, state: MailboxState | None, begun_under: UidValidity | None) -> None:
        """Take up what the store has: a whole listing is published; one that was begun, under `begun_under`, is gone
        on with.
        """
        if state is None:
            self._begun_under = begun_under
            if begun_under is not None:
                self._begun = from_messages(self.key, begun_under, await self._store.load_messages(self.key))
            return
        self._state = state
        pieces: dict[UidValidity, list[MailboxSnapshot]] = {}

        def take(uidvalidity: UidValidity, rows: list[StoredMessage]) -> None:
            piece = from_messages(self.key, uidvalidity, sorted(rows))
            pieces.setdefault(uidvalidity, []).append(piece)

        await self._store.load_in_pieces(self.key, take)
        parts = [in_one(found) for found in pieces.values()]
        if not parts or parts[0].uidvalidity != state.uidvalidity:
            parts.insert(0, from_messages(self.key, state.uidvalidity, []))
        self.publish(parts)

    def unchanged(self, state: MailboxState) -> bool:
        """True when the server's numbers say that the set of messages is what the index has.

        On a new connection this is believed only of a server that counts every change (CONDSTORE): another may have
        given a UID to another message meanwhile.
        """
        known = self._state
        if known is None or self.restless or not self.parts:
            return False
        return same(known, state) and (self.verified or (state.modseq != 0 and state.modseq == known.modseq))

    def since(self) -> Since | None:
        """Give since when to ask what happened; None when only a thorough look will do."""
        known = self._state
        if known is None or self.restless or len(self.parts) != 1:
            return None
        # By far the most are the newest in both orders; were they not, more would be asked for, nothing less.
        newest = sorted(self.parts[0].uids[-2 * TAIL :])
        return Since(known, Uid(newest[-TAIL:][0] if newest else 1))

    def took_note(self, state: MailboxState) -> None:
        """Nothing came and nothing went up to this state, so what happened later is asked since then."""
        if self._state is not None and state.modseq > self._state.modseq and same(self._state, state):
            self._state = state

    def searched(self, searches: Iterable[str]) -> bool:
        """True when every search key was asked about all that is listed."""
        return all(key in self.found for key in searches)

    def publish(
        self, parts: Iterable[MailboxSnapshot], state: MailboxState | None = None, *, restless: bool = False
    ) -> None:
        """Show other parts from now on. `restless`: the next look must be a thorough one, whatever the numbers say."""
        kept = [part for at, part in enumerate(parts) if at == 0 or len(part)]
        self._version += 1
        self.parts = tuple(part.at_version(self._version) for part in kept)
        if state is not None:
            self._state = state
        self.restless = restless

    # --- the first listing

    async def list_first(self, watcher: Watcher, state: MailboxState) -> None:
        """List the examined mailbox: batches are committed as they come and shown only when the last one is. Cut short,
        it is gone on with next time.
        """
        anew = self._begun_under not in {None, state.uidvalidity}
        begun = None if anew else self._begun
        listing = FirstListing(self.key, state, self._store, begun, anew=anew, short=self._short)

        def heard() -> None:
            self.listing, self._begun_under = listing.progress, state.uidvalidity

        self.listing = listing.progress
        try:
            found, final = await listing.run(watcher, heard)
        finally:
            self._short = listing.short
            if self._begun_under == state.uidvalidity:
                self._begun = listing.have()
        self._begun, self.listing, self.verified = None, None, True
        self.publish([found], final)
        count("messages_listed", len(found))
        log.info("mailbox.listed", mailbox=str(self.key), messages=len(found))

    # --- what is learnt of messages later

    def take_measured(self, uidvalidity: UidValidity, measured: Mapping[Uid, MeasuredMessage]) -> None:
        """Publish octets that were counted. Raises `MailboxChanged` when the UIDs mean nothing any more."""
        current = self._under(uidvalidity)
        if measured:
            self._replace(current.with_measured(measured))

    def take_identities(self, uidvalidity: UidValidity, found: Mapping[Uid, str]) -> None:
        """Publish content identities. Raises `MailboxChanged` likewise."""
        current = self._under(uidvalidity)
        if found:
            self._replace(current.with_identities(found))

    def _under(self, uidvalidity: UidValidity) -> MailboxSnapshot:
        current = self.snapshot
        if current is None or current.uidvalidity != uidvalidity:
            raise MailboxChanged(self.key.account, f"{self.key} is not listed under that UIDVALIDITY any more")
        return current

    def _replace(self, current: MailboxSnapshot) -> None:
        self._version += 1
        self.parts = (current.at_version(self._version), *self.parts[1:])

    def places(self, uids: Iterable[int], part: int = 0) -> list[Location]:
        """Give the locations of UIDs of one part."""
        uidvalidity = self.parts[part].uidvalidity
        return [Location(self.key, uidvalidity, Uid(uid)) for uid in uids]


def same(one: MailboxState, other: MailboxState) -> bool:
    """Tell whether between two states no message came and none went."""
    return (one.uidvalidity, one.uidnext, one.exists) == (other.uidvalidity, other.uidnext, other.exists)
