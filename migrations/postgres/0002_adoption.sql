-- A table that held rows before its first run: what they are worth nobody knows before a
-- verification has mended them. Until then consistent_as_of stays unset, so that nothing calls the
-- stream fresh, and what it will be waits in unverified_as_of.
ALTER TABLE sync_state
    ADD COLUMN unverified boolean NOT NULL DEFAULT false,
    ADD COLUMN unverified_as_of timestamptz;
COMMENT ON COLUMN sync_state.unverified IS
    'the table was taken over with its rows; `zohosyncd verify --repair` ends this';
COMMENT ON COLUMN sync_state.unverified_as_of IS
    'complete up to here, but for what was wrong before the table was taken over';
