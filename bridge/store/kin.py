"""Which messages were copies of others that are gone by now."""

import json
import sqlite3
from collections.abc import Sequence

from bridge.model.devices import Kin
from bridge.model.names import DeviceId, EntrySeq
from bridge.store.rows import known_device

# A copy lay in another mailbox while its original was there. By what identities say, as where copies are looked for
# among what is there: the provider's within an account, the content's where it holds a Message-ID.
_KIN = (
    "SELECT c.entry, o.entry, max(cm.account = om.account) FROM json_each(?1) asked"
    " CROSS JOIN locations c ON c.entry = asked.value AND c.gone_at IS NULL"
    " CROSS JOIN locations o ON {same} AND o.mailbox <> c.mailbox AND o.entry <> c.entry"
    " JOIN entries copy ON copy.seq = c.entry JOIN entries original ON original.seq = o.entry"
    " AND original.gone_at >= copy.first_seen"
    " JOIN receipts r ON r.device = ?2 AND r.entry = o.entry AND r.position IS NOT NULL"
    " JOIN mailboxes cm ON cm.id = c.mailbox JOIN mailboxes om ON om.id = o.mailbox WHERE {condition}"
    " GROUP BY c.entry, o.entry"
)
_BY_PROVIDER = _KIN.format(
    same="o.provider_identity = c.provider_identity AND o.provider_identity <> ''",
    condition="cm.account = om.account",
)
_BY_CONTENT = _KIN.format(
    same="o.content_identity = c.content_identity AND o.content_identity <> ''",
    condition="substr(c.content_identity, 1, 1) = 'm' AND (cm.account <> om.account OR o.provider_identity = ''"
    " OR c.provider_identity = '' OR o.provider_identity = c.provider_identity)",
)


def kin(db: sqlite3.Connection, name: DeviceId, seqs: Sequence[EntrySeq]) -> list[Kin]:
    """Give those of these entries that were copies of what a device was shown, with it."""
    device = known_device(db, name)
    asked = (json.dumps(seqs), device)
    found = {row for sql in (_BY_PROVIDER, _BY_CONTENT) for row in db.execute(sql, asked)}
    return [Kin(EntrySeq(copy), EntrySeq(original), bool(near)) for copy, original, near in sorted(found)]
