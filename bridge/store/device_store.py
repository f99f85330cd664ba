"""The half of the store that remembers devices: what they were shown, have hidden, and were promised."""

from collections.abc import Sequence
from typing import Any

from bridge.model.admin import CataloguedPlace, ForgetDone, ResetDone, Undone
from bridge.model.devices import Admission, Kin, StoredDevice
from bridge.model.names import DeviceId, EntrySeq, Uidl
from bridge.model.places import Location, MailboxKey
from bridge.model.update import Intent, IntentState, MovedTo, SessionRecord, UpdatePlan
from bridge.store import admitting, explaining, guarding, loading, naming, resetting, undoing, updates, withdrawing
from bridge.store.kin import kin
from bridge.store.ledger import Ledger
from bridge.store.showing import show_device
from bridge.store.voting import evaluate


class DeviceStore(Ledger):
    """What sessions and commands about devices ask of the store. As `Store` says of waiting and of failing.

    What changes a device from outside its session (undo, reset, forget, aliases) is not told to whoever keeps it in
    memory: load it again.
    """

    # --- logins

    async def load_hides(self, device: DeviceId) -> list[EntrySeq]:
        """Give what a device has hidden, in first-seen order, gone or not."""
        sql = "SELECT h.entry FROM hides h JOIN devices d ON d.id = h.device WHERE d.name = ? ORDER BY h.entry"
        return [EntrySeq(seq) for (seq,) in await self._run(sql, device)]

    async def load_device(self, device: DeviceId, everything: bool = False) -> StoredDevice:
        """Give what is known of a device, as committed; with `everything` also what is hidden or gone, in its place.

        A device that was never seen has nothing. No writer waits for this.
        """
        return await self._read(lambda db: loading.load_device(db, device, everything))

    async def load_kin(self, device: DeviceId, seqs: Sequence[EntrySeq]) -> list[Kin]:
        """Give which of these messages were copies of what the device was shown and is gone by now."""
        return await self._read(lambda db: kin(db, device, seqs)) if seqs else []

    async def commit_admission(self, admission: Admission) -> None:
        """Write what a login decided, all or nothing.

        Raises `StoreUnavailable` also when it was decided on old knowledge of the device: `first_position` is not the
        next one, an entry has its position already, or a copy is to take the place of what has none. Load it again.
        """
        await self._write(lambda db: admitting.commit_admission(db, admission))

    async def commit_update(self, plan: UpdatePlan) -> None:
        """Write all that one QUIT promises, or nothing. A hide, once written, stays until it is undone, reset or
        forgotten. When this was the last device to let a message go, what all agree on waits from now on, in the same
        transaction.
        """
        await self._write(lambda db: updates.commit_update(db, plan))

    async def record_sessions(self, records: Sequence[SessionRecord]) -> None:
        """Write rows of the session history, all or none."""
        await self._write(lambda db: updates.record_sessions(db, records))

    async def forget_sessions(self, before: float) -> None:
        """Drop history rows that ended before a Unix time."""
        await self._run("DELETE FROM sessions WHERE ended < ?", before)

    # --- intents

    async def due_intents(self, now: float, limit: int) -> list[Intent]:
        """Give up to `limit` waiting intents whose time has come, the longest due first, where their messages lie."""
        return await self._write(lambda db: updates.due_intents(db, now, limit))

    async def hasten_intents(self, latest: float) -> int:
        """Have no waiting intent be due later than a Unix time, and tell how many were: a clock that was ahead put them
        off.
        """
        late = "UPDATE intents SET due = ?1 WHERE state = 'waiting' AND due > ?1"
        return await self._write(lambda db: db.execute(late, (latest,)).rowcount)

    async def next_due(self) -> float | None:
        """Give the Unix time at which the first waiting intent is due; None when none is, or all are held back."""
        return await self._write(updates.next_due)

    async def is_listed(self, intent: int) -> bool:
        """Tell whether an intent's message lies where its device reads, as far as is known."""
        return await self._write(lambda db: updates.is_listed(db, intent))

    async def settle_intent(
        self,
        intent: int,
        state: IntentState,
        note: str,
        moved: MovedTo | None = None,
        at: Location | None = None,
        message_id: str = "",
    ) -> None:
        """Write how an intent ended, where it put the message, and `at` which place it took it from if that is not
        where it had been promised; and the message's Message-ID, where that is known. One that has ended stays as it
        ended.

        When it was undone, or its vote withdrawn, while it was being carried out, then what it moved is `returning`.
        """
        await self._write(updates.settle_intent(intent, state, note, moved, self._now(), at))
        if message_id:
            await self.note_message_id(intent, message_id)

    async def note_copied(self, intent: int, moved: MovedTo) -> None:
        """Write where a COPY put an intent's message, before the original is removed."""
        await self._write(updates.note_copied(intent, moved))

    async def retry_intent(self, intent: int, due: float, note: str) -> None:
        """Put a waiting intent off until a Unix time, and count the try."""
        await self._write(updates.retry_intent(intent, due, note))

    async def note_message_id(self, intent: int, text: str) -> None:
        """Write the Message-ID that an intent's message has; what is no UTF-8 in it is kept as escapes."""
        await self._write(updates.note_message_id(intent, text))

    async def evaluate_votes(self, electorate: Sequence[DeviceId], due: float) -> int:
        """See what the configuration's devices agree on, when it changed or one was forgotten, confirmed or lapsed.

        Gives how many intents wait from now on, due at a Unix time.
        """
        now = self._now()
        return await self._write(lambda db: evaluate(db, electorate, None, due, now))

    async def confirm(self, device: DeviceId, due: float) -> int:
        """Let go what the guard held of a device: it waits until a Unix time, or votes. Gives how many that were."""
        return await self._write(lambda db: guarding.confirm(db, device, due))

    async def lapse_held(self, before: float) -> int:
        """Give up what was held since before a Unix time: it stays hidden. Gives how many that were."""
        now = self._now()
        return await self._write(lambda db: guarding.lapse_held(db, before, now))

    # --- what owners ask for

    async def undo(self, device: DeviceId, sessions: int, now: float) -> Undone:
        """Undo a device's last so many sessions that hid something; those undone before count among them.

        What they hid is shown again, what is not done upstream is cancelled. What was moved is given to be moved back,
        and is `returning` until `brought_back`. Votes of other devices that they had completed wait for agreement
        again.
        """
        return await self._write(lambda db: undoing.undo(db, device, sessions, now))

    async def brought_back(self, intent: int) -> None:
        """Write that what an intent had moved is back. Other devices that had agreed to it vote again."""
        now = self._now()
        await self._write(lambda db: withdrawing.brought_back(db, intent, now))

    async def reset(self, device: DeviceId, since: float | None) -> ResetDone:
        """Have the device shown again what is upstream, numbered from the first position on.

        With `since`, in Unix seconds, only what was first seen or is dated no earlier; older messages are hidden by
        rule `start`. What was promised upstream of what is shown again is cancelled.
        """
        now = self._now()
        return await self._write(lambda db: resetting.reset(db, device, since, now))

    async def forget(self, device: DeviceId) -> ForgetDone:
        """Know nothing of a device any more. What waits upstream was acknowledged, and is done all the same."""
        return await self._write(lambda db: resetting.forget(db, device))

    async def show_device(self, device: DeviceId) -> dict[str, Any]:
        """Give what is known of a device, ready for JSON."""
        return await self._read(lambda db: show_device(db, device))

    async def explain(self, device: DeviceId, what: str) -> dict[str, Any]:
        """Give what is known of the messages that a unique-id names for a device, ready for JSON."""
        return await self._read(lambda db: explaining.explain(db, device, what))

    async def explain_entries(self, device: DeviceId, seqs: Sequence[EntrySeq]) -> list[dict[str, Any]]:
        """Give what is known of entries as this device has to do with them, ready for JSON."""
        return await self._read(lambda db: explaining.explain_entries(db, device, seqs))

    async def find_uidl(self, device: DeviceId, text: str) -> list[EntrySeq]:
        """Give the entries that a unique-id names: first the one that the device knows by it, then whose own it is."""
        return await self._read(lambda db: naming.find_uidl(db, device, text))

    async def find_entries(self, places: Sequence[Location] = (), contents: Sequence[str] = ()) -> list[EntrySeq]:
        """Give the entries that lie or lay at one of these places, were moved there, or have one of these content
        identities.
        """
        return await self._read(lambda db: naming.find_entries(db, places, contents))

    async def find_message_id(self, text: str) -> list[EntrySeq]:
        """Give the entries on which something was done upstream and whose Message-ID is this text, brackets or not."""
        return await self._read(lambda db: naming.find_message_id(db, text))

    async def moved_to(self) -> list[MailboxKey]:
        """Give the mailboxes, listed or not, that messages were moved to for devices."""
        return await self._read(naming.moved_to)

    # --- taking unique-ids over from a former server

    async def catalogue(self, keys: Sequence[MailboxKey]) -> list[CataloguedPlace]:
        """Give the live messages of mailboxes, each mailbox in first-seen order."""
        return await self._read(lambda db: naming.catalogue(db, keys))

    async def fetched(self, device: DeviceId) -> list[EntrySeq]:
        """Give the entries that a device was sent whole, in no order."""
        return await self._read(lambda db: naming.fetched(db, device))

    async def taken(self, device: DeviceId, pairs: Sequence[tuple[EntrySeq, Uidl]]) -> list[Uidl]:
        """Give the unique-ids of `pairs` that entries without an alias cannot be given: they name others, or did."""
        return await self._read(lambda db: naming.taken(db, device, pairs))

    async def save_aliases(self, device: DeviceId, pairs: Sequence[tuple[EntrySeq, Uidl]]) -> None:
        """Have a device know entries by other unique-ids than they had: all of these, or none.

        Raises `StoreUnavailable` when a unique-id would name two entries, an entry would have two, or one is none.
        """
        await self._write(lambda db: naming.save_aliases(db, device, pairs))
