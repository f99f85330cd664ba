"""Sealed secrets open with their key, in their row, unaltered; and in no other way."""

import base64
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.failures import NoKey, SealBroken
from bridge.model.secret import Secret
from bridge.sealing import Sealer

OLD, NEW = (Secret(base64.b64encode(bytes([number]) * 32).decode()) for number in (1, 2))
TOKEN = Secret("a refresh token, ümlaut and all")


@pytest.mark.parametrize("secret", [TOKEN, Secret(""), Secret("\udcff octets that are not UTF-8")])
def test_what_was_sealed_opens_in_its_row(secret: Secret) -> None:
    sealer = Sealer([NEW])
    sealed = sealer.seal(secret, "oauth\0family")
    assert sealer.unseal(sealed, "oauth\0family") == secret
    assert sealer.current(sealed)


def test_the_same_secret_is_never_sealed_the_same() -> None:
    sealer = Sealer([NEW])
    assert sealer.seal(TOKEN, "row") != sealer.seal(TOKEN, "row")


def test_it_does_not_open_in_another_row() -> None:
    sealer = Sealer([NEW])
    with pytest.raises(SealBroken, match="altered"):
        sealer.unseal(sealer.seal(TOKEN, "oauth\0family"), "oauth\0work")


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_it_does_not_open_once_a_single_octet_is_another(position: int, change: int) -> None:
    sealer = Sealer([NEW])
    sealed = bytearray(sealer.seal(TOKEN, "row"))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(SealBroken):
        sealer.unseal(bytes(sealed), "row")


@given(st.binary(max_size=80))
def test_junk_does_not_open(junk: bytes) -> None:
    with pytest.raises(SealBroken):
        Sealer([NEW]).unseal(junk, "row")


def test_an_older_key_still_opens_and_is_told_to_be_older() -> None:
    sealed = Sealer([OLD]).seal(TOKEN, "row")
    both = Sealer([NEW, OLD])
    assert both.unseal(sealed, "row") == TOKEN
    assert not both.current(sealed)
    assert both.current(both.seal(TOKEN, "row"))


def test_a_key_that_is_gone_is_told_in_a_sentence() -> None:
    with pytest.raises(SealBroken, match=r"with a key that \[server\] token_key_… does not have"):
        Sealer([NEW]).unseal(Sealer([OLD]).seal(TOKEN, "row"), "row")


def test_without_a_key_nothing_is_sealed_or_opened() -> None:
    none = Sealer(())
    assert not none.usable
    with pytest.raises(NoKey):
        none.seal(TOKEN, "row")
    with pytest.raises(NoKey):
        none.unseal(Sealer([OLD]).seal(TOKEN, "row"), "row")


@pytest.mark.parametrize("key", ["", "short", base64.b64encode(bytes(31)).decode(), "x" * 44, "ü"])
def test_a_key_that_is_none_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ValueError, match="must be 32 octets in base64") as refused:
        Sealer([Secret(key)])
    assert not key or key not in str(refused.value)


def test_a_secret_stands_nowhere_in_what_is_kept() -> None:
    words = secrets.token_hex(16)
    assert words.encode() not in Sealer([NEW]).seal(Secret(words), words)
