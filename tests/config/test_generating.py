"""Passwords that are made up: what they are made of, and that none is made that would be guessed."""

from math import log2

import pytest

from bridge.config.generating import ALPHABETS, TOO_WEAK, WEAK, generate


@pytest.mark.parametrize("name", ALPHABETS)
def test_each_alphabet_makes_strong_ones_by_itself(name: str) -> None:
    made = generate(name)
    assert made.bits >= 64
    assert made.warning == ""
    assert set(made.password.reveal()) <= set(ALPHABETS[name].characters)
    assert len(made.password.reveal()) == ALPHABETS[name].length
    assert made.password != generate(name).password


@pytest.mark.parametrize("name", ALPHABETS)
def test_every_character_comes(name: str) -> None:
    """4,000 characters of 56 at most: one is missing once in 10^29 runs."""
    made = generate(name, 4000).password.reveal()
    assert set(made) == set(ALPHABETS[name].characters)
    assert len(ALPHABETS[name].characters) == len(set(ALPHABETS[name].characters))


def test_none_has_what_looks_alike() -> None:
    assert not set("0o1li") & set(ALPHABETS["easy"].characters)
    assert not set("0O1lI") & set(ALPHABETS["mixed"].characters)
    assert generate().password.reveal().isascii()


@pytest.mark.parametrize(
    ("name", "refused", "weak", "strong"), [("digits", 9, 10, 17), ("easy", 6, 7, 12), ("keypad", 10, 11, 19)]
)
def test_what_would_be_guessed_is_refused_and_what_is_weak_is_told(
    name: str, refused: int, weak: int, strong: int
) -> None:
    with pytest.raises(ValueError, match=f"{strong} or more"):
        generate(name, refused)
    for length, warned in ((weak, True), (strong - 1, True), (strong, False)):
        made = generate(name, length)
        assert bool(made.warning) is warned
        assert made.bits == int(length * log2(len(ALPHABETS[name].characters)))
        assert (made.bits < WEAK) is warned
        assert made.bits >= TOO_WEAK
