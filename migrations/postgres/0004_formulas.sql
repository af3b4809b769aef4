-- Formula and roll-up fields change without a new Modified_Time: they are read again by
-- daemon.formulas, and this is what the last complete refresh came to.
ALTER TABLE sync_state
    ADD COLUMN formulas_at timestamptz,
    ADD COLUMN formulas_compared bigint,
    ADD COLUMN formulas_corrected bigint,
    ADD COLUMN formulas_requests bigint;
COMMENT ON COLUMN sync_state.formulas_at IS
    'when the last complete refresh of formula fields began, by Zoho''s clock';
COMMENT ON COLUMN sync_state.formulas_corrected IS
    'rows whose formula fields had changed without a new Modified_Time';
