CREATE TABLE hosts (
  host_id TEXT PRIMARY KEY, name TEXT NOT NULL, state INTEGER NOT NULL, serial TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE tokens (
  token_id TEXT PRIMARY KEY, secret_hash TEXT NOT NULL, labels TEXT NOT NULL, expire_ms INTEGER NOT NULL,
  created_by TEXT NOT NULL, revoked INTEGER NOT NULL, key_fingerprint TEXT NOT NULL,
  certificate_pem TEXT NOT NULL, host_id TEXT NOT NULL);
CREATE TABLE runs (
  run_id TEXT PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, incident_id TEXT NOT NULL, state INTEGER NOT NULL,
  start_ms INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX runs_incident ON runs (incident_id);
CREATE TABLE run_steps (
  run_id TEXT NOT NULL, host_id TEXT NOT NULL, step INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (run_id, host_id, step)) WITHOUT ROWID;
CREATE TABLE commands (
  command_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, host_id TEXT NOT NULL, step INTEGER NOT NULL,
  sent_to TEXT NOT NULL, outside INTEGER NOT NULL, sent INTEGER NOT NULL, answered INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX commands_run ON commands (run_id);
CREATE INDEX commands_open ON commands (sent_to) WHERE sent = 1 AND answered = 0;
CREATE TABLE incidents (
  incident_id TEXT PRIMARY KEY, request_id TEXT NOT NULL UNIQUE, state INTEGER NOT NULL, open_ms INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE obligations (
  obligation_id TEXT PRIMARY KEY, incident_id TEXT NOT NULL, host_id TEXT NOT NULL, state INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX obligations_incident ON obligations (incident_id);
CREATE INDEX obligations_host ON obligations (host_id);
CREATE TABLE quarantines (
  host_id TEXT NOT NULL, quarantine_id TEXT NOT NULL, incident_id TEXT NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (host_id, quarantine_id));
CREATE TABLE audit (
  sequence INTEGER PRIMARY KEY, time_ns TEXT NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
  detail TEXT NOT NULL, previous_hash TEXT NOT NULL, hash TEXT NOT NULL);
