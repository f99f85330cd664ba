"""The list of faults in docs/reliability.md, out of their tests: `python -m tests.faults.listing` writes it.

Of each module: what is at fault (the first half of its docstring), what must come of it (its `OUTCOME`), and its cases.
"""

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.faults import table
from tests.faults.outcome import Outcome

HERE = Path(__file__).parent
RELIABILITY = HERE.parents[1] / "docs" / "reliability.md"
ELSEWHERE = (
    "tests.crash.test_power",
    *(f"tests.store.test_{name}" for name in ("migration_crash", "rotation_crash", "spool_crash", "spool_disk")),
)
HEAD = ("at fault", "cases", "who asks hears", "in time", "left")
_PLACE = re.compile(r"(<!-- faults -->\n)(.*?)(<!-- /faults -->)", re.DOTALL)

GROUPS = {
    "refusals": table.REFUSALS,
    "ends": table.ENDS,
    "silences": table.SILENCES,
    "nonsense": table.NONSENSE,
    "oddities": table.ODDITIES,
    "a few of each": table.FEW,
    "a few refusals": table.FEW_REFUSALS,
}
"""Faults that many stages have in common."""


def modules() -> list[ModuleType]:
    """Give the test modules that are listed."""
    names = [f"tests.faults.{path.stem}" for path in sorted(HERE.glob("test_*.py")) if path.stem != "test_the_list"]
    return [import_module(name) for name in (*names, *ELSEWHERE)]


def each_test(module: ModuleType) -> Iterator[tuple[str, Callable[..., object]]]:
    """Give a module's tests in their order."""
    for name, found in vars(module).items():
        if name.startswith("test_") and inspect.isfunction(found) and found.__module__ == module.__name__:
            yield name, found


def cases(test: Callable[..., object]) -> list[str]:
    """Give the names of a test's cases, as pytest has them; one without a name where there is but one."""
    marks = [mark for mark in getattr(test, "pytestmark", ()) if mark.name == "parametrize"]
    named = [[_name(value, mark.kwargs.get("ids"), at) for at, value in enumerate(mark.args[1])] for mark in marks]
    return [": ".join(filter(None, parts)) for parts in product(*reversed(named))]


def _name(value: Any, ids: Any, at: int) -> str:
    if ids is not None:
        return str(ids(value) if callable(ids) else ids[at])
    if (given := getattr(value, "id", None)) is not None:
        return str(given)
    values = getattr(value, "values", value)
    return ": ".join(map(str, values)) if isinstance(values, tuple | list) else str(values)


def lines() -> list[str]:
    """Give the list as the document has it."""
    rows = [_row(HEAD), _row(["---"] * len(HEAD))]
    details: list[str] = []
    for module in modules():
        outcome: Outcome = module.OUTCOME
        at_fault = (inspect.getdoc(module) or "").partition(":")[0].rstrip(".")
        number = sum(len(cases(test)) for _, test in each_test(module))
        rows.append(_row([at_fault, str(number), outcome.hears, outcome.within, outcome.left]))
        details += [f"- {at_fault} (`{module.__name__.removeprefix('tests.').replace('.', '/')}.py`)"]
        details += [line for name, test in each_test(module) for line in _detail(name, cases(test))]
    groups = [f"- *{name}*: {'; '.join(faults)}" for name, faults in GROUPS.items()]
    return [*rows, "", "The cases:", "", *details, "", "Of these, some stand for many:", "", *groups]


def _detail(name: str, found: Sequence[str]) -> Iterator[str]:
    words = name.removeprefix("test_").replace("_", " ")
    stages: dict[str, list[str]] = {}
    for case in found:
        stage, colon, fault = case.rpartition(": ") if " at its end: " not in case else case.partition(": ")
        stages.setdefault(stage if colon else "", []).append(fault)
    alike: dict[str, list[str]] = {}
    for stage, faults in stages.items():
        alike.setdefault(_summed_up(faults), []).append(stage)
    said = [f"{', '.join(filter(None, stages))}: {faults}".removeprefix(": ") for faults, stages in alike.items()]
    yield (
        f"  - {words}" + (f" ({len(found)})" if len(found) > 1 else "") + (f": {'. '.join(said)}" if any(said) else "")
    )


def _summed_up(faults: Iterable[str]) -> str:
    left = {fault: None for fault in faults if not fault.isdecimal()}  # seeds, and other mere numbers
    groups = []
    for name, group in GROUPS.items():
        if group.keys() <= left.keys():
            groups.append(f"*{name}*")
            left = {fault: None for fault in left if fault not in group}
    return "; ".join([*groups, *left])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def listed(text: str) -> str:
    """Give the list as a document has it."""
    found = _PLACE.search(text)
    assert found is not None, "there is no list of faults in the document"
    return found[2]


def main() -> None:
    """Write the list."""
    made = "".join(f"{line}\n" for line in lines())
    RELIABILITY.write_text(_PLACE.sub(lambda found: found[1] + made + found[3], RELIABILITY.read_text()))


if __name__ == "__main__":
    main()
