"""The half of the store that remembers devices: what they were shown, have hidden, and were promised."""

from bridge.model.names import DeviceId, EntrySeq
from bridge.model.update import Intent, IntentState, SessionRecord, UpdatePlan
from bridge.store import updates
from bridge.store.ledger import Ledger


class DeviceStore(Ledger):
    """What sessions and commands about devices ask of the store. As `Store` says of waiting and of failing."""

    async def load_hides(self, device: DeviceId) -> list[EntrySeq]:
        """Give what a device has hidden, in first-seen order, gone or not."""
        sql = "SELECT h.entry FROM hides h JOIN devices d ON d.id = h.device WHERE d.name = ? ORDER BY h.entry"
        return [EntrySeq(seq) for (seq,) in await self._run(sql, device)]

    async def commit_update(self, plan: UpdatePlan) -> None:
        """Write all that one QUIT promises, or nothing. A hide, once written, stays."""
        await self._write(lambda db: updates.commit_update(db, plan))

    async def record_session(self, record: SessionRecord) -> None:
        """Write a row of the session history."""
        await self._write(lambda db: updates.record_session(db, record))

    async def forget_sessions(self, before: float) -> None:
        """Drop history rows that ended before a Unix time."""
        await self._run("DELETE FROM sessions WHERE ended < ?", before)

    async def due_intents(self, now: float, limit: int) -> list[Intent]:
        """Give up to `limit` waiting intents whose time has come, the longest due first."""
        return await self._write(lambda db: updates.due_intents(db, now, limit))

    async def settle_intent(self, intent: int, state: IntentState, note: str) -> None:
        """Write how an intent ended. One that has ended stays as it ended."""
        await self._write(updates.settle_intent(intent, state, note, self._now()))

    async def retry_intent(self, intent: int, due: float, note: str) -> None:
        """Put a waiting intent off until a Unix time, and count the try."""
        await self._write(updates.retry_intent(intent, due, note))

    async def note_message_id(self, intent: int, text: str) -> None:
        """Write the Message-ID that an intent's message has; what is no UTF-8 in it is kept as escapes."""
        await self._write(updates.note_message_id(intent, text))
