"""How an account stands with its server, by what the database has."""

from typing import Any

import pytest

from bridge.model.settings import AccountSettings
from bridge.serve.standing import stored_standing
from bridge.upstream.refusals import UNCLEAR_PAUSES
from tests.serve.support import account

NOTHING = {"octets": 0, "connections": 0}


@pytest.mark.parametrize(
    ("stored", "refused"),
    [
        ({}, None),
        ({"refused": None}, None),
        ({"refused": {"at": 100.0, "definite": 1, "sentence": "no"}}, {"retried_at": None}),
        ({"refused": {"at": 100.0, "definite": 0, "sentence": "no"}}, {"retried_at": 100.0 + UNCLEAR_PAUSES[-1]}),
    ],
)
def test_what_was_refused(stored: dict[str, Any], refused: object) -> None:
    assert stored_standing(account("family"), stored)["refused"] == refused


@pytest.mark.parametrize(
    ("settings", "budget"), [(account("family"), None), (account("family", provider="gmail"), 2_500_000_000)]
)
def test_what_was_used(settings: AccountSettings, budget: int | None) -> None:
    used = {"octets": 12, "connections": 3}
    assert stored_standing(settings, {"used": used})["day"] == {**used, "budget": budget, "background": True}
    assert stored_standing(settings, {})["day"] == {**NOTHING, "budget": budget, "background": True}
