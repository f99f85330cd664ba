"""What makes two messages the same, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.identity import NOTHING, content_digest, content_identity, message_id, provider_digest
from bridge.model.places import NO_IDENTITY

HEADER = (
    b"Message-ID: <1@example.org>\r\n"
    b"Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n"
    b"From: Ann <ann@example.org>, Bob <bob@example.org>\r\n"
    b"To: fax@example.org\r\n"
    b"Subject: The quarterly numbers\r\n\r\n"
)
WITHOUT_ID = HEADER.partition(b"\r\n")[2]
WHEN = 760686745


def changed(old: bytes, new: bytes) -> bytes:
    """The header with one thing changed, and not by mistake with none."""
    assert old in HEADER
    return HEADER.replace(old, new)


SAME = {
    "LF": HEADER.replace(b"\r\n", b"\n"),
    "CR CR LF": HEADER.replace(b"\r\n", b"\r\r\n"),
    "names in capitals": changed(b"Message-ID:", b"MESSAGE-ID:"),
    "names in small letters": changed(b"Message-ID:", b"message-id:"),
    "a blank before the colon": changed(b"Subject:", b"Subject :"),
    "no blank after the colon": changed(b"Subject: ", b"Subject:"),
    "folded": changed(b">, Bob", b">,\r\n Bob"),
    "folded by a tab": changed(b">, Bob", b">,\r\n\tBob"),
    "folded where no blank was": changed(b"<ann@", b"\r\n <ann@"),
    "an id on a line of its own": changed(b"Message-ID: <", b"Message-ID:\r\n <"),
    "a line of blanks in a fold": changed(b"quarterly ", b"quarterly\r\n \r\n "),
    "trailing blanks": changed(b"numbers\r\n", b"numbers  \t\r\n"),
    "other fields": changed(b"To: ", b"Received: by mx\r\n\tfor <fax@example.org>\r\nSubjects: none\r\nTo: "),
    "another order": b"\r\n".join([*sorted(HEADER.rstrip().split(b"\r\n")), b"", b""]),
    "a second Subject": changed(b"numbers\r\n", b"numbers\r\nSubject: Buy now\r\n"),
    "a body": HEADER + b"Message-ID: <2@example.org>\r\n",
    "no empty line at the end": HEADER[:-2],
    "an mbox line in front": b"From ann@example.org Mon Feb  7 21:52:25 1994\n" + HEADER,
}

OTHER = {
    "another Message-ID": changed(b"<1@", b"<2@"),
    "another Date": changed(b"21:52", b"21:53"),
    "another From": changed(b"ann@", b"eve@"),
    "another To": changed(b"fax@", b"desk@"),
    "another Subject": changed(b"numbers", b"Numbers"),
    "no Subject": changed(b"Subject: The quarterly numbers\r\n", b""),
    "what From and To have is parted elsewhere": changed(b".org>\r\nTo: f", b".org>f\r\nTo: "),
    "no Message-ID": WITHOUT_ID,
}


@pytest.mark.parametrize("header", SAME.values(), ids=list(SAME))
def test_how_it_is_written_does_not_matter(header: bytes) -> None:
    assert content_identity(header, WHEN) == content_identity(HEADER, WHEN)


@pytest.mark.parametrize("header", OTHER.values(), ids=list(OTHER))
def test_what_it_says_matters(header: bytes) -> None:
    assert content_identity(header, WHEN) != content_identity(HEADER, WHEN)


def test_the_identity_is_for_ever() -> None:
    """A change of scheme must not go unnoticed: identities are in databases."""
    assert content_identity(HEADER, WHEN) == "meae7506383c2c879af414cff4aee5b38"
    assert content_identity(WITHOUT_ID, WHEN) == "d87aac59b3cc30292899282101330931c"


def test_internaldate_counts_only_without_a_message_id() -> None:
    assert content_identity(HEADER, WHEN) == content_identity(HEADER, WHEN + 1)
    assert content_identity(WITHOUT_ID, WHEN) == content_identity(WITHOUT_ID, WHEN)
    assert content_identity(WITHOUT_ID, WHEN) != content_identity(WITHOUT_ID, WHEN + 1)


@pytest.mark.parametrize("empty", [b"Message-ID:\r\n", b"Message-ID: <>\r\n", b"Message-Id: \r\n <>\r\n"])
def test_an_empty_message_id_is_none(empty: bytes) -> None:
    assert content_identity(empty + WITHOUT_ID, WHEN) == content_identity(WITHOUT_ID, WHEN)


@pytest.mark.parametrize("header", [b"", b"\r\n", b"Received: by mx\r\n\r\n", b"Subject:\r\n\r\n", b"\r\n" + HEADER])
def test_a_header_without_the_fields_has_no_identity(header: bytes) -> None:
    assert content_identity(header, WHEN) == NO_IDENTITY


def test_a_digest_is_of_what_has_a_message_id() -> None:
    whole = content_identity(HEADER, WHEN)
    assert content_digest(whole).hex() == whole[1:]
    for text in ("", NO_IDENTITY, content_identity(WITHOUT_ID, WHEN)):
        assert content_digest(text) == NOTHING


def test_provider_digests() -> None:
    assert provider_digest("") == NOTHING
    assert len(provider_digest("gmail:1278455344230334865")) == 16
    assert provider_digest("gmail:1") != provider_digest("emailid:1")


def test_the_message_id_is_told_as_written() -> None:
    assert message_id(HEADER) == "<1@example.org>"
    assert message_id(b"message-id:\r\n <1@example.org>\r\n") == "<1@example.org>"
    assert message_id(WITHOUT_ID) == ""
    assert message_id(b"Message-ID: <\xff@x>\r\n") == "<\ufffd@x>"


@given(st.binary())
def test_any_octets_have_an_identity(header: bytes) -> None:
    text = content_identity(header, 0)
    assert text == NO_IDENTITY or (text[0] in "md" and len(content_digest(text)) == 16)


def test_a_long_run_of_cr_takes_no_time() -> None:
    assert content_identity(b"Subject: a\r\n" + b"\r" * 10**6, 0) == content_identity(b"Subject: a\r\n", 0)
