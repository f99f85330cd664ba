"""Instants: places where a crash test may strike."""

from collections.abc import Callable


def _nothing(name: str) -> None:
    """What stands at each instant outside crash tests."""


_hook: Callable[[str], None] = _nothing


def instant(name: str) -> None:
    """Mark an instant. Costs a call, and does nothing unless a test's composition root says otherwise."""
    _hook(name)


def set_instant_hook(hook: Callable[[str], None]) -> None:
    """Have `hook` called at every instant: for crash tests only."""
    global _hook
    _hook = hook
