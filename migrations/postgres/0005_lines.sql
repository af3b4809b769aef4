-- Tables of the lines that records carry, such as the items of a quote, and whose records they are.
-- A line is deleted with its record, whether lines are being read at that time or not.
CREATE TABLE line_tables (
    target text NOT NULL,
    field text NOT NULL,
    table_schema text NOT NULL,
    table_name text NOT NULL,
    record_column text NOT NULL,
    PRIMARY KEY (target, field)
);
COMMENT ON TABLE line_tables IS 'zohosyncd: which table holds the lines of which field of a target''s records';
