"""The part of the store that keeps what servers were used for, and what they refused."""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Mapping
from functools import partial

from bridge.model.names import AccountId
from bridge.model.secret import Secret
from bridge.model.upkeep import Hours, Refusal, Used
from bridge.store.ledger import Ledger
from bridge.store.rows import account_row

KEPT_HOURS = 48
"""Of what was used: a day and what a clock that is put right may be off."""

SALT_OCTETS = 16
COST, BLOCK, PARALLEL = 2**14, 8, 1
"""Of scrypt, as for the passwords of devices: a password that was refused is often nearly the right one."""

_ADD = (
    "INSERT INTO upstream_usage(account, hour, octets, connections) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET octets = octets + excluded.octets, connections = connections + excluded.connections"
)
_USED = (
    "SELECT a.name, u.hour, u.octets, u.connections FROM upstream_usage u JOIN accounts a ON a.id = u.account"
    " WHERE u.hour > ?"
)
_REFUSED = (
    "SELECT r.salt, r.digest, r.definite, r.tries, r.at, r.sentence FROM refusals r"
    " JOIN accounts a ON a.id = r.account WHERE a.name = ?"
)
_KEEP = (
    "INSERT INTO refusals(account, salt, digest, definite, tries, at, sentence) VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET salt = excluded.salt, digest = excluded.digest, definite = excluded.definite,"
    " tries = excluded.tries, at = excluded.at, sentence = excluded.sentence"
)
_FORGET = "DELETE FROM refusals WHERE account = (SELECT id FROM accounts WHERE name = ?)"


class UpkeepStore(Ledger):
    """What is kept of accounts' servers. As `Store` says of waiting and of failing."""

    async def load_usage(self, since: int) -> dict[AccountId, dict[int, Used]]:
        """Give what was used of each account's server in each hour after `since`, in hours since 1970."""
        found: dict[AccountId, dict[int, Used]] = {}
        for account, hour, octets, connections in await self._read(lambda db: db.execute(_USED, (since,)).fetchall()):
            found.setdefault(AccountId(account), {})[hour] = Used(octets, connections)
        return found

    async def add_usage(self, used: Mapping[AccountId, Hours]) -> None:
        """Add to what was used, for all accounts at once, and drop what is older than two days."""
        oldest = int(self._now() // 3600) - KEPT_HOURS

        def unit(db: sqlite3.Connection) -> None:
            for account, hours in used.items():
                row = account_row(db, account)
                db.executemany(_ADD, [(row, hour, *each) for hour, each in hours.items()])
            db.execute("DELETE FROM upstream_usage WHERE hour <= ?", (oldest,))

        await self._write(unit)

    async def save_refusal(self, account: AccountId, credential: Secret, refusal: Refusal) -> None:
        """Keep that a server refused a credential, of which only a slow digest is kept, in place of an earlier one."""
        salt = secrets.token_bytes(SALT_OCTETS)
        digest = await self._runner(partial(_digest, credential, salt))
        told = (refusal.definite, refusal.tries, refusal.at, refusal.sentence)
        await self._write(lambda db: db.execute(_KEEP, (account_row(db, account), salt, digest, *told)))

    async def load_refusal(self, account: AccountId, credential: Secret) -> Refusal | None:
        """Give what is kept of this very credential of the account; of another one nothing is kept any more then."""
        found = await self._read(lambda db: db.execute(_REFUSED, (account,)).fetchone())
        if found is None:
            return None
        salt, digest, definite, *told = found
        if hmac.compare_digest(await self._runner(partial(_digest, credential, salt)), digest):
            return Refusal(bool(definite), *told)
        await self.forget_refusal(account)
        return None

    async def forget_refusal(self, account: AccountId) -> None:
        """Keep nothing against an account's credential."""
        await self._run(_FORGET, account)


def _digest(credential: Secret, salt: bytes) -> bytes:
    octets = credential.reveal().encode("utf-8", "surrogateescape")
    return hashlib.scrypt(octets, salt=salt, n=COST, r=BLOCK, p=PARALLEL, dklen=32, maxmem=2**26)
