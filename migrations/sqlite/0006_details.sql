-- Columns that single records fill, as lists leave their field out or cut it. A column that becomes
-- one makes its table's rows wait for their details.
ALTER TABLE zohosync_columns ADD COLUMN is_detail INTEGER NOT NULL DEFAULT 0;

-- How often that, or a place for further lines, made them wait. What was read before does not count
-- any more.
CREATE TABLE zohosync_details (
    target TEXT PRIMARY KEY,
    generation INTEGER NOT NULL
);

-- Since when the lines of the field are not read, as Zoho has it no more or nobody selects it: what
-- records had meanwhile is unknown, should they be wanted again.
ALTER TABLE zohosync_line_tables ADD COLUMN retired_at TEXT;
