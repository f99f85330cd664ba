"""What the store promises of devices, in plain Python: slow, whole, and without a database."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from bridge.model.devices import HideRule
from bridge.model.names import DeviceId

STRENGTH = ["hide", "seen", "flag", "archive", "trash", "expunge"]
PENDING = {"waiting", "held", "voting"}
LET_GO = {"delete", "retrieve"}


@dataclass(eq=False)
class Promise:
    """An intent. `agreed` is the promise that is carried out for this vote, "hide" where nothing is."""

    device: DeviceId
    entry: int
    action: str
    state: str
    when_all: bool
    at: float
    moved: bool = False
    agreed: "Promise | str | None" = None

    @property
    def open(self) -> bool:
        """True while what became of a vote can be taken back."""
        if self.state not in ("waiting", "lapsed") or self.agreed is None:
            return self.state == "voting"
        return self.agreed == "hide" or (
            isinstance(self.agreed, Promise) and self.agreed.state in ("waiting", "cancelled")
        )


@dataclass
class Device:
    """One device."""

    positions: dict[int, int] = field(default_factory=dict)
    announced: set[int] = field(default_factory=set)
    hides: dict[int, tuple[str, float]] = field(default_factory=dict)
    copies: dict[int, int] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)
    undone: set[float] = field(default_factory=set)

    @property
    def next(self) -> int:
        return max(self.positions.values(), default=-1) + 1

    @property
    def decided(self) -> set[int]:
        return {*self.positions, *self.hides, *self.copies}

    def shown(self) -> list[int]:
        return [entry for entry in sorted(self.positions, key=self.positions.__getitem__) if entry not in self.hides]

    def let_go(self, entry: int) -> bool:
        return entry in self.hides and self.hides[entry][0] in LET_GO


class Model:
    """Every device, and every promise in the order in which they were made."""

    def __init__(self, devices: Iterable[DeviceId]) -> None:
        self.devices = {device: Device() for device in devices}
        self.promises: list[Promise] = []

    # --- what sessions do

    def admit(
        self,
        who: DeviceId,
        at: float,
        announce: Sequence[int],
        hide: Iterable[tuple[int, HideRule]],
        copies: Iterable[tuple[int, int]],
    ) -> None:
        device = self.devices[who]
        for entry, position in zip(announce, range(device.next, device.next + len(announce)), strict=True):
            device.positions[entry] = position
        device.announced.update(announce)
        for entry, rule in hide:
            device.hides.setdefault(entry, (rule, at))
        device.copies.update(copies)

    def succeed(self, who: DeviceId, original: int, copy: int, own: dict[int, str]) -> None:
        device = self.devices[who]
        device.positions[copy] = device.positions.pop(original)
        device.announced.add(copy)
        del device.copies[copy]
        device.copies = {one: copy if of == original else of for one, of in device.copies.items()}
        names = device.names.pop(original, own[original]), device.names.pop(copy, own[copy])
        device.names |= {entry: name for entry, name in zip((copy, original), names, strict=True) if own[entry] != name}

    def quit(
        self, who: DeviceId, at: float, hide: Iterable[int], retrieved: Iterable[int], promises: Iterable[Promise]
    ) -> None:
        device = self.devices[who]
        for rule, entries in (("delete", hide), ("retrieve", retrieved)):
            for entry in entries:
                if not device.let_go(entry):
                    device.hides[entry] = (rule, at)
        self.promises += promises

    # --- what all agree on

    def evaluate(self, electorate: Collection[DeviceId], entries: Iterable[int] | None = None) -> int:
        asked = {one.entry for one in self.promises if one.state == "voting" and one.device in electorate}
        return sum(self._agree(electorate, entry) for entry in asked if entries is None or entry in entries)

    def _agree(self, electorate: Collection[DeviceId], entry: int) -> bool:
        mine = [one for one in self.promises if one.entry == entry and one.device in electorate]
        if any(one.state == "held" for one in mine) or any(
            entry in self.devices[who].announced and not self.devices[who].let_go(entry) for who in electorate
        ):
            return False
        wishes: dict[DeviceId, int] = {}
        for who in electorate:
            asked = [
                STRENGTH.index(one.action)
                for one in mine
                if one.device == who and one.state in ("waiting", "voting", "done")
            ]
            if asked or self.devices[who].hides.get(entry, ("", 0))[0] == "delete":
                wishes[who] = max(asked, default=0)
        action = STRENGTH[min(wishes.values())]
        votes = [one for one in mine if one.state == "voting"]
        winner = next((one for one in reversed(votes) if one.action == action), None)
        by: Promise | str | None = winner
        if winner is None and action != "hide":
            asked_for = [one for one in mine if one.action == action and one.state in ("waiting", "done")]
            # What is done already cannot be called off.
            by = next((one for one in reversed(asked_for) if one.state == "waiting"), asked_for[-1])
        for one in self.promises:
            if one.entry == entry and one.state == "voting":
                one.state, one.agreed = "waiting" if one is winner else "lapsed", by or "hide"
        return winner is not None

    def withdraw(self, entries: Iterable[int]) -> None:
        """Cancel votes behind which there is no hide any more; the others vote again."""
        asked = set(entries)
        for one in [one for one in self.promises if one.when_all and one.entry in asked and one.open]:
            self._vote_again(one)

    def _vote_again(self, one: Promise) -> None:
        if self.devices[one.device].let_go(one.entry):
            one.state, one.agreed, one.moved = "voting", None, False
        else:
            one.state = "cancelled"

    # --- what is carried out

    def settle(self, one: Promise, moved: bool) -> None:
        taken_back = one.state in ("cancelled", "voting")
        one.state, one.moved = "returning" if taken_back and moved else "done", one.moved or moved

    def brought_back(self, one: Promise) -> None:
        members = [vote for vote in self.promises if vote.when_all and vote.agreed is one and vote.state == "lapsed"]
        one.state = "cancelled"
        for vote in [*members, *([one] if one.when_all else [])]:
            self._vote_again(vote)

    def confirm(self, who: DeviceId) -> int:
        held = [one for one in self.promises if one.device == who and one.state == "held"]
        for one in held:
            one.state = "voting" if one.when_all else "waiting"
        return len(held)

    def lapse(self, before: float) -> int:
        held = [one for one in self.promises if one.state == "held" and one.at < before]
        for one in held:
            one.state = "lapsed"
        return len(held)

    # --- what owners ask for

    def undo(self, who: DeviceId, sessions: int) -> tuple[list[int], list[Promise]]:
        """Give what is shown again, and what is to be brought back."""
        device = self.devices[who]
        times = device.undone | {at for rule, at in device.hides.values() if rule in LET_GO}
        last = sorted(times, reverse=True)[:sessions]
        again = [entry for entry, (rule, at) in device.hides.items() if rule in LET_GO and at in last]
        for entry in again:
            del device.hides[entry]
        device.undone.update(last)
        made = [one for one in self.promises if one.device == who and one.at in last]
        self._call_off(again, made)
        concerned = {*again, *(one.entry for one in made)}
        back = [
            one
            for one in self.promises
            if (one in made or (one.when_all and one.entry in concerned))
            and one.state in ("done", "returning")
            and one.action in ("archive", "trash", "expunge")
            and one.moved
        ]
        for one in back:
            one.state = "returning"
        return sorted(again), back

    def _call_off(self, again: Iterable[int], made: Iterable[Promise]) -> None:
        self.withdraw(again)
        for one in made:
            if one.state in PENDING:
                one.state = "cancelled"

    def reset(self, who: DeviceId, again: Collection[int], old: Iterable[int]) -> None:
        device = self.devices[who]
        device.undone |= {at for entry, (rule, at) in device.hides.items() if entry in again and rule in LET_GO}
        device.hides = {entry: hide for entry, hide in device.hides.items() if entry not in again}
        for entry in old:
            device.hides.setdefault(entry, ("start", 0))
        device.positions, device.copies = {}, {}
        self._call_off(again, [one for one in self.promises if one.device == who and one.entry in again])

    def forget(self, who: DeviceId) -> None:
        self.devices[who] = Device()
        self.promises = [
            one
            for one in self.promises
            if one.device != who
            or not (one.state in ("voting", "held") or (one.state == "lapsed" and one.agreed is not None))
        ]
