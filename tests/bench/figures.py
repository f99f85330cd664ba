"""What a benchmark gives: values by contender, the floors they are held against, and how runs are interleaved."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

OURS = "popbridge"
NATIVE = "Dovecot POP3"
PEER = "Dovecot over imapc"
RAW = "raw IMAP"

Better = Literal["more", "less"]


@dataclass(frozen=True)
class Floor:
    """One line of the floors: `value` is to be at least, or at most, `bound`. `estimated` when it was extrapolated."""

    what: str
    against: str
    value: float
    bound: float
    kind: Literal["at least", "at most"] = "at least"
    unit: str = "×"
    estimated: bool = False

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.value >= self.bound if self.kind == "at least" else self.value <= self.bound


@dataclass
class Row:
    """One piece of work: each contender's values, all in `unit`."""

    work: str
    unit: str
    better: Better = "less"
    series: dict[str, list[float]] = field(default_factory=dict)
    round_trips: dict[str, float] = field(default_factory=dict)
    floors: list[Floor] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def median(self, contender: str) -> float:
        """The contender's median."""
        return statistics.median(self.series[contender])

    def ratio(self, against: str) -> float:
        """How many times better we are than the other, by medians."""
        ours, other = self.median(OURS), self.median(against)
        if self.better == "less":
            return other / ours if ours else float("inf")
        return ours / other

    def floor(self, against: str, bound: float, estimated: bool = False) -> None:
        """Hold our ratio against another contender to a floor."""
        self.floors.append(Floor(self.work, against, self.ratio(against), bound, estimated=estimated))

    def at_most(self, what: str, value: float, bound: float, unit: str) -> None:
        """Hold a value to a bound from above."""
        self.floors.append(Floor(f"{self.work}: {what}", "", value, bound, "at most", unit))


def interleaved(
    runs: int, contenders: Mapping[str, Callable[[], float]], rehearse: bool = True
) -> dict[str, list[float]]:
    """Let all run in turn, A B A B …, so that what disturbs one disturbs the others; first once for nothing."""
    if rehearse:
        for run in contenders.values():
            run()
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, run in contenders.items():
            found[name].append(run())
    return found
