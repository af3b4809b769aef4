-- Tables of the lines that records carry, such as the items of a quote, and whose records they are.
-- A line is deleted with its record, whether lines are being read at that time or not.
CREATE TABLE zohosync_line_tables (
    target TEXT NOT NULL,
    field TEXT NOT NULL,
    table_name TEXT NOT NULL,
    record_column TEXT NOT NULL,
    PRIMARY KEY (target, field)
);
