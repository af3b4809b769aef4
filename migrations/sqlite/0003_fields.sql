-- A field that is gone may leave its name to another, and one whose type has changed may have two
-- columns: only the column's own name is unique. Renaming a table would stumble over a view of the
-- user's that is broken, so the rows are carried there and back.
CREATE TEMP TABLE zohosync_columns_before AS SELECT * FROM zohosync_columns;
DROP TABLE zohosync_columns;
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
    PRIMARY KEY (target, column_name)
) WITHOUT ROWID;
INSERT INTO zohosync_columns SELECT * FROM temp.zohosync_columns_before;
DROP TABLE temp.zohosync_columns_before;
