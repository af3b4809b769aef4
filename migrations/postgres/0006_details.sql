-- Columns that single records fill, as lists leave their field out or cut it. A column that becomes
-- one makes its table's rows wait for their details.
ALTER TABLE columns ADD COLUMN is_detail boolean NOT NULL DEFAULT false;

-- How often that, or a place for further lines, made them wait. What was read before does not count
-- any more.
CREATE TABLE details (
    target text PRIMARY KEY,
    generation bigint NOT NULL
);
COMMENT ON TABLE details IS 'zohosyncd: how often the rows of a target had to wait for their details anew';

-- Since when the lines of the field are not read, as Zoho has it no more or nobody selects it: what
-- records had meanwhile is unknown, should they be wanted again.
ALTER TABLE line_tables ADD COLUMN retired_at timestamptz;
