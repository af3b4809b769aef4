-- Formula and roll-up fields change without a new Modified_Time: they are read again by
-- daemon.formulas, and this is what the last complete refresh came to.
ALTER TABLE zohosync_sync_state ADD COLUMN formulas_at TEXT;
ALTER TABLE zohosync_sync_state ADD COLUMN formulas_compared INTEGER;
ALTER TABLE zohosync_sync_state ADD COLUMN formulas_corrected INTEGER;
ALTER TABLE zohosync_sync_state ADD COLUMN formulas_requests INTEGER;
