-- A field that is gone may leave its name to another, and one whose type has changed may have two
-- columns: only the column's own name is unique.
ALTER TABLE columns
    DROP CONSTRAINT columns_pkey,
    DROP CONSTRAINT IF EXISTS columns_target_column_name_key,
    ADD PRIMARY KEY (target, column_name);
