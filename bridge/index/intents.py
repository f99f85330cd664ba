"""Carrying out what QUIT promised: waiting out the undo window, trying again, telling how it ended."""

from collections.abc import Callable, Mapping

import trio

from bridge.index.account import IndexedAccount
from bridge.index.ports import StorePort
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


class IntentRunner:
    """The one task that changes anything upstream."""

    def __init__(
        self, accounts: Mapping[AccountId, IndexedAccount], store: StorePort, now: Callable[[], float]
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._now = now
        self._promised = trio.Event()

    def promised(self) -> None:
        """Tell that new intents are in the store."""
        self._promised.set()

    async def run(self) -> None:
        """Carry out due intents until cancelled; what was being carried out is looked at again after a restart."""
        while True:
            try:
                for intent in await self._store.due_intents(self._now(), BATCH):
                    await self._carry_out(intent)
            except StoreError as failure:
                log.error("intents.paused", problem=str(failure))
            with trio.move_on_after(LOOK):
                await self._promised.wait()
                self._promised = trio.Event()

    async def _carry_out(self, intent: Intent) -> None:
        account = self._accounts.get(intent.location.key.account)
        if account is None:
            await self._later(intent, "its account is not in the configuration")
            return
        instant("intent.before")
        try:
            outcome, note, _ = await account.upstream.carry_out(intent)
        except UpstreamError as failure:
            outcome, note = "later", str(failure)
        instant("intent.after")
        if outcome == "later":
            await self._later(intent, note)
            return
        state = "done" if outcome in {"done", "gone"} else "lapsed"
        await self._store.settle_intent(intent.id, "done" if state == "done" else "lapsed", f"{outcome}: {note}")
        count("intents_settled")
        log.info("intent.settled", device=intent.device, action=intent.action, outcome=outcome, note=note)

    async def _later(self, intent: Intent, note: str) -> None:
        count("intents_retried")
        pause = min(FIRST_RETRY * 2 ** min(intent.tries, 16), LAST_RETRY)
        await self._store.retry_intent(intent.id, self._now() + pause, note)
        log.warning("intent.delayed", device=intent.device, action=intent.action, seconds=pause, note=note)
