"""SASL PLAIN, from both sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.model.secret import Secret
from bridge.sasl import PlainCredentials, SaslError, decode_plain, encode_plain

words = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@pytest.mark.parametrize(
    ("response", "wanted"),
    [
        (b"\0fax\0secret", PlainCredentials("", "fax", Secret("secret"))),
        (b"fax\0fax\0secret", PlainCredentials("fax", "fax", Secret("secret"))),
        (b"\0f ax\0 se cret ", PlainCredentials("", "f ax", Secret(" se cret "))),
        ("\0fäx\0geheim€".encode(), PlainCredentials("", "fäx", Secret("geheim€"))),
        (b"\0f\xe4x\0\xff", PlainCredentials("", "f\udce4x", Secret("\udcff"))),
    ],
)
def test_what_a_device_may_send(response: bytes, wanted: PlainCredentials) -> None:
    assert decode_plain(response) == wanted


@pytest.mark.parametrize(
    "response", [b"", b"fax", b"fax\0secret", b"\0\0secret", b"\0fax\0", b"\0fax\0se\0cret", b"\0\0"]
)
def test_what_it_may_not(response: bytes) -> None:
    with pytest.raises(SaslError):
        decode_plain(response)


def test_no_error_shows_a_password() -> None:
    with pytest.raises(SaslError) as caught:
        decode_plain(b"fax\0secret")
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(decode_plain(b"\0fax\0secret"))


@given(words, words)
def test_both_sides_agree(user: str, password: str) -> None:
    assert decode_plain(encode_plain(user, Secret(password))) == PlainCredentials("", user, Secret(password))


@pytest.mark.parametrize(("user", "password"), [("", "x"), ("x", ""), ("a\0b", "x"), ("x", "a\0b")])
def test_what_plain_cannot_say(user: str, password: str) -> None:
    with pytest.raises(SaslError):
        encode_plain(user, Secret(password))


@given(st.binary())
def test_any_octets(response: bytes) -> None:
    try:
        found = decode_plain(response)
    except SaslError:
        return
    assert found.authcid
    assert found.password.reveal()
