-- The state tables. "zohosync_" is replaced by the configured prefix. Times are UTC texts.

CREATE TABLE zohosync_sync_state (
    connection TEXT NOT NULL,
    stream TEXT NOT NULL,
    target TEXT NOT NULL,
    org TEXT,
    mode TEXT,
    anchor TEXT,
    high_water_mark TEXT,
    deletes_mark TEXT,
    consistent_as_of TEXT,
    scan TEXT,
    -- The name of an index that vanishes with the table: SQLite has no lasting table ids.
    table_id TEXT,
    mapping_hash TEXT,
    generation INTEGER NOT NULL DEFAULT 1,
    last_attempt_at TEXT,
    last_success_at TEXT,
    status TEXT NOT NULL DEFAULT 'never' CHECK (status IN ('never', 'ok', 'backoff', 'denied', 'blocked')),
    rows_upserted INTEGER NOT NULL DEFAULT 0,
    rows_unchanged INTEGER NOT NULL DEFAULT 0,
    rows_deleted INTEGER NOT NULL DEFAULT 0,
    consecutive_failures INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    verified_at TEXT,
    verify_missing INTEGER,
    verify_extra INTEGER,
    verify_differing INTEGER,
    PRIMARY KEY (connection, stream, target)
) WITHOUT ROWID;

CREATE TABLE zohosync_sync_runs (
    run INTEGER PRIMARY KEY,
    connection TEXT NOT NULL,
    stream TEXT NOT NULL,
    target TEXT NOT NULL,
    mode TEXT,
    finished_at TEXT NOT NULL,
    took_ms INTEGER NOT NULL,
    pages INTEGER NOT NULL,
    requests INTEGER NOT NULL,
    rows_read INTEGER NOT NULL,
    rows_inserted INTEGER NOT NULL,
    rows_updated INTEGER NOT NULL,
    rows_unchanged INTEGER NOT NULL,
    rows_deleted INTEGER NOT NULL,
    rows_quarantined INTEGER NOT NULL,
    high_water_mark TEXT
);
CREATE INDEX zohosync_sync_runs_finished_at ON zohosync_sync_runs (finished_at);

CREATE TABLE zohosync_columns (
    target TEXT NOT NULL,
    column_name TEXT NOT NULL,
    api_name TEXT NOT NULL,
    label TEXT NOT NULL,
    field_id TEXT NOT NULL,
    data_type TEXT NOT NULL,
    column_type TEXT NOT NULL,
    adopted INTEGER NOT NULL,
    added_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    retired_at TEXT,
    PRIMARY KEY (target, api_name),
    UNIQUE (target, column_name)
) WITHOUT ROWID;

CREATE TABLE zohosync_quarantine (
    target TEXT NOT NULL,
    id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL,
    seen_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    PRIMARY KEY (target, id, reason)
) WITHOUT ROWID;

-- Rows that were absent from the last complete walk of a full refresh, and not from the one before.
CREATE TABLE zohosync_absent (
    target TEXT NOT NULL,
    id INTEGER NOT NULL,
    PRIMARY KEY (target, id)
) WITHOUT ROWID;

CREATE TABLE zohosync_lease (
    connection TEXT PRIMARY KEY,
    epoch INTEGER NOT NULL,
    holder TEXT,
    session_bound INTEGER NOT NULL DEFAULT 0,
    acquired_at TEXT,
    beat_at INTEGER
) WITHOUT ROWID;

CREATE TABLE zohosync_credits (
    connection TEXT NOT NULL,
    minute INTEGER NOT NULL,
    credits INTEGER NOT NULL,
    PRIMARY KEY (connection, minute)
) WITHOUT ROWID;

CREATE TABLE zohosync_token_requests (
    connection TEXT NOT NULL,
    requested_at TEXT NOT NULL
);
CREATE INDEX zohosync_token_requests_recent ON zohosync_token_requests (connection, requested_at);

CREATE VIEW zohosync_status AS
SELECT connection,
       stream,
       target,
       status,
       CAST(strftime('%s', 'now') AS INTEGER) - CAST(strftime('%s', consistent_as_of) AS INTEGER) AS freshness_seconds,
       high_water_mark,
       consistent_as_of,
       rows_upserted,
       rows_unchanged,
       rows_deleted,
       last_attempt_at,
       last_success_at,
       consecutive_failures,
       last_error
FROM zohosync_sync_state;
