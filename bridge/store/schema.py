"""The schema, by migrations. A migration that was released is never changed: a new one follows it.

Each migration ends by setting `PRAGMA user_version` to its own number, in its own transaction, so that what a database
says of itself is always true. It is written in SQL and not with a table builder, because partial indexes, triggers and
`WITHOUT ROWID` are where the promises are kept.
"""

from sqlite_utils import Database, Migrations

migrations = Migrations("popbridge")

VERSION = 5
"""The schema this version writes, kept in `PRAGMA user_version`: raised with every migration."""

_PLACES = (
    "CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    "CREATE TABLE devices (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_login REAL, last_login REAL)",
    # `listed_at` is NULL until the mailbox was listed whole; the numbers are what the server said then.
    """CREATE TABLE mailboxes (
      id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts(id), name TEXT NOT NULL,
      uidvalidity INTEGER, uidnext INTEGER, messages INTEGER, modseq INTEGER, listed_at REAL,
      UNIQUE (account, name))""",
    """CREATE TABLE selectors (
      account INTEGER NOT NULL REFERENCES accounts(id), selector TEXT NOT NULL,
      mailbox INTEGER NOT NULL REFERENCES mailboxes(id), PRIMARY KEY (account, selector)) WITHOUT ROWID""",
    """CREATE TABLE device_sources (
      device INTEGER NOT NULL REFERENCES devices(id), mailbox INTEGER NOT NULL REFERENCES mailboxes(id),
      first_shown REAL, shown_to INTEGER, PRIMARY KEY (device, mailbox)) WITHOUT ROWID""",
)

_MESSAGES = (
    """CREATE TABLE entries (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, uidl TEXT NOT NULL, first_seen REAL NOT NULL, gone_at REAL)""",
    """CREATE TABLE locations (
      id INTEGER PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entries(seq),
      mailbox INTEGER NOT NULL REFERENCES mailboxes(id), uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL,
      size INTEGER NOT NULL, measured INTEGER NOT NULL DEFAULT -1, date INTEGER NOT NULL,
      provider_identity TEXT NOT NULL DEFAULT '', content_identity TEXT NOT NULL DEFAULT '', gone_at REAL)""",
    # One message at a place at a time; what was there before is kept, for what is vanished may come back.
    "CREATE UNIQUE INDEX locations_live ON locations(mailbox, uidvalidity, uid) WHERE gone_at IS NULL",
    "CREATE INDEX locations_gone ON locations(mailbox, uidvalidity, uid) WHERE gone_at IS NOT NULL",
    "CREATE INDEX locations_by_entry ON locations(entry)",
    "CREATE INDEX locations_by_provider ON locations(provider_identity) WHERE provider_identity <> ''",
    "CREATE INDEX locations_by_content ON locations(content_identity) WHERE content_identity <> ''",
    """CREATE TABLE issued_ids (
      uidl TEXT PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entries(seq)) WITHOUT ROWID""",
    """CREATE TABLE aliases (
      device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
      uidl TEXT NOT NULL, PRIMARY KEY (device, entry), UNIQUE (device, uidl)) WITHOUT ROWID""",
)

# No line of code can hand a unique-id on, or forget that it was issued.
_KEPT_FOR_EVER = (
    """CREATE TRIGGER issued_ids_stay BEFORE DELETE ON issued_ids
       BEGIN SELECT RAISE(ABORT, 'an issued unique-id is kept for ever'); END""",
    """CREATE TRIGGER issued_ids_keep_their_entry BEFORE UPDATE ON issued_ids
       BEGIN SELECT RAISE(ABORT, 'an issued unique-id names one entry for ever'); END""",
    """CREATE TRIGGER entries_keep_their_id BEFORE UPDATE OF seq, uidl ON entries
       BEGIN SELECT RAISE(ABORT, 'an entry keeps its unique-id for ever'); END""",
)

