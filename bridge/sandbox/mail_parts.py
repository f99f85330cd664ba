"""Pieces that demo mail is put together from, the same octets for the same arguments."""

import base64
import hashlib
import quopri
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

CRLF = b"\r\n"

WORD_OCTETS = 45
"""Octets of UTF-8 in one encoded-word: 60 in base64, within the 75 octets that one may have."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A message to be delivered. `date` is in Unix seconds."""

    octets: bytes
    date: int
    mailbox: str = "INBOX"
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Part:
    """A MIME part: its header lines without their ends, and its octets as they go over the wire."""

    header: tuple[bytes, ...]
    body: bytes


def encoded(text: str) -> bytes:
    """Give a header value as encoded-words, folded between them."""
    words, word = [], ""
    for letter in text:
        if len((word + letter).encode()) > WORD_OCTETS:
            words.append(word)
            word = ""
        word += letter
    words.append(word)
    return b"\r\n ".join(b"=?utf-8?B?" + base64.b64encode(word.encode()) + b"?=" for word in words)


def lines(*texts: str, charset: str = "utf-8") -> bytes:
    """Give lines, each with its CRLF."""
    return b"".join(text.encode(charset) + CRLF for text in texts)


def plain(*texts: str) -> Part:
    """Give a text part in ASCII."""
    return Part((b"Content-Type: text/plain; charset=us-ascii",), lines(*texts))


def text8(*texts: str, charset: str = "utf-8", kind: str = "plain") -> Part:
    """Give a text part in eight bits."""
    header = (f"Content-Type: text/{kind}; charset={charset}".encode(), b"Content-Transfer-Encoding: 8bit")
    return Part(header, lines(*texts, charset=charset))


def quoted_printable(*texts: str, kind: str = "plain") -> Part:
    """Give a text part in quoted-printable."""
    body = quopri.encodestring("".join(f"{text}\n" for text in texts).encode()).replace(b"\n", CRLF)
    header = (f"Content-Type: text/{kind}; charset=utf-8".encode(), b"Content-Transfer-Encoding: quoted-printable")
    return Part(header, body)


def attachment(name: str, kind: str, octets: bytes) -> Part:
    """Give a file in base64."""
    header = (
        f'Content-Type: {kind}; name="{name}"'.encode(),
        f'Content-Disposition: attachment; filename="{name}"'.encode(),
        b"Content-Transfer-Encoding: base64",
    )
    return Part(header, base64.encodebytes(octets).replace(b"\n", CRLF))


def multipart(kind: str, *parts: Part) -> Part:
    """Put parts together. The boundary follows from what they hold."""
    boundary = b"part-" + hashlib.sha256(b"".join(part.body for part in parts)).hexdigest()[:24].encode()
    body = b"This is a message in several parts.\r\n"
    for part in parts:
        body += b"\r\n--" + boundary + CRLF + CRLF.join(part.header) + CRLF + CRLF + part.body
    body += b"\r\n--" + boundary + b"--\r\n"
    return Part((f"Content-Type: multipart/{kind};".encode() + b'\r\n boundary="' + boundary + b'"',), body)


def letter(
    sender: bytes,
    to: bytes,
    subject: bytes,
    part: Part,
    *,
    date: int,
    flags: tuple[str, ...] = (),
    more: tuple[bytes, ...] = (),
    message_id: str = "",
) -> Letter:
    """Give a whole message in the order of fields that mail programs use. `more` are further header lines."""
    at = format_datetime(datetime.fromtimestamp(date, UTC))
    name = message_id or hashlib.sha256(subject + part.body + at.encode()).hexdigest()[:20]
    domain = sender.rpartition(b"@")[2].rstrip(b">").decode()
    fields = (
        f"Received: from mail.{domain} (mail.{domain} [192.0.2.25])\r\n\tby mx.example.org with ESMTPS; {at}".encode(),
        b"From: " + sender,
        b"To: " + to,
        b"Subject: " + subject,
        f"Date: {at}".encode(),
        f"Message-ID: <{name}@{domain}>".encode(),
        b"MIME-Version: 1.0",
        *more,
        *part.header,
    )
    return Letter(CRLF.join(fields) + CRLF + CRLF + part.body, date, flags=flags)


def png(width: int, height: int) -> bytes:
    """Draw a sunset, 3 octets a pixel and not compressed, so that the same octets come out everywhere."""
    ramp = bytes(range(256)) * (width * 3 // 256 + 2)
    rows = b"".join(b"\0" + ramp[y % 256 : y % 256 + width * 3] for y in range(height))
    size = width.to_bytes(4) + height.to_bytes(4) + b"\x08\x02\0\0\0"
    chunks = (b"IHDR" + size, b"IDAT" + zlib.compress(rows, 0), b"IEND")
    framed = ((len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) for chunk in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(framed)


def pdf(*texts: str) -> bytes:
    """Write one page of Helvetica."""
    shown = " ".join(f"({text.translate(_IN_PDF)}) Tj T*" for text in texts)
    content = f"BT /F1 14 Tf 20 TL 60 760 Td {shown} ET".encode("cp1252", "replace")
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
            b" /Resources << /Font << /F1 5 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    )
    out, offsets = b"%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    end = b"trailer\n<< /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % len(out)
    return out + b"xref\n0 6\n0000000000 65535 f \n" + table + end


_IN_PDF = str.maketrans({"(": r"\(", ")": r"\)", "\\": r"\\"})
