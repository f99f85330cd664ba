"""Words for what the database calls by one: actions, what they wait for, rules."""

from collections.abc import Mapping

ACTIONS: Mapping[str, str] = {
    "seen": "mark as seen",
    "flag": "flag",
    "archive": "move to the archive",
    "trash": "move to the trash",
    "expunge": "expunge",
}

WAITS: Mapping[str, str] = {
    "waiting": "waits for its time",
    "held": "held back (`max_deletes`)",
    "voting": "waits for other devices (`delete_when`)",
    "returning": "undone, to be moved back",
    "done": "done",
    "lapsed": "not done",
    "cancelled": "called off",
}

RULES: Mapping[str, str] = {
    "delete": "deleted",
    "retrieve": "fetched (`on_retrieve`)",
    "start": "older than `start`",
    "window": "out of `window`",
    "search": "not matching `search`",
}


def action(name: str) -> str:
    """Name an upstream action. What a newer bridge has is given as it is."""
    return ACTIONS.get(name, name)


def waits(state: str) -> str:
    """Say what an intent waits for, or how it ended."""
    return WAITS.get(state, state)


def rule(name: str) -> str:
    """Say why a message is hidden."""
    return RULES.get(name, name)
