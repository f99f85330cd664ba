-- A database of schema 1, as the first release wrote it. Never changed: later migrations are tested against it.
BEGIN TRANSACTION;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
INSERT INTO "_sqlite_migrations" VALUES(1,'popbridge','first_schema','2026-11-24 08:13:41.555306+00:00');
CREATE TABLE accounts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
INSERT INTO "accounts" VALUES(1,'family');
CREATE TABLE aliases (
      device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
      uidl TEXT NOT NULL, PRIMARY KEY (device, entry), UNIQUE (device, uidl)) WITHOUT ROWID;
CREATE TABLE device_sources (
      device INTEGER NOT NULL REFERENCES devices(id), mailbox INTEGER NOT NULL REFERENCES mailboxes(id),
      first_shown REAL, shown_to INTEGER, PRIMARY KEY (device, mailbox)) WITHOUT ROWID;
CREATE TABLE devices (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, first_login REAL, last_login REAL);
INSERT INTO "devices" VALUES(1,'fax',7.0,7.0);
INSERT INTO "devices" VALUES(2,'den',NULL,NULL);
CREATE TABLE entries (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, uidl TEXT NOT NULL, first_seen REAL NOT NULL, gone_at REAL);
INSERT INTO "entries" VALUES(1,'7c463f4ee5b08bf84b3f5f9dbad6f2ef',1000.0,NULL);
INSERT INTO "entries" VALUES(2,'d058145597f9c266d9145ae426ecaae9',1000.0,NULL);
INSERT INTO "entries" VALUES(3,'aa2572067d9f6102bdc585272746cb66',1000.0,1000.0);
INSERT INTO "entries" VALUES(4,'5f39ca104cedbb155361cc14b6337cc7',1000.0,NULL);
CREATE TABLE hides (
      device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
      hidden_at REAL NOT NULL, rule TEXT NOT NULL, session TEXT NOT NULL, PRIMARY KEY (device, entry)) WITHOUT ROWID;
INSERT INTO "hides" VALUES(1,1,9.0,'delete','s1');
CREATE TABLE intents (
      id INTEGER PRIMARY KEY, device INTEGER NOT NULL REFERENCES devices(id),
      entry INTEGER NOT NULL REFERENCES entries(seq), mailbox INTEGER NOT NULL REFERENCES mailboxes(id),
      uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL, action TEXT NOT NULL, size INTEGER NOT NULL,
      message_id TEXT NOT NULL DEFAULT '', copied TEXT NOT NULL DEFAULT '', due REAL NOT NULL,
      tries INTEGER NOT NULL DEFAULT 0, state TEXT NOT NULL DEFAULT 'waiting', note TEXT NOT NULL DEFAULT '',
      session TEXT NOT NULL, made_at REAL NOT NULL, settled_at REAL);
INSERT INTO "intents" VALUES(1,1,1,1,1,1,'trash',101,'<one@example.org>','',99.0,0,'waiting','','s1',9.0,NULL);
CREATE TABLE issued_ids (
      uidl TEXT PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entries(seq)) WITHOUT ROWID;
INSERT INTO "issued_ids" VALUES('5f39ca104cedbb155361cc14b6337cc7',4);
INSERT INTO "issued_ids" VALUES('7c463f4ee5b08bf84b3f5f9dbad6f2ef',1);
INSERT INTO "issued_ids" VALUES('aa2572067d9f6102bdc585272746cb66',3);
INSERT INTO "issued_ids" VALUES('d058145597f9c266d9145ae426ecaae9',2);
CREATE TABLE locations (
      id INTEGER PRIMARY KEY, entry INTEGER NOT NULL REFERENCES entries(seq),
      mailbox INTEGER NOT NULL REFERENCES mailboxes(id), uidvalidity INTEGER NOT NULL, uid INTEGER NOT NULL,
      size INTEGER NOT NULL, measured INTEGER NOT NULL DEFAULT -1, date INTEGER NOT NULL,
      provider_identity TEXT NOT NULL DEFAULT '', content_identity TEXT NOT NULL DEFAULT '', gone_at REAL);
