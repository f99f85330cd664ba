"""The names a configuration may use for providers, quirks and profiles. An unknown one is a mistake in the config."""

from collections.abc import Mapping

ACCOUNT_QUIRKS: Mapping[str, str] = {
    "no-ranges": "the server renders a message anew at each fetch, so it is fetched whole, never in ranges",
    "compress": "what is said to and by the server is compressed although its address is private: the line to "
    "it is slow",
    "no-compress": "nothing is compressed although the server offers it",
}

DEVICE_QUIRKS: Mapping[str, str] = {
    "counts": "it knows messages by their number, as programs without UIDL do, so a number once given stays: what is "
    "deleted or gone leaves a small message in its place",
}

PROVIDERS: tuple[str, ...] = (
    "gmail",
    "google-workspace",
    "outlook",
    "microsoft365",
    "yahoo",
    "aol",
    "icloud",
    "fastmail",
    "gmx",
    "web.de",
    "t-online",
    "mailbox.org",
    "posteo",
    "proton-bridge",
    "zoho",
    "dovecot",
    "exchange",
)

PROFILES: tuple[str, ...] = ("raw", "compatible", "text", "attachments")
