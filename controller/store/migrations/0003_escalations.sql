CREATE TABLE alerts (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, event_key TEXT NOT NULL, fingerprint TEXT NOT NULL,
  receive_ms INTEGER NOT NULL, firing INTEGER NOT NULL, done INTEGER NOT NULL, ended INTEGER NOT NULL,
  escalation_id TEXT NOT NULL, note TEXT NOT NULL, body BLOB NOT NULL,
  UNIQUE (fingerprint, event_key));
CREATE INDEX alerts_undone ON alerts (sequence) WHERE done = 0;
CREATE INDEX alerts_escalation ON alerts (escalation_id) WHERE escalation_id <> '';
CREATE TABLE escalations (
  escalation_id TEXT PRIMARY KEY, is_open INTEGER NOT NULL, end_ms INTEGER NOT NULL, create_ms INTEGER NOT NULL,
  incident_id TEXT NOT NULL, request_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX escalations_open ON escalations (is_open, end_ms);
CREATE INDEX escalations_incident ON escalations (incident_id);
CREATE INDEX escalations_request ON escalations (request_id) WHERE request_id <> '';
CREATE TABLE alert_sources (name TEXT PRIMARY KEY, hash TEXT NOT NULL, body BLOB NOT NULL);
CREATE TABLE notices (
  sequence INTEGER PRIMARY KEY AUTOINCREMENT, notice_id TEXT NOT NULL UNIQUE, time_ms INTEGER NOT NULL,
  body BLOB NOT NULL);
CREATE TABLE notice_deliveries (
  notice_id TEXT NOT NULL, channel TEXT NOT NULL, sequence INTEGER NOT NULL, severity INTEGER NOT NULL,
  state INTEGER NOT NULL, tries INTEGER NOT NULL, next_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
  body BLOB NOT NULL, PRIMARY KEY (notice_id, channel));
-- State 0 waits, 1 is delivered, 2 is given up.
CREATE INDEX notice_deliveries_due ON notice_deliveries (channel, severity DESC, sequence) WHERE state = 0;
CREATE INDEX notice_deliveries_given_up ON notice_deliveries (end_ms) WHERE state = 2;
CREATE TABLE values_kept (name TEXT PRIMARY KEY, value TEXT NOT NULL);
-- Those that go on are few, and are asked for before every decision.
CREATE INDEX runs_running ON runs (start_ms) WHERE state = 1;
