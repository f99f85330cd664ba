"""The part of the store that keeps secrets, each sealed for its own row."""

import sqlite3
from collections.abc import Sequence

from bridge.model.failures import SealBroken
from bridge.model.secret import Secret, SecretKind
from bridge.sealing import Sealer
from bridge.store.ledger import Ledger

_SAVE = (
    "INSERT INTO sealed_secrets(kind, owner, sealed, changed) VALUES (?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET sealed = excluded.sealed, changed = excluded.changed"
)
_LOAD = "SELECT sealed FROM sealed_secrets WHERE kind = ? AND owner = ?"
_FORGET = "DELETE FROM sealed_secrets WHERE kind = ? AND owner = ?"
_OWNERS = "SELECT owner, changed FROM sealed_secrets WHERE kind = ? ORDER BY owner"


class SecretStore(Ledger):
    """What has to be kept secret and be had again. As `Store` says of waiting and of failing.

    Until `use_keys` there is no key, and nothing can be kept or read.
    """

    _sealer = Sealer(())

    async def use_keys(self, keys: Sequence[Secret]) -> int:
        """Take the configuration's keys, the newest first, and seal again what an older one of them sealed; gives how
        many that were. What none of them opens stays as it is. With a StoreUnavailable the new keys are in use all the
        same.
        """
        sealer = self._sealer = Sealer(keys)
        return await self._write(lambda db: _seal_again(db, sealer)) if sealer.usable else 0

    @property
    def keeps_secrets(self) -> bool:
        """True where there is a key, so that `save_secret` can keep something."""
        return self._sealer.usable

    async def save_secret(self, kind: SecretKind, owner: str, secret: Secret) -> None:
        """Keep a secret, in place of the owner's earlier one. Raises `NoKey` without a key."""
        sealed = self._sealer.seal(secret, _row(kind, owner))
        await self._run(_SAVE, kind, owner, sealed, self._now())

    async def load_secret(self, kind: SecretKind, owner: str) -> Secret | None:
        """Give the owner's secret, or None. Raises `SealBroken` or `NoKey` for one that does not open."""
        found = await self._read(lambda db: db.execute(_LOAD, (kind, owner)).fetchone())
        return self._sealer.unseal(found[0], _row(kind, owner)) if found else None

    async def forget_secret(self, kind: SecretKind, owner: str) -> None:
        """Keep the owner's secret no longer."""
        await self._run(_FORGET, kind, owner)

    async def secret_owners(self, kind: SecretKind) -> dict[str, float]:
        """Give who has a secret of this kind, and since when, in Unix seconds; also those that do not open."""
        return dict(await self._read(lambda db: db.execute(_OWNERS, (kind,)).fetchall()))


def _row(kind: str, owner: str) -> str:
    return f"{kind}\0{owner}"


def _seal_again(db: sqlite3.Connection, sealer: Sealer) -> int:
    old = [
        (kind, owner, sealed)
        for kind, owner, sealed in db.execute("SELECT kind, owner, sealed FROM sealed_secrets").fetchall()
        if not sealer.current(sealed)
    ]
    return sum(_sealed_again(db, sealer, *one) for one in old)


def _sealed_again(db: sqlite3.Connection, sealer: Sealer, kind: str, owner: str, sealed: bytes) -> bool:
    try:
        secret = sealer.unseal(sealed, _row(kind, owner))
    except SealBroken:
        return False
    sql = "UPDATE sealed_secrets SET sealed = ? WHERE kind = ? AND owner = ?"
    db.execute(sql, (sealer.seal(secret, _row(kind, owner)), kind, owner))
    return True
