-- Columns that single records fill, as lists leave their field out or cut it. A column that becomes
-- one makes its table's rows wait for their details.
ALTER TABLE columns ADD COLUMN is_detail boolean NOT NULL DEFAULT false;
