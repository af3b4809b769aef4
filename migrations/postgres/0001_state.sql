-- The state schema. Runs with search_path set to it, so names are not qualified.

CREATE TABLE sync_state (
    connection text NOT NULL,
    stream text NOT NULL,
    target text NOT NULL,
    org text,
    mode text,
    anchor timestamptz,
    high_water_mark timestamptz,
    deletes_mark timestamptz,
    consistent_as_of timestamptz,
    scan jsonb,
    table_id oid,
    mapping_hash text,
    generation bigint NOT NULL DEFAULT 1,
    last_attempt_at timestamptz,
    last_success_at timestamptz,
    status text NOT NULL DEFAULT 'never' CHECK (status IN ('never', 'ok', 'backoff', 'denied', 'blocked')),
    rows_upserted bigint NOT NULL DEFAULT 0,
    rows_unchanged bigint NOT NULL DEFAULT 0,
    rows_deleted bigint NOT NULL DEFAULT 0,
    consecutive_failures int NOT NULL DEFAULT 0,
    last_error text,
    verified_at timestamptz,
    verify_missing bigint,
    verify_extra bigint,
    verify_differing bigint,
    -- Drawn anew by every commit: after a lost reply to COMMIT it tells whether the commit happened.
    commit_id bigint,
    PRIMARY KEY (connection, stream, target)
) WITH (fillfactor = 50);
COMMENT ON TABLE sync_state IS 'zohosyncd: one row per stream; its marks vouch for the rows of its target';

CREATE TABLE sync_runs (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection text NOT NULL,
    stream text NOT NULL,
    target text NOT NULL,
    mode text,
    finished_at timestamptz NOT NULL DEFAULT now(),
    took interval NOT NULL,
    pages bigint NOT NULL,
    requests bigint NOT NULL,
    rows_read bigint NOT NULL,
    rows_inserted bigint NOT NULL,
    rows_updated bigint NOT NULL,
    rows_unchanged bigint NOT NULL,
    rows_deleted bigint NOT NULL,
    rows_quarantined bigint NOT NULL,
    high_water_mark timestamptz
);
CREATE INDEX sync_runs_finished_at ON sync_runs (finished_at);

CREATE TABLE columns (
    target text NOT NULL,
    column_name text NOT NULL,
    api_name text NOT NULL,
    label text NOT NULL,
    field_id text NOT NULL,
    data_type text NOT NULL,
    column_type text NOT NULL,
    adopted boolean NOT NULL,
    added_at timestamptz NOT NULL DEFAULT now(),
    retired_at timestamptz,
    PRIMARY KEY (target, api_name),
    UNIQUE (target, column_name)
);
COMMENT ON TABLE columns IS 'zohosyncd: which column holds which Zoho field; a name once given stays';

CREATE TABLE quarantine (
    target text NOT NULL,
    id bigint NOT NULL,
    reason text NOT NULL,
    body text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (target, id, reason)
);
COMMENT ON TABLE quarantine IS 'zohosyncd: values and records that could not be stored; kept 30 days';

-- Rows that were absent from the last complete walk of a full refresh, and not from the one before.
CREATE TABLE absent (
    target text NOT NULL,
    id bigint NOT NULL,
    PRIMARY KEY (target, id)
);

-- The unique constraint makes a change of epoch wait for running commits (they lock the row FOR KEY
-- SHARE), which a heartbeat need not do.
CREATE TABLE lease (
    connection text PRIMARY KEY,
    epoch bigint NOT NULL,
    holder text,
    session_bound boolean NOT NULL DEFAULT false,
    acquired_at timestamptz,
    beat_at timestamptz,
    UNIQUE (connection, epoch)
) WITH (fillfactor = 50);

CREATE TABLE credits (
    connection text NOT NULL,
    minute timestamptz NOT NULL,
    credits bigint NOT NULL,
    PRIMARY KEY (connection, minute)
);

CREATE TABLE token_requests (
    connection text NOT NULL,
    requested_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX token_requests_recent ON token_requests (connection, requested_at);

CREATE VIEW status AS
SELECT connection,
       stream,
       target,
       status,
       extract(epoch FROM now() - consistent_as_of)::bigint AS freshness_seconds,
       high_water_mark,
       consistent_as_of,
       rows_upserted,
       rows_unchanged,
       rows_deleted,
       last_attempt_at,
       last_success_at,
       consecutive_failures,
       last_error
FROM sync_state;
