"""The list of attacks in docs/reliability.md is what is tried."""

from tests.siege.listing import RELIABILITY, attacks, listed


def test_the_document_lists_every_attack() -> None:
    assert listed(RELIABILITY.read_text()).splitlines() == list(attacks())
