"""What a device was told of its messages, over all its sessions, and what of it turns out untrue."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.crash.figures import Figures


@dataclass
class Visit:
    """One session: messages fetched whole, and those that are to be gone after it. `quitting`: QUIT was sent."""

    fetched: set[int] = field(default_factory=set)
    gone: set[int] = field(default_factory=set)
    quitting: bool = False


class Memory:
    """Messages are numbers, whatever their unique-ids. `names` has everything ever shown. `gone` was acknowledged;
    `maybe` was asked for by a QUIT whose reply never came, so that both is right. `fetched` is what the device's
    program remembers: only what QUIT acknowledged.
    """

    def __init__(self, figures: Figures) -> None:
        self.names: dict[int, str] = {}
        self.gone: set[int] = set()
        self.maybe: set[int] = set()
        self.fetched: set[int] = set()
        self._figures = figures
        self._unsure: set[int] = set()

    def judge(self, shown: Mapping[int, int], names: Mapping[int, str]) -> None:
        """Compare a listing, numbers and unique-ids by message-number, with all that was said before."""
        figures, there = self._figures, set(shown.values())
        figures.again += len(shown) - len(there) + len(there & self.gone)
        figures.lost += len(self.names.keys() - there - self.gone - self.maybe)
        owners = {name: number for number, name in self.names.items()}
        for num, number in shown.items():
            name = self.names.setdefault(number, names[num])
            figures.changed += name != names[num] or owners.get(name, number) != number
        self.gone |= self.maybe - there
        self.maybe.clear()

    def received(self, number: int, visit: Visit) -> None:
        """A message was fetched whole, perhaps not for the first time."""
        visit.fetched.add(number)
        self._figures.redelivered += number in self._unsure

    def acknowledged(self, visit: Visit) -> None:
        """QUIT was answered with `+OK`."""
        self.fetched |= visit.fetched
        self._unsure -= visit.fetched
        self.gone |= visit.gone

    def cut(self, visit: Visit) -> None:
        """The session ended without an answer to QUIT. Before QUIT was sent, nothing may be gone by it."""
        self._unsure |= visit.fetched
        if visit.quitting:
            self.maybe |= visit.gone
