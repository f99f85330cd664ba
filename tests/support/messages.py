"""The mailbox of trouble: messages that devices and bridges have stumbled over, and how they should arrive."""

import re
from collections.abc import Iterable

MESSAGES: dict[str, bytes] = {
    "plain": b"From: anna@example.org\r\nSubject: plain\r\nMessage-ID: <plain@example.org>\r\n\r\nOne line.\r\n",
    "dot lines": b"Subject: dots\r\n\r\n.\r\n..\r\n.one\r\n...three\r\n text .\r\n.\r\n.\r\nend\r\n",
    "lone dot": b"Subject: a lone dot\r\n\r\n.\r\n",
    "no final newline": b"Subject: unfinished\r\n\r\nthe last line has no end",
    "last line is a dot": b"Subject: unfinished dot\r\n\r\ntext\r\n.",
    "8-bit header": b"Subject: Gr\xfc\xdfe aus K\xf6ln\r\nFrom: M\xfcller <m@example.org>\r\n\r\n\xe4\xf6\xfc\xff\r\n",
    "UTF-8 header": "Subject: Grüße 📬\r\nFrom: Zoë <z@example.org>\r\n\r\nnaïve €\r\n".encode(),
    "long line": b"Subject: long\r\n\r\n" + b"x" * 20_000 + b"\r\nshort\r\n",
    "long line of dots": b"Subject: dots in a row\r\n\r\n" + b"." * 20_000 + b"\r\n",
    "empty body": b"Subject: empty body\r\nMessage-ID: <empty@example.org>\r\n\r\n",
    "header only": b"Subject: header only\r\nMessage-ID: <header@example.org>\r\n",
    "same id, first": b"Message-ID: <same@example.org>\r\nSubject: first\r\n\r\nfirst\r\n",
    "same id, second": b"Message-ID: <same@example.org>\r\nSubject: second\r\n\r\nsecond\r\n",
    "same octets": b"Message-ID: <twin@example.org>\r\nSubject: twin\r\n\r\ntwin\r\n",
    "same octets again": b"Message-ID: <twin@example.org>\r\nSubject: twin\r\n\r\ntwin\r\n",
    "bare LF": b"Subject: bare LF\n\none\n.two\n\nthree\n",
    "bare CR": b"Subject: bare CR\r\n\r\none\r.two\r\rthree\r\n",
    "CR CR LF": b"Subject: CR CR LF\r\r\n\r\r\none\r\r\n.\r\r\ntwo\r\r\n",
    "blank lines at the end": b"Subject: blank end\r\n\r\ntext\r\n\r\n\r\n",
    "folded header": b"Subject: folded\r\n header\r\n\tagain\r\nTo: a@example.org,\r\n b@example.org\r\n\r\nbody\r\n",
    "attachment": b"Subject: parts\r\nMIME-Version: 1.0\r\n"
    b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\ntext'
    b"\r\n--b\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    + b"QUJD" * 18
    + b"\r\n--b--\r\n",
}

ASKS_FOR_REPAIR = ("bare LF", "bare CR", "CR CR LF", "no final newline", "last line is a dot")
"""Those whose octets change between upstream and device."""

_LINE_END = re.compile(rb"\r*\n|\r")


def repaired(octets: bytes) -> bytes:
    """Give what a device should get: every line end CRLF, the last one too. Slow, and unlike the bridge's own way."""
    mended = _LINE_END.sub(b"\r\n", octets)
    return mended if mended.endswith(b"\r\n") or not mended else mended + b"\r\n"


def with_lf(messages: Iterable[bytes]) -> list[bytes]:
    """Give messages as mail programs on Unix store them, sorted, to compare what has no order."""
    return sorted(message.replace(b"\r\n", b"\n") for message in messages)


def large_message(octets: int, seed: int = 0) -> bytes:
    """Give a message of about `octets`, lines of 76 with dots at some line starts, no two blocks alike."""
    head = b"From: big@example.org\r\nSubject: large %d\r\nMessage-ID: <large-%d@example.org>\r\n\r\n" % (seed, seed)
    lines = (octets - len(head)) // 76
    return head + b"".join(
        b"%c%08d%s\r\n" % (b".ab"[at % 3], at, b"0123456789abcdef" * 4 + b"x") for at in range(lines)
    )
