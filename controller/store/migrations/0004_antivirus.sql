CREATE TABLE antivirus_hosts (host_id TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE antivirus_inventory (number INTEGER PRIMARY KEY CHECK (number = 1), body BLOB NOT NULL);
