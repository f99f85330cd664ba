"""From one session's marks to the plan that QUIT makes durable."""

from collections.abc import Collection

from bridge.maildrop.view import Maildrop
from bridge.model.names import MsgNum, SessionId
from bridge.model.settings import DeviceSettings
from bridge.model.update import NewIntent, UpdatePlan


def update_plan(
    device: DeviceSettings,
    session: SessionId,
    maildrop: Maildrop,
    *,
    deleted: Collection[MsgNum],
    sent: Collection[MsgNum],
    at: float,
    undo_window: float,
) -> UpdatePlan:
    """Say what a QUIT promises (RFC 1939 §6): every deleted message is hidden from this device at once, and where
    its policy asks for more, an intent is due after `undo_window` seconds. `at` is the Unix time of the QUIT.
    """
    action = device.on_delete
    intents = (
        ()
        if action == "hide"
        else tuple(
            NewIntent(maildrop.seq(num), maildrop.location(num), action, maildrop.sizes[num - 1], at + undo_window)
            for num in sorted(deleted)
        )
    )
    return UpdatePlan(
        device=device.id,
        session=session,
        at=at,
        hide=tuple(maildrop.seq(num) for num in sorted(deleted)),
        intents=intents,
        sent=tuple(maildrop.seq(num) for num in sorted(sent)),
    )
