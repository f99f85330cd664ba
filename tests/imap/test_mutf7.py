"""Modified UTF-7."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.imap import mutf7


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"", ""),
        (b"INBOX", "INBOX"),
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        (b"Entw&APw-rfe", "Entwürfe"),
        (b"a &- b", "a & b"),
        (b"&-&-", "&&"),
        (b"&2D3cKA-", "\U0001f428"),
        (b"&AAkACg-", "\t\n"),
        (b'a"\\(%*+,', 'a"\\(%*+,'),
    ],
)
def test_names(raw: bytes, name: str) -> None:
    assert mutf7.decode(raw) == name
    assert mutf7.encode(name) == raw


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        (b"A&B", "A&B"),
        (b"&", "&"),
        (b"&APw", "&APw"),
        (b"&A-", "&A-"),
        (b"&2D0-", "&2D0-"),
        (b"&A/w-", "&A/w-"),
        ("Käse".encode(), "Käse"),
        (b"\xff", "\ufffd"),
    ],
)
def test_what_is_no_modified_utf7_stands_for_itself(raw: bytes, name: str) -> None:
    assert mutf7.decode(raw) == name


@given(st.text())
def test_every_name_comes_back(name: str) -> None:
    raw = mutf7.encode(name)
    assert mutf7.decode(raw) == name
    assert all(0x20 <= octet <= 0x7E for octet in raw)


@given(st.binary())
def test_nothing_raises(raw: bytes) -> None:
    mutf7.decode(raw)
