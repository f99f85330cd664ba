"""The schema, by migrations. A migration that was released is never changed: a new one follows it.

Each migration ends by setting `PRAGMA user_version` to its own number, in its own transaction, so that what a database
says of itself is always true. It is written in SQL and not with a table builder, because partial indexes, triggers and
`WITHOUT ROWID` are where the promises are kept.
"""

from sqlite_utils import Database, Migrations

migrations = Migrations("popbridge")

VERSION = 1
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