_DEVICES = (
    """CREATE TABLE receipts (
      device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
      announced_at REAL, sent_at REAL, acknowledged_at REAL, session TEXT NOT NULL,
      PRIMARY KEY (device, entry)) WITHOUT ROWID""",
    """CREATE TABLE hides (
      device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
      hidden_at REAL NOT NULL, rule TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (device, entry)) WITHOUT ROWID""",
    # `copied` is where a COPY put the message (its COPYUID): after a crash the action goes on from there.
    """CREATE TABLE intents (
      id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES devices(id),
      entry INTEGER NOT NULL REFERENCES entries(seq), mailbox INTEGER NOT NULL REFERENCES mailboxes(id),
      uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL, action TEXT NOT NULL, size INTEGER NOT NULL,
      message_id TEXT NOT NULL DEFAULT '', copied TEXT NOT NULL DEFAULT '', due REAL NOT NULL,
      tries INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting', note TEXT NOT NULL DEFAULT '',
      session TEXT NOT NULL, made_at REAL NOT NULL, settled_at REAL)""",
    "CREATE INDEX intents_due ON intents(state, due)",
    # A session's name is for people and short: two sessions may share one in a history of months.
    """CREATE TABLE sessions (
      id INTEGER PRIMARY KEY, session TEXT NOT NULL, device INTEGER NOT NULL REFERENCES devices(id),
      peer TEXT NOT NULL, started REAL NOT NULL, ended REAL NOT NULL, retr INTEGER NOT NULL, top INTEGER NOT NULL,
      dele INTEGER NOT NULL, octets INTEGER NOT NULL, reason TEXT NOT NULL)""",
    "CREATE INDEX sessions_by_device ON sessions(device, ended)",
    "CREATE INDEX sessions_by_age ON sessions(ended)",
)


@migrations()
def first_schema(db: Database) -> None:
    """Everything that the first release knows of, and the tables that later features fill."""
    for statement in _PLACES + _MESSAGES + _KEPT_FOR_EVER + _DEVICES:
        db.execute(statement)
    db.execute("PRAGMA user_version = 1")


_PER_DEVICE = (
    # `position` is an entry's place in the device's order, for ever; `date` is what a window goes by.
    "ALTER TABLE receipts ADD COLUMN position INTEGER",
    "ALTER TABLE receipts ADD COLUMN date INTEGER",
    "ALTER TABLE receipts ADD COLUMN announced_in TEXT",
    "CREATE UNIQUE INDEX receipts_in_order ON receipts(device, position) WHERE position IS NOT NULL",
    """CREATE TABLE duplicates (
      device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
      original INTEGER NOT NULL REFERENCES entries(seq), PRIMARY KEY (device, entry)) WITHOUT ROWID""",
    "ALTER TABLE intents ADD COLUMN content TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE intents ADD COLUMN when_all INTEGER NOT NULL DEFAULT 0",
    # The intent that carries out what the devices agreed on with this vote, 0 for nothing; NULL while they have not.
    "ALTER TABLE intents ADD COLUMN agreed INTEGER",
    # Where an action put the message, as its server told.
    "ALTER TABLE intents ADD COLUMN target TEXT",
    "ALTER TABLE intents ADD COLUMN target_uidvalidity INTEGER",
    "ALTER TABLE intents ADD COLUMN target_uid INTEGER",
    # Sessions whose hides were taken back: they count when the last so many are undone, so that undoing twice is once.
    """CREATE TABLE undone (
      device INTEGER NOT NULL REFERENCES devices(id), at REAL NOT NULL, session TEXT NOT NULL,
      PRIMARY KEY (device, at, session)) WITHOUT ROWID""",
    "CREATE INDEX intents_by_device ON intents(device, state)",
    "CREATE INDEX intents_by_entry ON intents(entry, state)",
)

_PER_ACCOUNT = (
    "ALTER TABLE locations ADD COLUMN subject INTEGER NOT NULL DEFAULT -1",
    "CREATE INDEX entries_gone ON entries(gone_at) WHERE gone_at IS NOT NULL",
    """CREATE TABLE suspicions (
      mailbox INTEGER PRIMARY KEY REFERENCES mailboxes(id), since REAL NOT NULL, missing INTEGER NOT NULL,
      known INTEGER NOT NULL, accepted REAL NOT NULL DEFAULT 0)""",
    # What is known of the database as a whole: `generation`, `restored`.
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID",
)

# Under the first schema a mailbox that was being listed anew had messages under two UIDVALIDITYs, and what was begun
# showed nowhere; from now on whatever lives is listed.
_BEGUN_BEFORE = (
    """UPDATE locations SET gone_at = (SELECT first_seen FROM entries WHERE seq = entry) WHERE gone_at IS NULL
       AND uidvalidity <> (SELECT uidvalidity FROM mailboxes WHERE id = mailbox AND listed_at IS NOT NULL)""",
    """UPDATE entries SET gone_at = first_seen WHERE gone_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM locations WHERE entry = seq AND gone_at IS NULL)""",
)

