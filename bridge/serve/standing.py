"""How an account stands with its server, as `status --json` has it."""

import math
from collections.abc import Mapping
from typing import Any

from bridge.model.presets import preset_for
from bridge.model.settings import AccountSettings
from bridge.upstream import Account
from bridge.upstream.refusals import UNCLEAR_PAUSES

Facts = dict[str, Any]


def standing(upstream: Account) -> Facts:
    """Give until when the server is `paused` and why, how many connections there may be at `most` until when if these
    are fewer than configured, when a password that was `refused` is tried again (null for not by itself), and what was
    used of the server within a `day`, of which `budget`, whether `background` work goes on.
    """
    health = upstream.health
    retried = health.retried_at
    return {
        "paused": {"until": health.paused_until, "why": health.paused_why} if health.paused_until else None,
        "fewer": {"connections": health.most, "until": health.fewer_until} if health.fewer_until else None,
        "refused": None if retried is None else {"retried_at": None if math.isinf(retried) else retried},
        "day": {
            **upstream.used._asdict(),
            "budget": upstream.budget or None,
            "background": not upstream.nearly_spent,
        },
    }


def stored_standing(account: AccountSettings, stored: Mapping[str, Any]) -> Facts:
    """Give the same from what the database has, while no popbridge runs."""
    preset = preset_for(account.provider, account.host)
    used = stored.get("used", {"octets": 0, "connections": 0})
    return {
        "paused": None,
        "fewer": None,
        "refused": _refused(stored.get("refused")),
        "day": {**used, "budget": (preset.daily_octets if preset else 0) or None, "background": True},
    }


def _refused(stored: Mapping[str, Any] | None) -> Facts | None:
    """What no server called wrong is tried again at the latest when popbridge runs for a while."""
    if stored is None:
        return None
    return {"retried_at": None if stored["definite"] else stored["at"] + UNCLEAR_PAUSES[-1]}
