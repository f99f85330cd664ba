"""Carrying out what QUIT promised: waiting out the undo window, trying again, telling how it ended."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import trio

from bridge.index.account import IndexedAccount
from bridge.index.ports import Settled, StorePort
from bridge.model.failures import StoreError, UpstreamError
from bridge.model.names import AccountId
from bridge.model.update import Intent
from bridge.telemetry import count, get_logger, instant

log = get_logger("intents")

BATCH = 100
LOOK = 30.0
"""Seconds between looks for intents that fall due."""

FIRST_RETRY = 60.0
LAST_RETRY = 6 * 3600.0
"""Seconds between tries of an intent that its upstream would not take."""

HELD_SECONDS = 30 * 86400.0
"""How long the guard against mass deletion waits for `device confirm`; then what it holds stays hidden, no more."""


class IntentRunner:
    """The one task that changes anything upstream. `now` gives Unix seconds.

    `count_votes` is waited for when held votes lapsed: what they held back may be agreed on now.
    """

    def __init__(
        self,
        accounts: Mapping[AccountId, IndexedAccount],
        store: StorePort,
        now: Callable[[], float],
        count_votes: Callable[[], Awaitable[None]],
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._now = now
        self._count_votes = count_votes
        self._promised = trio.Event()

    def promised(self) -> None:
        """Tell that there are intents in the store that may be due."""
        self._promised.set()

    async def run(self) -> None:
        """Carry out due intents until cancelled; what was being carried out is looked at again after a restart."""
        while True:
            try:
                lapsed = await self._store.lapse_held(self._now() - HELD_SECONDS)
                if lapsed:
                    log.warning("intents.lapsed", intents=lapsed, reason="nobody confirmed them within 30 days")
                    await self._count_votes()
                await self._carry_out_due()
            except StoreError as failure:
                log.error("intents.paused", problem=str(failure))
            with trio.move_on_after(LOOK):
                await self._promised.wait()
            self._promised = trio.Event()

    async def _carry_out_due(self) -> None:
        for intent in await self._store.due_intents(self._now(), BATCH):
            await self._carry_out(intent)

    async def _carry_out(self, intent: Intent) -> None:
        account = self._accounts.get(intent.location.key.account)
        if account is None:
            await self._later(intent, "its account is not in the configuration")
            return
        instant("intent.before")
        try:
            outcome = await account.upstream.carry_out(intent, partial(self._store.note_copied, intent.id))
        except UpstreamError as failure:
            await self._later(intent, str(failure))
            return
        instant("intent.after")
        if outcome.settled == "later":
            await self._later(intent, outcome.note)
            return
        await self._settle(intent, outcome)

    async def _settle(self, intent: Intent, outcome: Settled) -> None:
        state = "done" if outcome.settled in {"done", "gone"} else "lapsed"
        note = f"{outcome.settled}: {outcome.note}"
        await self._store.settle_intent(intent.id, "done" if state == "done" else "lapsed", note, outcome.moved)
        count("intents_settled")
        log.info(
            "intent.settled", device=intent.device, action=intent.action, outcome=outcome.settled, note=outcome.note
        )

    async def _later(self, intent: Intent, note: str) -> None:
        count("intents_retried")
        pause = min(FIRST_RETRY * 2 ** min(intent.tries, 16), LAST_RETRY)
        await self._store.retry_intent(intent.id, self._now() + pause, note)
        log.warning("intent.delayed", device=intent.device, action=intent.action, seconds=pause, note=note)
