"""Whose mail addresses end how, so that the provider of an address can be proposed. Pure data."""

from collections.abc import Mapping

_BY_PROVIDER: Mapping[str, str] = {
    "gmail": "gmail.com googlemail.com",
    "outlook": "outlook.com outlook.de outlook.fr hotmail.com hotmail.de hotmail.fr live.com live.de msn.com",
    "yahoo": "yahoo.com yahoo.de yahoo.fr yahoo.co.uk ymail.com rocketmail.com",
    "aol": "aol.com aol.de aim.com",
    "icloud": "icloud.com me.com mac.com",
    "fastmail": "fastmail.com fastmail.fm",
    "gmx": "gmx.de gmx.net gmx.at gmx.ch gmx.com",
    "web.de": "web.de",
    "t-online": "t-online.de magenta.de",
    "mailbox.org": "mailbox.org",
    "posteo": "posteo.de posteo.net posteo.org posteo.eu",
    "zoho": "zoho.com zohomail.com",
}

DOMAINS: Mapping[str, str] = {domain: name for name, domains in _BY_PROVIDER.items() for domain in domains.split()}
"""The provider's name by domain."""


def provider_of(address: str) -> str:
    """Give the provider of an address, or an empty text where its domain says nothing."""
    return DOMAINS.get(address.rpartition("@")[2].lower(), "")
