CREATE TABLE listings (
  listing_id TEXT PRIMARY KEY, subject TEXT NOT NULL, list_operator TEXT NOT NULL, component TEXT NOT NULL,
  state INTEGER NOT NULL, body BLOB NOT NULL);
CREATE INDEX listings_subject ON listings (subject);
CREATE INDEX listings_state ON listings (state);
CREATE TABLE blacklist_answers (
  subject TEXT NOT NULL, zone TEXT NOT NULL, verdict INTEGER NOT NULL, time_ms INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (subject, zone));
CREATE TABLE list_health (zone TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE blacklist_changes (
  sequence INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, subject TEXT NOT NULL, zone TEXT NOT NULL,
  incident_id TEXT NOT NULL, body BLOB NOT NULL);
CREATE INDEX blacklist_changes_subject ON blacklist_changes (subject);
CREATE TABLE quota_use (
  list_operator TEXT NOT NULL, day TEXT NOT NULL, used INTEGER NOT NULL, PRIMARY KEY (list_operator, day));
