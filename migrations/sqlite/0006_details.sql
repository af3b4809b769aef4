-- Columns that single records fill, as lists leave their field out or cut it. A column that becomes
-- one makes its table's rows wait for their details.
ALTER TABLE zohosync_columns ADD COLUMN is_detail INTEGER NOT NULL DEFAULT 0;
