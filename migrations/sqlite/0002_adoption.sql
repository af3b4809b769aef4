-- A table that held rows before its first run: what they are worth nobody knows before a
-- verification has mended them. Until then consistent_as_of stays unset, so that nothing calls the
-- stream fresh, and what it will be waits in unverified_as_of.
ALTER TABLE zohosync_sync_state ADD COLUMN unverified INTEGER NOT NULL DEFAULT 0;
ALTER TABLE zohosync_sync_state ADD COLUMN unverified_as_of TEXT;
