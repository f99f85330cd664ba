"""A small firm's mail."""

from bridge.sandbox.mail_parts import (
    CRLF,
    Letter,
    Part,
    attachment,
    encoded,
    letter,
    lines,
    multipart,
    pdf,
    plain,
    quoted_printable,
    text8,
)

OFFICE = b"office@example.net"
ORDERS = encoded("Möbelhaus Süd") + b" <orders@south.example.org>"
FAX = b"Fax gateway <fax@example.net>"
SEEN = ("\\Seen",)

HOUR = 3600
DAY = 24 * HOUR


def office_mail(now: int) -> list[Letter]:
    """Give the firm's letters, oldest first. `now` is in Unix seconds."""
    return [*_orders(now), *_machines(now), *_people(now)]


def _orders(now: int) -> list[Letter]:
    return [
        letter(
            ORDERS,
            OFFICE,
            encoded("Bestellung 2041: 12 Stühle, Eiche geölt"),
            multipart(
                "mixed",
                quoted_printable("Guten Tag,", "", "anbei unsere Bestellung über 12 Stühle.", "", "Mit Grüßen"),
                attachment(
                    "order-2041.pdf", "application/pdf", pdf("Order 2041", "12 chairs (oak, oiled)", "Total: 1,788.00")
                ),
            ),
            date=now - 30 * DAY,
            flags=SEEN,
        ),
        letter(
            b"Timber yard <invoices@timber.example.org>",
            OFFICE,
            b"Invoice 7713",
            multipart(
                "mixed",
                plain("Please find our invoice attached.", "Payable within 14 days."),
                attachment("invoice-7713.pdf", "application/pdf", pdf("Invoice 7713", "Oak, 2 m3", "Total: 2,410.00")),
            ),
            date=now - 21 * DAY,
        ),
    ]


def _machines(now: int) -> list[Letter]:
    report = lines("backup of server1: done", "files  48,211", "octets 9,120,553,207", "", "no errors")
    header = b"From: backup@server1.example.net\nTo: office@example.net\nSubject: backup report\n\n"
    return [
        letter(
            FAX,
            OFFICE,
            b"Fax from +1 555 0142, 1 page",
            multipart(
                "mixed",
                plain("A fax of 1 page came in."),
                attachment("fax.pdf", "application/pdf", pdf("Can you deliver on Tuesday?", "Thanks")),
            ),
            date=now - 15 * DAY,
        ),
        Letter(header + report.replace(CRLF, b"\n"), now - 9 * DAY),
        letter(
            b"Door sensor <sensor@example.net>",
            OFFICE,
            b"ALARM door=2 state=open",
            Part((), lines(".", "door 2 open since 22:14", ".")),
            date=now - 8 * DAY,
        ),
    ]


def _people(now: int) -> list[Letter]:
    invited = ("BEGIN:VCALENDAR", "VERSION:2.0", "BEGIN:VEVENT", "UID:market@example.org", "SUMMARY:Market day")
    forwarded = letter(ORDERS, b"lena@example.net", b"Colour?", plain("Is there a darker oil?"), date=now - 6 * DAY)
    return [
        letter(
            b"Lena <lena@example.net>",
            OFFICE,
            b"Fwd: Colour?",
            multipart(
                "mixed",
                plain("Can you answer that?"),
                Part((b"Content-Type: message/rfc822",), forwarded.octets),
            ),
            date=now - 5 * DAY,
        ),
        letter(
            b"Market <team@market.example.org>",
            OFFICE,
            b"Invitation: Market day",
            multipart(
                "alternative",
                plain("Market day is on Saturday in a fortnight."),
                Part(
                    (b"Content-Type: text/calendar; method=REQUEST; charset=utf-8",),
                    lines(*invited, "END:VEVENT", "END:VCALENDAR"),
                ),
            ),
            date=now - 2 * DAY,
        ),
        letter(
            "Übersetzungsbüro Łódź <hello@words.example.org>".encode(),
            OFFICE,
            "Angebot für die Übersetzung – 3 Sprachen".encode(),
            text8("Dzień dobry,", "", "gerne übersetzen wir Ihren Katalog: Deutsch → Polski, Čeština, Ελληνικά."),
            date=now - 3 * HOUR,
        ),
    ]
