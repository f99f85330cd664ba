"""The demo's mail is what it says it is: the same each time, and all of the kinds that devices stumble over."""

import email
from collections.abc import Callable
from email.message import Message

import pytest

from bridge.sandbox import SandboxServer
from bridge.sandbox.mail import USERS, arriving, demo_mail, settle_in
from bridge.sandbox.mail_parts import encoded, pdf, png

NOW = 1_795_500_000
LETTERS = {name: [letter.octets for letter in letters] for name, letters in demo_mail(NOW).items()}
ALL = LETTERS["family"] + LETTERS["office"]


def subject(octets: bytes) -> str:
    return str(parsed(octets)["Subject"])[:30]


def parsed(octets: bytes) -> Message:
    return email.message_from_bytes(octets)


def test_the_same_now_gives_the_same_mail() -> None:
    again = {name: [letter.octets for letter in letters] for name, letters in demo_mail(NOW).items()}
    assert again == LETTERS
    assert demo_mail(NOW + 1) != demo_mail(NOW)


def test_dates_are_of_the_last_weeks_and_ascend() -> None:
    for letters in demo_mail(NOW).values():
        dates = [letter.date for letter in letters]
        assert NOW - 40 * 86_400 < min(dates) <= max(dates) < NOW
    assert [letter.date for letter in demo_mail(NOW)["family"]] == sorted(
        letter.date for letter in demo_mail(NOW)["family"]
    )


KINDS: dict[str, Callable[[bytes], bool]] = {
    "empty body": lambda octets: octets.endswith(b"\r\n\r\n") and octets.count(b"\r\n\r\n") == 1,
    "no final newline": lambda octets: not octets.endswith(b"\n"),
    "a lone dot": lambda octets: b"\r\n.\r\n" in octets,
    "starts a line with a dot": lambda octets: b"\r\n.hidden" in octets,
    "bare line ends": lambda octets: b"\r\n" not in octets,
    "about 3 MB": lambda octets: 2_900_000 < len(octets) < 3_300_000,
    "encoded-word": lambda octets: b"=?utf-8?B?" in octets,
    "raw UTF-8 in its header": lambda octets: "Grüße".encode() in octets.split(b"\r\n\r\n")[0],
    "Latin-1 body": lambda octets: b"gro\xdf geworden" in octets,
    "quoted-printable": lambda octets: b"quoted-printable" in octets and b"=C3=" in octets,
    "a PDF": lambda octets: b"application/pdf" in octets,
    "a PNG": lambda octets: b"image/png" in octets,
    "a forwarded message": lambda octets: b"message/rfc822" in octets,
}


@pytest.mark.parametrize("kind", KINDS)
def test_of_every_kind_there_is_one(kind: str) -> None:
    assert any(KINDS[kind](octets) for octets in ALL)


@pytest.mark.parametrize("octets", ALL, ids=subject)
def test_every_letter_is_sound_mime(octets: bytes) -> None:
    message = parsed(octets)
    parts: list[Message] = list(message.walk())
    assert not [defect for part in parts for defect in part.defects]
    for part in parts:
        if not part.is_multipart():
            part.get_payload(decode=True)
    assert max(map(len, octets.splitlines())) <= 998


def test_one_message_id_comes_twice_in_one_mailbox() -> None:
    ids = [parsed(octets)["Message-ID"] for octets in LETTERS["family"]]
    assert ids.count("<saturday@example.org>") == 2


def test_addresses_are_of_nobody() -> None:
    for octets in ALL:
        for field in ("From", "To", "Message-ID"):
            value = str(parsed(octets)[field] or "")
            assert not value or value.rstrip(">").endswith(("example.org", "example.net"))


def test_files_are_what_they_are_called() -> None:
    assert png(2, 1).startswith(b"\x89PNG\r\n\x1a\n")
    page = pdf("a (b)")
    start = int(page.split(b"startxref\n")[1].split(b"\n")[0])
    assert page[start:].startswith(b"xref\n")
    assert rb"(a \(b\)) Tj" in page


def test_long_words_are_folded() -> None:
    words = encoded("ü" * 100).split(b"\r\n ")
    assert all(len(word) <= 75 for word in words)


def test_both_users_settle_in() -> None:
    server = SandboxServer()
    users = settle_in(server, "secret", NOW)
    assert [user.name for user in users] == list(USERS)
    assert [message.octets for message in server.mailbox("office")] == LETTERS["office"]
    assert server.mailbox("family", "Entwürfe").special_use == "\\Drafts"


def test_mail_keeps_coming_to_both() -> None:
    letters = [arriving(number, NOW + number) for number in range(40)]
    assert [user for user, _ in letters[:3]] == ["family", "office", "family"]
    assert len({letter.octets for _, letter in letters}) == 40
    assert all(parsed(letter.octets)["Subject"] for _, letter in letters)
