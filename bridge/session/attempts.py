"""Passwords that an upstream is asked about for strangers: how often that may be, and which ones it has refused."""

import unicodedata
from collections.abc import Hashable
from typing import NamedTuple

import trio

from bridge.model.names import AccountId
from bridge.session.suspects import Latest

WINDOW = 900.0
"""Seconds over which refusals are counted. Providers lock an account after some ten within a quarter of an hour."""

OF_ACCOUNT = 3
"""Refusals for one account that strangers may bring about in that time."""

OF_FAMILIAR = 5
"""Refusals for one account that an address may besides from which it has logged in before: its owner, who types a new
password.
"""

OF_ADDRESS = 10
"""Refusals that one address may bring about, for all accounts."""

OF_DOMAIN = 100
"""Refusals for all accounts of a domain, by strangers: the provider sees popbridge alone, and could shut it out."""

AGAIN = (300.0, 3600.0, 6 * 3600.0)
"""Seconds until a password that was refused is asked about again, the last ones again and again: servers refuse good
ones, too, when what they ask is down, and a password may be set that was tried before.
"""

DOWN = 5.0
"""Seconds that nobody's password is asked about after a domain's server could not be reached."""


class _Refused(NamedTuple):
    times: int
    until: float


class Attempts:
    """Counts what upstreams refused. Times are Trio's."""

    def __init__(self) -> None:
        self._refused: Latest[tuple[AccountId, bytes], _Refused] = Latest()
        self._counted: Latest[Hashable, tuple[int, float]] = Latest()
        self._familiar: Latest[tuple[AccountId, str], None] = Latest()

    def refused(self, account: AccountId, digest: bytes) -> bool:
        """True for a password that was refused, and is not to be asked about again yet. `digest` stands for it."""
        known = self._refused.get((account, digest))
        return known is not None and trio.current_time() < known.until

    def allowed(self, account: AccountId, domain: str, group: str) -> bool:
        """Tell whether another password may be asked about for this address."""
        if self._count(("address", group)) >= OF_ADDRESS:
            return False
        if (account, group) in self._familiar:
            return self._count(("familiar", _mailbox(account), group)) < OF_FAMILIAR
        return self._count(("account", _mailbox(account))) < OF_ACCOUNT and self._count(("domain", domain)) < OF_DOMAIN

    def failed(self, account: AccountId, domain: str, group: str, digest: bytes) -> None:
        """Note that a password was refused."""
        before = self._refused.get((account, digest))
        times = before.times if before else 0
        again = AGAIN[min(times, len(AGAIN) - 1)]
        self._refused.note((account, digest), _Refused(times + 1, trio.current_time() + again))
        self.unclear(account, domain, group)

    def unclear(self, account: AccountId, domain: str, group: str) -> None:
        """Note that a server was given a password and did not say that it is right or wrong: some end the connection at
        a wrong one, or at any once they have locked the account.
        """
        self._add(("address", group))
        if (account, group) in self._familiar:
            self._add(("familiar", _mailbox(account), group))
        else:
            self._add(("account", _mailbox(account)))
            self._add(("domain", domain))

    def succeeded(self, account: AccountId, group: str, digest: bytes) -> None:
        """Note that a password was right, and from where it came."""
        self._refused.pop((account, digest), None)
        self._familiar.note((account, group), None)

    def _count(self, key: Hashable) -> int:
        number, since = self._counted.get(key, (0, 0.0))
        return number if trio.current_time() < since + WINDOW else 0

    def _add(self, key: Hashable) -> None:
        number = self._count(key)
        since = self._counted[key][1] if number else trio.current_time()
        self._counted.note(key, (number + 1, since))


def _mailbox(account: AccountId) -> str:
    """Give the same for whatever servers take for the same user: `ann+anything`, `a.n.n`, wide letters, invisible ones.
    Otherwise each way to write it would be good for some more guesses.
    """
    user, _, domain = account.rpartition("@")
    plain = unicodedata.normalize("NFKC", user.partition("+")[0]).casefold()
    seen = "".join(letter for letter in plain if letter != "." and unicodedata.category(letter) not in {"Cf", "Mn"})
    return f"{seen}@{domain}"


class Pace:
    """How long a refusal takes: as long as upstreams take to refuse, also where none was asked. `MARGIN` is more than
    what is done before they are asked, which differs: only where a password is remembered it is compared first.
    """

    MARGIN = 0.25
    SHORTEST = 0.5
    LONGEST = 5.0
    KEPT = 8

    def __init__(self) -> None:
        self._latest = [self.SHORTEST]

    def took(self, seconds: float) -> None:
        """Note how long an upstream took to refuse a password."""
        self._latest = [*self._latest[1 - self.KEPT :], min(max(seconds, self.SHORTEST), self.LONGEST)]

    @property
    def seconds(self) -> float:
        """How long a refusal is to take."""
        return max(self._latest) + self.MARGIN
