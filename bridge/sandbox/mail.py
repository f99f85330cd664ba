"""The demo's two accounts, full of believable mail, and mail that keeps coming."""

from collections.abc import Mapping

from bridge.sandbox.mail_family import FAMILY, family_mail
from bridge.sandbox.mail_office import OFFICE, office_mail
from bridge.sandbox.mail_parts import Letter, encoded, letter, plain, quoted_printable
from bridge.sandbox.server import SandboxServer, SandboxUser

USERS = ("family", "office")

OTHER_MAILBOXES: Mapping[str, str] = {
    "Sent": "\\Sent",
    "Entwürfe": "\\Drafts",
    "Archive": "\\Archive",
    "Junk": "\\Junk",
    "Trash": "\\Trash",
}
"""What each user has besides INBOX, with its special use (RFC 6154 §2)."""


def demo_mail(now: int) -> dict[str, list[Letter]]:
    """Give each user's letters for INBOX, oldest first. The same `now`, in Unix seconds, gives the same octets."""
    return {"family": family_mail(now), "office": office_mail(now)}


def settle_in(server: SandboxServer, password: str, now: int) -> list[SandboxUser]:
    """Add both users with all their mailboxes and letters."""
    letters = demo_mail(now)
    return [_settle_in(server, name, password, letters[name]) for name in USERS]


def _settle_in(server: SandboxServer, name: str, password: str, letters: list[Letter]) -> SandboxUser:
    user = server.add_user(name, password)
    for mailbox, use in OTHER_MAILBOXES.items():
        user.create(mailbox, use)
    for one in letters:
        user.mailboxes[one.mailbox].deliver(one.octets, one.date, one.flags)
    return user


def arriving(number: int, now: int) -> tuple[str, Letter]:
    """Give the next letter that comes while the demo runs, and whose it is. `number` counts from 0."""
    if number % 2:
        return "office", _order(number // 2, now)
    return "family", _postcard(number // 2, now)


_PLACES = ("Århus", "Łódź", "São Tomé", "Plzeň", "Coruña", "Besançon")
_GOODS = ("chair", "table", "shelf", "bench", "stool")


def _postcard(number: int, now: int) -> Letter:
    place = _PLACES[number % len(_PLACES)]
    text = quoted_printable(f"Greetings from {place}!", "", f"This is card {number + 1} of our journey.", "", "Jonas")
    return letter(b"Jonas <jonas@example.org>", FAMILY, encoded(f"A card from {place}"), text, date=now)


def _order(number: int, now: int) -> Letter:
    what, count = _GOODS[number % len(_GOODS)], number % 7 + 1
    text = plain("A new order came in by the web shop:", "", f"  {count} x {what}", "", ".", "end of order")
    return letter(
        b"Shop <shop@example.net>", OFFICE, f"Order {2042 + number}: {count} x {what}".encode(), text, date=now
    )