INSERT INTO "locations" VALUES(1,1,1,1,1,101,101,1700000001,'','',NULL);
INSERT INTO "locations" VALUES(2,2,1,1,2,102,-1,1700000002,'','',NULL);
INSERT INTO "locations" VALUES(3,3,1,1,3,103,-1,1700000003,'','',1000.0);
INSERT INTO "locations" VALUES(4,4,2,1,1,101,-1,1700000001,'','',NULL);
CREATE TABLE mailboxes (
      id INTEGER PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts(id), name TEXT NOT NULL,
      uidvalidity INTEGER, uidnext INTEGER, messages INTEGER, modseq INTEGER, listed_at REAL,
      UNIQUE (account, name));
INSERT INTO "mailboxes" VALUES(1,1,'INBOX',1,4,3,7,1000.0);
INSERT INTO "mailboxes" VALUES(2,1,'Jünk',1,NULL,NULL,NULL,NULL);
CREATE TABLE receipts (
      device INTEGER NOT NULL REFERENCES devices(id), entry INTEGER NOT NULL REFERENCES entries(seq),
      announced_at REAL, sent_at REAL, acknowledged_at REAL, session TEXT NOT NULL,
      PRIMARY KEY (device, entry)) WITHOUT ROWID;
INSERT INTO "receipts" VALUES(1,1,NULL,9.0,9.0,'s1');
INSERT INTO "receipts" VALUES(1,2,NULL,9.0,9.0,'s1');
CREATE TABLE selectors (
      account INTEGER NOT NULL REFERENCES accounts(id), selector TEXT NOT NULL,
      mailbox INTEGER NOT NULL REFERENCES mailboxes(id), PRIMARY KEY (account, selector)) WITHOUT ROWID;
INSERT INTO "selectors" VALUES(1,'\Junk',2);
CREATE TABLE sessions (
      id INTEGER PRIMARY KEY, session TEXT NOT NULL, device INTEGER NOT NULL REFERENCES devices(id),
      peer TEXT NOT NULL, started REAL NOT NULL, ended REAL NOT NULL, retr INTEGER NOT NULL, top INTEGER NOT NULL,
      dele INTEGER NOT NULL, octets INTEGER NOT NULL, reason TEXT NOT NULL);
INSERT INTO "sessions" VALUES(1,'s1',1,'192.168.1.20:4711',7.0,9.0,3,1,2,4096,'quit');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX locations_live ON locations(mailbox, uidvalidity, uid) WHERE gone_at IS NULL;
CREATE INDEX locations_gone ON locations(mailbox, uidvalidity, uid) WHERE gone_at IS NOT NULL;
CREATE INDEX locations_by_entry ON locations(entry);
CREATE INDEX locations_by_provider ON locations(provider_identity) WHERE provider_identity <> '';
CREATE INDEX locations_by_content ON locations(content_identity) WHERE content_identity <> '';
CREATE TRIGGER issued_ids_stay BEFORE DELETE ON issued_ids
       BEGIN SELECT RAISE(ABORT, 'an issued unique-id is kept for ever'); END;
CREATE TRIGGER issued_ids_keep_their_entry BEFORE UPDATE ON issued_ids
       BEGIN SELECT RAISE(ABORT, 'an issued unique-id names one entry for ever'); END;
CREATE TRIGGER entries_keep_their_id BEFORE UPDATE OF seq, uidl ON entries
       BEGIN SELECT RAISE(ABORT, 'an entry keeps its unique-id for ever'); END;
CREATE INDEX intents_due ON intents(state, due);
CREATE INDEX sessions_by_device ON sessions(device, ended);
CREATE INDEX sessions_by_age ON sessions(ended);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('entries',4);
COMMIT;
PRAGMA user_version = 1;
