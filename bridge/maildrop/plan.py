"""From one session's marks to the plan that QUIT makes durable, and to what a drop leaves."""

from collections.abc import Collection, Iterable, Sequence
from typing import Literal

from bridge.maildrop.view import Maildrop
from bridge.model.names import DeviceId, EntrySeq, MsgNum, SessionId
from bridge.model.settings import DeviceSettings
from bridge.model.update import Action, NewIntent, UpdatePlan


def update_plan(
    device: DeviceSettings,
    session: SessionId,
    maildrop: Maildrop,
    *,
    deleted: Collection[MsgNum],
    sent: Collection[MsgNum],
    at: float,
    undo_window: float,
    electorate: Sequence[DeviceId] = (),
) -> UpdatePlan:
    """Say what a QUIT promises (RFC 1939 §6): every deleted message is hidden from this device at once, and where
    its policy asks for more, an intent is due after `undo_window` seconds. `at` is the Unix time of the QUIT.

    Deletions beyond `max_deletes` hide only: their intents are held until the owner confirms them. What the device was
    shown in this session for the first time does not count, except in its first. Stubs are passed over.
    """
    gone, fetched = _messages(maildrop, deleted), _messages(maildrop, sent)
    marked = set(gone)
    kept = [num for num in fetched if num not in marked]
    due = at + undo_window
    # What is fetched and deleted is marked first: where a message goes, its mark goes with it.
    seen = fetched if device.on_retrieve == "seen" else []
    intents = [_intent(maildrop, num, "seen", due) for num in seen]
    if device.on_delete != "hide":
        voting = device.delete_when == "all"
        state: Literal["waiting", "held", "voting"] = "voting" if voting else "waiting"
        if _guarded(device, maildrop, gone):
            state = "held"
        already = set(seen) if device.on_delete == "seen" and not voting and state == "waiting" else set()
        intents += [
            _intent(maildrop, num, device.on_delete, due, state, when_all=voting) for num in gone if num not in already
        ]
    return UpdatePlan(
        device=device.id,
        session=session,
        at=at,
        hide=_seqs(maildrop, gone),
        retrieved=_seqs(maildrop, kept) if device.on_retrieve in ("hide", "hide-unacknowledged") else (),
        electorate=tuple(electorate),
        intents=tuple(intents),
        sent=_seqs(maildrop, fetched),
    )


def unacknowledged_plan(
    device: DeviceSettings, session: SessionId, maildrop: Maildrop, *, sent: Collection[MsgNum], at: float
) -> UpdatePlan:
    """Say what a session without QUIT leaves: what was sent whole is recorded as sent, and hidden only from a device
    that is said never to QUIT. No mark counts (RFC 1939 §6).
    """
    fetched = _seqs(maildrop, _messages(maildrop, sent))
    return UpdatePlan(
        device=device.id,
        session=session,
        at=at,
        retrieved=fetched if device.on_retrieve == "hide-unacknowledged" else (),
        sent=fetched,
        acknowledged=False,
    )


def _guarded(device: DeviceSettings, maildrop: Maildrop, deleted: Iterable[MsgNum]) -> bool:
    """True when these are more deletions at once than the device may do unasked."""
    counted = sum(1 for num in deleted if maildrop.first_session or num <= maildrop.familiar)
    return 0 < device.max_deletes < counted


def _messages(maildrop: Maildrop, nums: Collection[MsgNum]) -> list[MsgNum]:
    return [num for num in sorted(nums) if not maildrop.stub(num)]


def _seqs(maildrop: Maildrop, nums: Iterable[MsgNum]) -> tuple[EntrySeq, ...]:
    return tuple(maildrop.seq(num) for num in nums)


def _intent(
    maildrop: Maildrop,
    num: MsgNum,
    action: Action,
    due: float,
    state: Literal["waiting", "held", "voting"] = "waiting",
    *,
    when_all: bool = False,
) -> NewIntent:
    size = maildrop.sizes[num - 1]
    return NewIntent(maildrop.seq(num), maildrop.location(num), action, size, due, state, when_all)
