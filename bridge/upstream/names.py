"""The mailboxes of an account, and which of them a selector means."""

import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

import trio

from bridge.imap import commands
from bridge.imap.events import Event, Listed
from bridge.model.failures import MailboxMissing, UpstreamBroken
from bridge.model.names import MailboxName
from bridge.model.presets import preset_for
from bridge.model.settings import AccountSettings
from bridge.upstream.link import Link

INBOX = MailboxName("INBOX")

FRESH_SECONDS = 60.0
"""How long a listing of mailboxes is believed when something is missing from it."""

MAILBOXES = 10_000
"""Mailboxes that an account may have. Our own: far beyond any."""

WELL_KNOWN: Mapping[str, tuple[str, ...]] = {
    "\\Trash": ("Trash", "Deleted Items", "Deleted Messages", "Deleted", "Papierkorb"),
    "\\Archive": ("Archive", "Archives", "Archiv"),
    "\\Junk": ("Junk", "Spam", "Junk E-mail", "Junk Email", "Bulk Mail", "Bulk"),
    "\\Sent": ("Sent", "Sent Items", "Sent Messages", "Gesendet"),
    "\\Drafts": ("Drafts", "Draft", "Entwürfe"),
    "\\All": ("All Mail", "[Gmail]/All Mail"),
}
"""What mailboxes are called where the server says nothing of their use (RFC 6154 §2); tried in this order."""


class MailboxNames:
    """What LIST said last, shared by all connections of an account. `folders` are names by use, tried before those
    that are well known, where the server does not mark any.
    """

    def __init__(self, account: str, folders: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self._account = account
        self._folders = folders or {}
        self._listed: dict[str, Listed] = {}
        self._at = float("-inf")

    async def refresh(self, link: Link) -> None:
        """List the account's mailboxes anew."""
        found: dict[str, Listed] = {}

        def keep(event: Event) -> None:
            if isinstance(event, Listed):
                if len(found) >= MAILBOXES:
                    sentence = f"account {link.account}: the server lists more than {MAILBOXES} mailboxes"
                    raise link.lose(UpstreamBroken(link.account, sentence))
                found[plain(event.name)] = event

        # Asked for by name only where LIST has that form; without it many servers tell it in any LIST.
        asks = link.can("SPECIAL-USE") and link.can("LIST-EXTENDED")
        if not asks or (await link.ask(commands.list_mailboxes(special_use=True), keep)).kind != "OK":
            await link.must("list its mailboxes", commands.list_mailboxes(), keep)
        self._listed, self._at = found, trio.current_time()

    async def find(self, link: Link, selector: str) -> MailboxName:
        """Give the mailbox a selector means. Raises `MailboxMissing`; lists anew before it says so."""
        found = self._find(selector)
        if found is None and trio.current_time() - self._at > FRESH_SECONDS:
            await self.refresh(link)
            found = self._find(selector)
        if found is None:
            raise self._missing(selector)
        return found

    def spelled(self, mailbox: MailboxName) -> str | bytes:
        """Give a name as commands take it: the server's own spelling where it is known."""
        listed = self._listed.get(plain(mailbox))
        return listed.raw if listed is not None and listed.raw else mailbox

    def _find(self, selector: str) -> MailboxName | None:
        if selector.startswith("\\"):
            return self._by_use(selector)
        if selector.upper() == INBOX:
            return INBOX
        return self._by_name([selector, *(selector.replace("/", mark) for mark in self._delimiters())])

    def _by_use(self, use: str) -> MailboxName | None:
        for listed in self._listed.values():
            if use.lower() in {attribute.lower() for attribute in listed.attributes} and _holds_mail(listed):
                return MailboxName(listed.name)
        known = [*_names(self._folders, use), *_names(WELL_KNOWN, use)]
        marks = self._delimiters()
        return self._by_name([*known, *(f"INBOX{mark}{name}" for mark in marks for name in known)])

    def _by_name(self, candidates: Iterable[str]) -> MailboxName | None:
        for candidate in candidates:
            listed = self._listed.get(plain(candidate))
            if listed is not None and _holds_mail(listed):
                return MailboxName(listed.name)
        return None

    def _delimiters(self) -> list[str]:
        return sorted({listed.delimiter for listed in self._listed.values() if listed.delimiter})

    def _missing(self, selector: str) -> MailboxMissing:
        names = [listed.name for listed in self._listed.values() if _holds_mail(listed)]
        close = get_close_matches(selector, names, n=1)
        if selector.startswith("\\"):
            hint = "; name the mailbox instead"
        else:
            hint = f" (did you mean {close[0]!r}?)" if close else ""
        return MailboxMissing(self._account, f"account {self._account}: there is no mailbox {selector!r}{hint}")


def folders_of(settings: AccountSettings) -> Mapping[str, tuple[str, ...]]:
    """Give what the account's provider calls mailboxes that it may not mark."""
    preset = preset_for(settings.provider, settings.host)
    return preset.folders if preset is not None else {}


def _names(folders: Mapping[str, tuple[str, ...]], use: str) -> tuple[str, ...]:
    return next((names for name, names in folders.items() if name.lower() == use.lower()), ())


def _holds_mail(listed: Listed) -> bool:
    return not listed.attributes & {"\\Noselect", "\\NonExistent"}


def plain(name: str) -> str:
    """Give a name as it is looked up: composed, and with INBOX in capitals, also as a parent (RFC 9051 §5.1)."""
    name = unicodedata.normalize("NFC", name)
    return INBOX + name[5:] if name[:5].upper() == INBOX and not name[5:6].isalnum() else name
