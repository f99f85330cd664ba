"""Hashes of device passwords."""

import pytest

from bridge.config import hash_password, parse_hash, verify
from bridge.model.secret import Secret

VECTOR = (
    "scrypt$16384$8$1$U29kaXVtQ2hsb3JpZGU=$"
    "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw=="
)
"""The third vector of RFC 7914 §12."""


def test_a_hash_knows_its_password() -> None:
    stored = parse_hash(hash_password(Secret("hunter2")))
    assert (stored.n, stored.r, stored.p, len(stored.salt), len(stored.digest)) == (16384, 8, 1, 16, 32)
    assert verify(stored, Secret("hunter2"))
    assert not verify(stored, Secret("hunter3"))
    assert not verify(stored, Secret(""))


def test_two_hashes_of_one_password_differ() -> None:
    assert hash_password(Secret("hunter2")) != hash_password(Secret("hunter2"))


def test_a_hash_made_elsewhere_is_known() -> None:
    assert verify(parse_hash(VECTOR), Secret("pleaseletmein"))


def test_octets_that_are_not_utf_8_are_a_password_too() -> None:
    password = Secret(b"m\xfcll".decode("utf-8", "surrogateescape"))
    assert verify(parse_hash(hash_password(password)), password)


@pytest.mark.parametrize(
    "numbers",
    [
        "0$8$1",
        "1$8$1",
        "3$8$1",
        "16384$0$1",
        "16384$8$0",
        "65536$1$1",
        "524288$8$1",
        "2$999999999$1",
        "16384$8$17",
        "²$8$1",
    ],
)
def test_numbers_that_scrypt_cannot_or_should_not_take(numbers: str) -> None:
    with pytest.raises(ValueError, match=r"must have|would take"):
        parse_hash(f"scrypt${numbers}$U29kaXVtQ2hsb3JpZGU=$cCO9yzr9c0hGHAbNgf046w==")


def test_the_costliest_hash_that_is_taken_can_be_checked() -> None:
    assert not verify(parse_hash(VECTOR.replace("16384", "32768").replace("$1$", "$16$")), Secret("hunter2"))
