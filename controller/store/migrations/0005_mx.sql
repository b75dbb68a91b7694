CREATE TABLE mx_switches (
  switch_id TEXT PRIMARY KEY, is_open INTEGER NOT NULL, create_ms INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX mx_switches_open ON mx_switches (is_open, create_ms);
-- A row each: a switch of many domains writes each of them twice.
CREATE TABLE mx_records (
  switch_id TEXT NOT NULL, position INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (switch_id, position)) WITHOUT ROWID;
