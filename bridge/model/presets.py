"""What is known of mail providers: where their servers are, what they want, and what they bear. Pure data.

Every preset says when it was looked up and where; docs/providers.md is made from it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

TlsMode = Literal["implicit", "starttls"]
Way = Literal["password", "app password", "oauth"]
UserForm = Literal["address", "local part", "any"]

DEFAULT_CONNECTIONS = 3
"""Connections to a server of which nothing is known: one watches, and devices share the others."""

CHECKED = "2026-11"
"""When the presets were looked up."""


@dataclass(frozen=True, slots=True)
class Preset:
    """What an account at a provider has unless its configuration says otherwise.

    `host` is empty where it is one's own server. `ways` are the ways to sign in, the best first; `authority` is who
    gives OAuth tokens, as `bridge.model.authorities` names it. `wants` says in a sentence what to do before a password
    works there, and `switch` where IMAP is switched on; both may be empty. `looks_like` is a regular expression for app
    passwords, blanks left out, where all of them look alike. `connections` is how many the server bears
    from one user, 0 where it does not tell, and `max_connections` how many of these are used. `daily_octets` is what
    may be fetched within 24 hours, 0 where no limit is known. `folders` are names of mailboxes by use, where the server
    does not mark them. `sources` are addresses of what all this was taken from.
    """

    title: str
    host: str = ""
    port: int = 993
    tls: TlsMode = "implicit"
    ways: tuple[Way, ...] = ("password",)
    authority: str = ""
    user: UserForm = "address"
    wants: str = ""
    looks_like: str = ""
    switch: str = ""
    connections: int = 0
    max_connections: int = DEFAULT_CONNECTIONS
    daily_octets: int = 0
    folders: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    quirks: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    checked: str = CHECKED

    @property
    def takes_passwords(self) -> bool:
        """True where some kind of password is taken over IMAP."""
        return any(way != "oauth" for way in self.ways)


_OUTLOOK_FOLDERS = {
    "\\Trash": ("Deleted Items", "Deleted", "Gelöschte Elemente", "Gelöscht"),
    "\\Junk": ("Junk Email", "Junk E-Mail", "Junk-E-Mail", "Junk"),
    "\\Sent": ("Sent Items", "Sent", "Gesendete Elemente", "Gesendet"),
    "\\Archive": ("Archive", "Archiv"),
    "\\Drafts": ("Drafts", "Entwürfe"),
}
_APPLE_FOLDERS = {"\\Trash": ("Deleted Messages",), "\\Sent": ("Sent Messages",)}
_GERMAN_FOLDERS = {
    "\\Trash": ("Papierkorb", "Gelöscht", "Trash"),
    "\\Junk": ("Spam", "Spamverdacht", "Spam-Verdacht"),
    "\\Sent": ("Gesendet", "Sent"),
    "\\Drafts": ("Entwürfe", "Drafts"),
}

GOOGLE_DAY = 2_500_000_000
"""Octets that may be fetched from Gmail over IMAP in a day. Google tells so of Workspace, and nothing of others."""

_GOOGLE = (
    "https://support.google.com/a/answer/1071518",
    "https://support.google.com/a/answer/14114704",
    "https://github.com/zone-eu/wildduck/issues/35",
)
_EXCHANGE = "https://learn.microsoft.com/en-us/exchange"
_MICROSOFT = (
    f"{_EXCHANGE}/client-developer/legacy-protocols/how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth",
    f"{_EXCHANGE}/clients-and-mobile-in-exchange-online/deprecation-of-basic-authentication-exchange-online",
    "https://github.com/mscdex/node-imap/issues/523",
)
_ISPDB = "https://github.com/thunderbird/autoconfig/blob/master/ispdb"

PRESETS: Mapping[str, Preset] = {
    "gmail": Preset(
        "Gmail",
        "imap.gmail.com",
        ways=("app password", "oauth"),
        authority="google",
        wants="make an app password at https://myaccount.google.com/apppasswords, which needs 2-step verification",
        looks_like="[a-z]{16}",
        connections=15,
        max_connections=5,
        daily_octets=GOOGLE_DAY,
        quirks=frozenset({"expunge-archives"}),
        sources=_GOOGLE,
    ),
    "google-workspace": Preset(
        "Google Workspace",
        "imap.gmail.com",
        ways=("oauth", "app password"),
        authority="google",
        wants=(
            "make an app password at https://myaccount.google.com/apppasswords, where the organisation's administrator"
            " lets you, or use OAuth"
        ),
        switch="in the Admin console under Apps, Google Workspace, Gmail, End User Access",
        looks_like="[a-z]{16}",
        connections=15,
        max_connections=5,
        daily_octets=GOOGLE_DAY,
        quirks=frozenset({"expunge-archives"}),
        sources=_GOOGLE,
    ),
    "outlook": Preset(
        "Outlook.com, Hotmail, Live",
        "outlook.office365.com",
        ways=("oauth",),
        authority="microsoft",
        switch="at https://outlook.live.com under Settings, Mail, Forwarding and IMAP",
        connections=20,
        max_connections=2,
        folders=_OUTLOOK_FOLDERS,
        quirks=frozenset({"keep-connections"}),
        sources=(
            "https://support.office.com/article/d088b986-291d-42b8-9564-9c414e2aa040",
            "https://github.com/holon-run/uxc/issues/445",
            "https://github.com/mscdex/node-imap/issues/523",
        ),
    ),
    "microsoft365": Preset(
        "Microsoft 365, Exchange Online",
        "outlook.office365.com",
        ways=("oauth",),
        authority="microsoft",
        switch="in the Exchange admin center, for the mailbox, under Manage email apps settings",
        connections=20,
        max_connections=2,
        folders=_OUTLOOK_FOLDERS,
        quirks=frozenset({"keep-connections"}),
        sources=_MICROSOFT,
    ),
    "yahoo": Preset(
        "Yahoo Mail",
        "imap.mail.yahoo.com",
        ways=("app password", "oauth"),
        authority="yahoo",
        wants="make an app password at https://login.yahoo.com/account/security under External connections",
        max_connections=2,
        sources=(
            "https://help.yahoo.com/kb/SLN15241.html",
            "https://senders.yahooinc.com/developer/documentation",
            f"{_ISPDB}/yahoo.com.xml",
        ),
    ),
    "aol": Preset(
        "AOL Mail",
        "imap.aol.com",
        ways=("app password", "oauth"),
        authority="aol",
        wants="make an app password at https://login.aol.com/account/security under External connections",
        max_connections=2,
        sources=("https://senders.yahooinc.com/developer/documentation", f"{_ISPDB}/aol.com.xml"),
    ),
    "icloud": Preset(
        "iCloud Mail",
        "imap.mail.me.com",
        ways=("app password",),
        user="local part",
        wants="make an app-specific password at https://account.apple.com under Sign-In and Security",
        looks_like="[a-z]{4}(-[a-z]{4}){3}",
        max_connections=2,
        folders=_APPLE_FOLDERS,
        sources=(
            "https://support.apple.com/HT202304",
            "https://support.apple.com/HT204397",
            f"{_ISPDB}/me.com.xml",
        ),
    ),
    "fastmail": Preset(
        "Fastmail",
        "imap.fastmail.com",
        ways=("app password", "oauth"),
        authority="fastmail",
        wants="make an app password in Fastmail's settings under Privacy & Security: the account's own is not taken",
        sources=("https://www.fastmail.com/help/technical/servernamesandports.html",),
    ),
    "gmx": Preset(
        "GMX (gmx.net, gmx.de, gmx.at, gmx.ch)",
        "imap.gmx.net",
        ways=("password", "app password"),
        user="any",
        wants="with two-factor authentication, make an application-specific password in the account's settings",
        switch="at https://www.gmx.net under E-Mail, Einstellungen, POP3/IMAP Abruf; it goes off when it is not used",
        max_connections=2,
        folders=_GERMAN_FOLDERS,
        sources=(
            "https://hilfe.gmx.net/pop-imap/einschalten.html",
            "https://hilfe.gmx.net/sicherheit/2fa/anwendungsspezifisches-passwort.html",
            f"{_ISPDB}/gmx.net.xml",
        ),
    ),
    "web.de": Preset(
        "WEB.DE",
        "imap.web.de",
        ways=("password", "app password"),
        user="any",
        wants="with two-factor authentication, make an application-specific password in the account's settings",
        switch="at https://web.de under E-Mail, Einstellungen, POP3/IMAP Abruf; it goes off when it is not used",
        max_connections=2,
        folders=_GERMAN_FOLDERS,
        sources=("https://hilfe.web.de/pop-imap/einschalten.html", f"{_ISPDB}/web.de.xml"),
    ),
    "t-online": Preset(
        "Telekom (t-online.de, magenta.de)",
        "secureimap.t-online.de",
        ways=("app password",),
        wants="set a password for e-mail programs in Telekom's Kundencenter: the one of the website is not taken",
        max_connections=2,
        folders=_GERMAN_FOLDERS,
        sources=(
            "https://www.telekom.de/hilfe/apps-dienste/e-mail/programme/passwort-verwalten",
            f"{_ISPDB}/t-online.de.xml",
        ),
    ),
    "mailbox.org": Preset(
        "mailbox.org",
        "imap.mailbox.org",
        ways=("password", "app password"),
        wants="with two-factor authentication, make an application password under All settings, Security",
        sources=("https://kb.mailbox.org/en/private/e-mail/e-mail-configuration",),
    ),
    "posteo": Preset(
        "Posteo",
        "posteo.de",
        ways=("password",),
        switch='by leaving "additional email account protection" off under Settings, My account, Change password',
        sources=("https://posteo.de/en/help/activating-additional-email-account-protection", f"{_ISPDB}/posteo.de.xml"),
    ),
    "proton-bridge": Preset(
        "Proton Mail Bridge",
        "127.0.0.1",
        1143,
        "starttls",
        ways=("app password",),
        wants="take the password that Proton Mail Bridge shows under Mailbox details: the account's own is not taken",
        sources=("https://proton.me/support/protonmail-bridge-faq", "https://github.com/ProtonMail/proton-bridge"),
    ),
    "zoho": Preset(
        "Zoho Mail (zoho.com)",
        "imap.zoho.com",
        ways=("password", "app password", "oauth"),
        authority="zoho",
        wants="with two-factor authentication, make an application-specific password at https://accounts.zoho.com",
        switch="in Zoho Mail under Settings, Mail Accounts, IMAP; an organisation's administrator may forbid it",
        sources=("https://www.zoho.com/mail/help/imap-access.html", f"{_ISPDB}/zoho.com.xml"),
    ),
    "dovecot": Preset(
        "Dovecot, on a host of one's own",
        user="any",
        connections=10,
        max_connections=5,
        sources=("https://github.com/mscdex/node-imap/issues/606",),
    ),
    "exchange": Preset(
        "Exchange Server, on a host of one's own",
        user="any",
        connections=16,
        max_connections=3,
        folders=_OUTLOOK_FOLDERS,
        switch="with Set-CASMailbox -ImapEnabled, while the IMAP4 services of the server run",
        quirks=frozenset({"no-ranges"}),
        sources=("https://learn.microsoft.com/en-us/powershell/module/exchange/set-imapsettings",),
    ),
}
"""The presets that a configuration may name, by name."""


def preset_for(provider: str, host: str) -> Preset | None:
    """Give the preset of an account: the one that it names, else one whose server it uses, told by a name."""
    if provider:
        return PRESETS.get(provider)
    name = host.rstrip(".").lower()
    return next((one for one in PRESETS.values() if one.host == name and name[-1:].isalpha()), None)
