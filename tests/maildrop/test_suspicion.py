"""How many may go at once."""

import pytest

from bridge.maildrop import suspicious

CASES = [
    # missing, known, suspicious
    (0, 0, False),
    (0, 5, False),
    (1, 1, True),
    (4, 5, False),
    (5, 5, True),
    (20, 21, False),
    (21, 22, True),
    (21, 209, True),
    (21, 210, False),
    (21, 1000, False),
    (100, 1000, False),
    (101, 1000, True),
    (1000, 1000, True),
]


@pytest.mark.parametrize(("missing", "known", "wanted"), CASES)
def test_suspicious(missing: int, known: int, wanted: bool) -> None:
    assert suspicious(missing, known) is wanted
