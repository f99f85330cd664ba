"""Carrying out what QUIT promised: waiting out the undo window, trying again, telling how it ended."""

import math
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import trio

from bridge.index.account import IndexedAccount
from bridge.index.ports import Settled, StorePort
from bridge.model.failures import StoreError, UpstreamError, UpstreamLoginFailed, UpstreamUnavailable
from bridge.model.names import AccountId
from bridge.model.update import Intent
from bridge.telemetry import count, get_logger, instant

log = get_logger("intents")

BATCH = 100
LOOK = 30.0
"""Seconds between two looks for intents at most: held ones lapse, and clocks are set."""

SHORTEST = 1.0
"""Seconds between two looks at least."""

FIRST_RETRY = 60.0
LAST_RETRY = 6 * 3600.0
"""Seconds between tries of an intent that its upstream would not take."""

MISSED_RETRY = 5.0
"""Seconds until the first other try of an intent whose message is listed and not there: it was moved or numbered anew a
moment ago, and the next look tells where it is.
"""

MISSED_TRIES = 10
"""Tries after which a message that is listed and not there is taken for gone: by then a loss that was doubted is
believed, and only a mailbox that is mapped no more still lists it.
"""

HELD_SECONDS = 30 * 86400.0
"""How long the guard against mass deletion waits for `device confirm`; then what it holds stays hidden, no more."""


class IntentRunner:
    """The one task that changes anything upstream. `now` gives Unix seconds.

    `count_votes` is waited for when held votes lapsed: what they held back may be agreed on now. `undo_window` gives
    how many seconds an intent waits at first.
    """

    def __init__(
        self,
        accounts: Mapping[AccountId, IndexedAccount],
        store: StorePort,
        now: Callable[[], float],
        count_votes: Callable[[], Awaitable[None]],
        undo_window: Callable[[], float] = lambda: math.inf,
    ) -> None:
        self._accounts = accounts
        self._store = store
        self._now = now
        self._count_votes = count_votes
        self._undo_window = undo_window
        self._promised = trio.Event()

    def promised(self) -> None:
        """Tell that there are intents in the store that may be due."""
        self._promised.set()

    async def run(self) -> None:
        """Carry out due intents until cancelled; what was being carried out is looked at again after a restart."""
        while True:
            pause = LOOK
            try:
                lapsed = await self._store.lapse_held(self._now() - HELD_SECONDS)
                if lapsed:
                    log.warning("intents.lapsed", intents=lapsed, reason="nobody confirmed them within 30 days")
                    await self._count_votes()
                await self._catch_up_with_clock()
                await self._carry_out_due()
                pause = await self._until_due()
            except StoreError as failure:
                log.error("intents.paused", problem=str(failure))
            with trio.move_on_after(pause):
                await self._promised.wait()
            self._promised = trio.Event()

    async def _catch_up_with_clock(self) -> None:
        """Let nothing wait for longer than anything can have to: a clock that was ahead, and was set right, would keep
        what was promised waiting for as long as it was ahead.
        """
        latest = self._now() + max(self._undo_window(), LAST_RETRY)
        if math.isfinite(latest) and (hastened := await self._store.hasten_intents(latest)):
            log.warning("intents.hastened", intents=hastened, reason="the clock was set back")

    async def _until_due(self) -> float:
        due = await self._store.next_due()
        return LOOK if due is None else min(max(due - self._now(), SHORTEST), LOOK)

    async def _carry_out_due(self) -> None:
        """Carry out all that is due. An account that cannot be reached is not tried again for each of its intents, so
        that those of other accounts do not wait for it.
        """
        down: dict[AccountId, str] = {}
        while due := await self._store.due_intents(self._now(), BATCH):
            for intent in due:
                account = intent.location.key.account
                if (note := down.get(account)) is not None:
                    await self._later(intent, note)
                elif (note := await self._carry_out(intent)) is not None:
                    down[account] = note

    async def _carry_out(self, intent: Intent) -> str | None:
        """Carry out one; gives why its account cannot be reached, if it cannot."""
        account = self._accounts.get(intent.location.key.account)
        if account is None:
            await self._later(intent, "its account is not in the configuration")
            return None
        instant("intent.before")
        try:
            outcome = await account.upstream.carry_out(intent, partial(self._store.note_copied, intent.id))
        except UpstreamError as failure:
            await self._later(intent, str(failure))
            return str(failure) if isinstance(failure, UpstreamUnavailable | UpstreamLoginFailed) else None
        instant("intent.after")
        await self._ended(intent, outcome)
        return None

    async def _ended(self, intent: Intent, outcome: Settled) -> None:
        """Write how it ended. What is not where it is listed to be is looked for where the next look finds it."""
        missed = outcome.settled in {"gone", "elsewhere"} and intent.tries < MISSED_TRIES
        if missed and await self._store.is_listed(intent.id):
            await self._later(intent, outcome.note, MISSED_RETRY)
        elif outcome.settled == "later":
            await self._later(intent, outcome.note)
        else:
            await self._settle(intent, outcome)

    async def _settle(self, intent: Intent, outcome: Settled) -> None:
        state = "done" if outcome.settled in {"done", "gone"} else "lapsed"
        note = f"{outcome.settled}: {outcome.note}"
        await self._store.settle_intent(
            intent.id,
            "done" if state == "done" else "lapsed",
            note,
            outcome.moved,
            intent.location,
            outcome.message_id,
        )
        count("intents_settled")
        log.info(
            "intent.settled", device=intent.device, action=intent.action, outcome=outcome.settled, note=outcome.note
        )

    async def _later(self, intent: Intent, note: str, first: float = FIRST_RETRY) -> None:
        count("intents_retried")
        pause = min(first * 2 ** min(intent.tries, 16), LAST_RETRY)
        await self._store.retry_intent(intent.id, self._now() + pause, note)
        log.warning("intent.delayed", device=intent.device, action=intent.action, seconds=pause, note=note)