# Under the first schema a device was shown its mailboxes whole, in first-seen order, and nothing was written down of
# it. A mailbox of which it fetched or deleted something is one that it was shown: what was there at its last login has
# its place, so that neither order nor a rule of today takes away what it was shown.
_SHOWN_BEFORE = (
    """INSERT INTO device_sources(device, mailbox, first_shown)
       SELECT DISTINCT d.id, l.mailbox, d.first_login FROM devices d
       JOIN (SELECT device, entry FROM receipts UNION SELECT device, entry FROM hides) known ON known.device = d.id
       JOIN locations l ON l.entry = known.entry WHERE d.first_login IS NOT NULL ON CONFLICT DO NOTHING""",
    """INSERT INTO receipts(device, entry, announced_at, session)
       SELECT s.device, l.entry, d.last_login, '' FROM device_sources s JOIN devices d ON d.id = s.device
       JOIN mailboxes m ON m.id = s.mailbox AND m.listed_at IS NOT NULL
       JOIN locations l ON l.mailbox = m.id AND l.uidvalidity = m.uidvalidity AND l.gone_at IS NULL
       JOIN entries e ON e.seq = l.entry WHERE e.first_seen <= d.last_login ON CONFLICT DO NOTHING""",
    """INSERT INTO receipts(device, entry, announced_at, session)
       SELECT device, entry, hidden_at, session FROM hides WHERE true ON CONFLICT DO NOTHING""",
    """UPDATE receipts SET announced_at = coalesce(announced_at, sent_at), announced_in = nullif(session, ''),
       position = ranked.position,
       date = (SELECT max(date) FROM locations WHERE locations.entry = receipts.entry)
       FROM (SELECT device, entry, row_number() OVER (PARTITION BY device ORDER BY entry) - 1 AS position FROM receipts)
       AS ranked WHERE ranked.device = receipts.device AND ranked.entry = receipts.entry""",
)


@migrations()
def one_maildrop_of_many_mailboxes(db: Database) -> None:
    """What each device was shown and in which order, copies, votes, suspicions, and where actions put messages."""
    for statement in _PER_DEVICE + _PER_ACCOUNT + _BEGUN_BEFORE + _SHOWN_BEFORE:
        db.execute(statement)
    db.execute("PRAGMA user_version = 2")


_SPOOL = (
    # Which file has an entry's octets: `digest`, their SHA-256, is its name. Several entries may have one file.
    """CREATE TABLE spool (
      entry INTEGER PRIMARY KEY REFERENCES entries(seq), account INTEGER NOT NULL REFERENCES accounts(id),
      digest BLOB NOT NULL, octets INTEGER NOT NULL, stored_at REAL NOT NULL)""",
    "CREATE INDEX spool_by_digest ON spool(digest)",
    "CREATE INDEX spool_by_age ON spool(account, stored_at)",
)


@migrations()
def messages_on_disk(db: Database) -> None:
    """Which messages are spooled."""
    for statement in _SPOOL:
        db.execute(statement)
    db.execute("PRAGMA user_version = 3")


@migrations()
def sealed_secrets(db: Database) -> None:
    """Secrets that have to be kept, each sealed for its own row."""
    db.execute(
        """CREATE TABLE sealed_secrets (
          kind TEXT NOT NULL, owner TEXT NOT NULL, sealed BLOB NOT NULL, changed REAL NOT NULL,
          PRIMARY KEY (kind, owner)) WITHOUT ROWID"""
    )
    db.execute("PRAGMA user_version = 4")


_SERVERS = (
    # What was used of an account's server, by hours since 1970.
    """CREATE TABLE upstream_usage (
      account INTEGER NOT NULL REFERENCES accounts(id), hour INTEGER NOT NULL, octets INTEGER NOT NULL,
      connections INTEGER NOT NULL, PRIMARY KEY (account, hour)) WITHOUT ROWID""",
    # `digest` is a slow one, of server, user and password: whether it was these that were refused.
    """CREATE TABLE refusals (
      account INTEGER PRIMARY KEY REFERENCES accounts(id), salt BLOB NOT NULL, digest BLOB NOT NULL,
      definite INTEGER NOT NULL, tries INTEGER NOT NULL, at REAL NOT NULL, sentence TEXT NOT NULL)""",
)


@migrations()
def servers_over_restarts(db: Database) -> None:
    """How much of each server was used, and which passwords were refused."""
    for statement in _SERVERS:
        db.execute(statement)
    db.execute("PRAGMA user_version = 5")
