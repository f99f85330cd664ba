"""The names a configuration may use for quirks and profiles. An unknown one is a mistake in the config."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Quirk:
    """What is peculiar about servers, and what popbridge does about it. `checked` is when that was looked up, and
    `source` where; both are empty for what an owner may wish whatever the server is.
    """

    text: str
    checked: str = ""
    source: str = ""


NO_RANGES, KEEP_CONNECTIONS, EXPUNGE_ARCHIVES = "no-ranges", "keep-connections", "expunge-archives"

ACCOUNT_QUIRKS: Mapping[str, Quirk] = {
    NO_RANGES: Quirk(
        "the server renders a message anew at each fetch, so it is fetched whole, never in ranges",
        "2026-11",
        "https://learn.microsoft.com/en-us/powershell/module/exchange/set-imapsettings",
    ),
    KEEP_CONNECTIONS: Quirk(
        "the server takes offence at frequent new connections, so each is kept for ten minutes after it was needed "
        "instead of one",
        "2026-11",
        "https://github.com/mscdex/node-imap/issues/523",
    ),
    EXPUNGE_ARCHIVES: Quirk(
        "what is expunged stays in another mailbox, so `popbridge check` warns of devices that expunge",
        "2026-11",
        "https://developers.google.com/gmail/api/reference/rest/v1/ImapSettings",
    ),
    "compress": Quirk(
        "what is said to and by the server is compressed although its address is private: the line to it is slow"
    ),
    "no-compress": Quirk("nothing is compressed although the server offers it"),
}
"""What `quirks` of an account may name."""

DEVICE_QUIRKS: Mapping[str, str] = {
    "counts": "it knows messages by their number, as programs without UIDL do, so a number once given stays: what is "
    "deleted or gone leaves a small message in its place",
}

PROFILES: tuple[str, ...] = ("raw", "compatible", "text", "attachments")
