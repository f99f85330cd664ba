"""The schema, by migrations. A migration that was released is never changed: a new one follows it."""

from sqlite_utils import Database, Migrations

migrations = Migrations("popbridge")

VERSION = 1
"""The schema this version writes, kept in `PRAGMA user_version`: raised with every migration."""

_FIRST = """
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE devices (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_login REAL, last_login REAL);
CREATE TABLE mailboxes (
  id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts(id), name TEXT NOT NULL,
  uidvalidity INTEGER, uidnext INTEGER, messages INTEGER, modseq INTEGER, listed_at REAL,
  UNIQUE (account, name));
CREATE TABLE selectors (
  account INTEGER NOT NULL REFERENCES accounts(id), selector TEXT NOT NULL,
  mailbox INTEGER NOT NULL REFERENCES mailboxes(id), PRIMARY KEY (account, selector)) WITHOUT ROWID;
CREATE TABLE device_sources (
  device INTEGER NOT NULL REFERENCES devices(id), mailbox INTEGER NOT NULL REFERENCES mailboxes(id),
  first_shown REAL, shown_to INTEGER, PRIMARY KEY (device, mailbox)) WITHOUT ROWID;
CREATE TABLE entries (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, uidl TEXT NOT NULL UNIQUE, first_seen REAL NOT NULL, gone_at REAL);
CREATE TABLE locations (
  id INTEGER PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entries(seq),
  mailbox INTEGER NOT NULL REFERENCES mailboxes(id), uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL,
  size INTEGER NOT NULL, measured INTEGER NOT NULL DEFAULT -1, date INTEGER NOT NULL,
  provider_identity TEXT NOT NULL DEFAULT '', content_identity TEXT NOT NULL DEFAULT '', gone_at REAL,
  UNIQUE (mailbox, uidvalidity, uid));
CREATE INDEX locations_by_entry ON locations(entry);
CREATE TABLE issued_ids (uidl TEXT PRIMARY KEY, entry INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE aliases (
  device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
  uidl TEXT NOT NULL, PRIMARY KEY (device, entry), UNIQUE (device, uidl));
CREATE TABLE receipts (
  device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
  sent_at REAL NOT NULL, acknowledged_at REAL, session TEXT NOT NULL, PRIMARY KEY (device, entry)) WITHOUT ROWID;
CREATE TABLE hides (
  device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
  hidden_at REAL NOT NULL, rule TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (device, entry)) WITHOUT ROWID;
CREATE TABLE intents (
  id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES devices(id),
  entry INTEGER NOT NULL REFERENCES entries(seq), mailbox INTEGER NOT NULL REFERENCES mailboxes(id),
  uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL, action TEXT NOT NULL, size INTEGER NOT NULL,
  message_id TEXT NOT NULL DEFAULT '', due REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL DEFAULT 'waiting', note TEXT NOT NULL DEFAULT '', session TEXT NOT NULL, made_at REAL NOT NULL);
CREATE INDEX intents_due ON intents(state, due);
CREATE TABLE sessions (
  id TEXT PRIMARY KEY, device INTEGER NOT NULL REFERENCES devices(id), peer TEXT NOT NULL, started REAL NOT NULL,
  ended REAL NOT NULL, retr INTEGER NOT NULL, top INTEGER NOT NULL, dele INTEGER NOT NULL,
  octets INTEGER NOT NULL, reason TEXT NOT NULL);
CREATE INDEX sessions_ended ON sessions(ended);
"""


@migrations()
def first_schema(db: Database) -> None:
    """Everything that the first release knows of, and the tables that later features fill."""
    for statement in _FIRST.split(";"):
        if statement.strip():
            db.execute(statement)
