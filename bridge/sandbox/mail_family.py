"""A household's mail."""

from bridge.sandbox.mail_parts import (
    Letter,
    Part,
    attachment,
    encoded,
    letter,
    lines,
    multipart,
    plain,
    png,
    quoted_printable,
    text8,
)

FAMILY = b"family@example.org"
GRANDMA = encoded("Oma Käthe") + b" <kaethe@example.net>"
JONAS = b"Jonas <jonas@example.org>"
SCHOOL = b'"School office" <office@school.example.net>'
SEEN = ("\\Seen",)

HOUR = 3600
DAY = 24 * HOUR


def family_mail(now: int) -> list[Letter]:
    """Give the household's letters, oldest first. `now` is in Unix seconds."""
    return [*_last_weeks(now), *_this_week(now)]


def _last_weeks(now: int) -> list[Letter]:
    return [
        letter(
            b"Library <no-reply@library.example.net>",
            FAMILY,
            b"Two books are due back",
            plain("Hello,", "", "two books are due back in a week:", "", "  The Night Sky", "  Bread at Home"),
            date=now - 34 * DAY,
            flags=SEEN,
        ),
        letter(
            GRANDMA,
            FAMILY,
            encoded("Rezept für Käsespätzle, wie versprochen – mit Röstzwiebeln"),
            quoted_printable(
                "Ihr Lieben,",
                "",
                "400 g Mehl, 5 Eier, etwas Salz und so viel Wasser, dass der Teig zäh vom Löffel reißt. Dann in"
                " kochendes Wasser schaben, mit Käse schichten, Röstzwiebeln darüber.",
                "",
                "Grüße, Oma",
            ),
            date=now - 29 * DAY,
            flags=SEEN,
        ),
        letter(
            JONAS,
            FAMILY,
            "Schöne Grüße aus Århus".encode(),
            text8("Hej!", "", "Wir sind gut angekommen. Das Café am Hafen heißt »Blå«.", "", "Jonas"),
            date=now - 26 * DAY,
        ),
        letter(
            SCHOOL,
            FAMILY,
            b"Timetable from Monday",
            multipart(
                "alternative",
                plain("Mon  Maths, Music", "Tue  Biology, Sports", "Wed  no school"),
                quoted_printable("<h1>Timetable</h1>", "<p>Mon: Maths, Music<br>Tue: Biology, Sports</p>", kind="html"),
            ),
            date=now - 20 * DAY,
        ),
        letter(b"Ben <ben@example.net>", FAMILY, b"", Part((), b""), date=now - 17 * DAY),
        letter(
            b"Knitting circle <circle@example.net>",
            FAMILY,
            b"The pattern with the dots",
            plain("Every dot is one stitch:", "", ".", "..", "...", ".hidden", ".", "", "A lone dot is the end."),
            date=now - 12 * DAY,
            more=(b"List-Id: Knitting circle <circle.example.net>", b"Precedence: list"),
        ),
    ]


def _this_week(now: int) -> list[Letter]:
    again = ("see you on Saturday at ten, at the lake.", "Bring the big pot.")
    return [
        letter(
            b"Mia <mia@example.org>",
            FAMILY,
            b"The drawing",
            multipart(
                "mixed",
                text8("Für den Kühlschrank!"),
                attachment("drawing.png", "image/png", png(48, 32)),
            ),
            date=now - 6 * DAY,
        ),
        letter(
            GRANDMA,
            FAMILY,
            b"=?iso-8859-1?Q?Sonnenuntergang_=FCber_dem_See?=",
            multipart(
                "mixed",
                text8("Das Foto ist groß geworden.", charset="iso-8859-1"),
                attachment("lake.png", "image/png", png(860, 860)),
            ),
            date=now - 4 * DAY,
        ),
        letter(JONAS, FAMILY, b"Saturday", plain(*again), date=now - 3 * DAY, message_id="saturday"),
        letter(
            JONAS,
            FAMILY,
            b"Saturday",
            plain(*again),
            date=now - 3 * DAY + 40,
            message_id="saturday",
            more=(b"List-Id: Lake friends <lake.example.net>",),
        ),
        letter(
            b"Ben <ben@example.net>",
            FAMILY,
            b"Re: Saturday",
            Part((), lines("I bring the boat.")[:-2] + b" -- sent from a very old phone"),
            date=now - 2 * DAY,
            more=(b"In-Reply-To: <saturday@example.org>", b"References: <saturday@example.org>"),
        ),
        letter(
            b"Weather <daily@weather.example.net>",
            FAMILY,
            b"Your weather this week",
            Part((b"Content-Type: text/html; charset=us-ascii",), b"<p>" + b"sunny, " * 140 + b"rain.</p>\r\n"),
            date=now - 5 * HOUR,
        ),
    ]
