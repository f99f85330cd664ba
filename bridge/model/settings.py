"""What the configuration means, in frozen records every room may read. Durations are in seconds, sizes in octets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from bridge.model.names import AccountId, DeviceId
from bridge.model.oauth import OAuthSettings
from bridge.model.secret import Secret

OnDelete = Literal["hide", "seen", "flag", "archive", "trash", "expunge"]
OnRetrieve = Literal["none", "seen", "hide", "hide-unacknowledged"]
Deduplicate = Literal["off", "account", "all"]
TlsMode = Literal["none", "starttls", "implicit"]
TlsProfile = Literal["modern", "legacy"]
PlaintextLogin = Literal["never", "private", "always"]
Way = Literal["plain", "login", "scram-sha-256", "scram-sha-1", "cram-md5", "apop"]
"""A way to log in, as `auth` calls it. `plain` is USER with PASS, and AUTH PLAIN."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """`[server]`. Paths are absolute. `token_keys` are each 32 octets in base64, the newest first."""

    state_dir: str
    control: str
    log: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    upstream_timeout: float = 20
    login_timeout: float = 180
    autologout: float = 600
    refresh_wait: float = 5
    undo_window: float = 3600
    history: float = 90 * 86400
    max_sessions: int = 2000
    max_sessions_per_peer: int = 20
    read_ahead: int = 4_000_000
    read_ahead_total: int = 128_000_000
    token_keys: tuple[Secret, ...] = ()

    @property
    def login_seed(self) -> bytes:
        """A secret that outlives a restart, from which follows what logins that do not exist are told; empty without
        a key.
        """
        return self.token_keys[0].reveal().encode() if self.token_keys else b""


@dataclass(frozen=True, slots=True)
class ListenerSettings:
    """`[[listener]]`. Either `host` and `port`, or `systemd`, the name of a passed socket.

    `certificates` pairs certificate and key files, by position, with absolute paths. `proxy_protocol` are CIDR texts of
    the proxies that must say whose connections they hand on.
    """

    host: str = ""
    port: int = 0
    systemd: str = ""
    tls: TlsMode = "none"
    certificates: tuple[tuple[str, str], ...] = ()
    tls_profile: TlsProfile = "modern"
    plaintext_login: PlaintextLogin = "private"
    auth: tuple[Way, ...] = ("plain",)
    proxy_protocol: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccountSettings:
    """`[account.NAME]`. `ca_file` is an absolute path, or empty for the system's roots.

    Signing in is by `oauth` where that is given, and then `password` is empty.
    """

    id: AccountId
    name: str
    host: str
    port: int
    tls: TlsMode
    user: str
    password: Secret
    ca_file: str = ""
    mailboxes: tuple[str, ...] = ("INBOX",)
    max_connections: int = 3
    poll_interval: float = 60
    spool: Literal["off", "ahead"] = "off"
    spool_max: int = 2 * 10**9
    spool_age: float = 30 * 86400
    archive: str = "\\Archive"
    allow_plain_expunge: bool = False
    quirks: frozenset[str] = frozenset()
    provider: str = ""
    oauth: OAuthSettings | None = None


@dataclass(frozen=True, slots=True)
class PasswordHash:
    """`scrypt$n$r$p$salt$hash`, decoded."""

    n: int
    r: int
    p: int
    salt: bytes = field(repr=False)
    digest: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ScramVerifier:
    """`scram-sha-256$rounds$salt$stored$server`, decoded: what SCRAM keeps in a password's place (RFC 5802 §3)."""

    hash: Literal["SHA-1", "SHA-256"]
    rounds: int
    salt: bytes = field(repr=False)
    stored: bytes = field(repr=False)
    server: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Source:
    """One entry of `sources`. `mailbox` is a selector as written: a name, or a special use such as `\\Junk`.

    `mark` goes in front of subjects: printable ASCII as it stands in a header (RFC 2047 where it was not), or empty.
    """

    account: AccountId
    mailbox: str
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """How much of a maildrop: all of it, only what comes from now on, an age in seconds, or the newest so many."""

    kind: Literal["all", "now", "age", "newest"] = "all"
    amount: int = 0


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """`[device.NAME]`. `networks` are CIDR texts; empty means any peer. `search` is a search key as written, or empty.

    `password` is what a password is checked with: itself where it is known, so that any way to log in can be checked,
    else a hash; `scram` is what there is for SCRAM besides. `max_deletes` 0 means no guard.
    """

    id: DeviceId
    name: str
    login: str
    password: PasswordHash | ScramVerifier | Secret
    sources: tuple[Source, ...]
    networks: tuple[str, ...] = ()
    on_delete: OnDelete = "hide"
    quirks: frozenset[str] = frozenset()
    start: Span = Span()
    window: Span = Span()
    search: str = ""
    deduplicate: Deduplicate = "off"
    provenance: bool = False
    delete_when: Literal["this", "all"] = "this"
    on_retrieve: OnRetrieve = "none"
    max_deletes: int = 0
    scram: tuple[ScramVerifier, ...] = ()
    auth: tuple[Way, ...] = ("plain",)


@dataclass(frozen=True, slots=True)
class PassthroughSettings:
    """`[passthrough."DOMAIN"]`: what the accounts and devices of a domain have in common, whose logins pass through.

    `domain` is in lower case. Of `account` and `device` everything counts but who they are: ids, names, logins, secrets
    and sources. `max_accounts` bounds how many of its accounts run at once.
    """

    domain: str
    account: AccountSettings
    device: DeviceSettings
    remember: bool = False
    max_accounts: int = 500


@dataclass(frozen=True, slots=True)
class Settings:
    """A whole configuration, swapped as one on SIGHUP. Keyed by `id`, passthrough by its domain in lower case."""

    server: ServerSettings
    listeners: tuple[ListenerSettings, ...]
    accounts: Mapping[AccountId, AccountSettings]
    devices: Mapping[DeviceId, DeviceSettings]
    passthrough: Mapping[str, PassthroughSettings] = field(default_factory=dict)
