#include "daemon/core/zoho_field.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

namespace zohosyncd::tests {

TEST_CASE("PostgreSQL: an adopted table's types are followed") {
    const PostgresTarget target;
    target.run("CREATE SCHEMA zoho_crm; CREATE TABLE zoho_crm.leads (id varchar(30) PRIMARY KEY, "
               "last_name varchar(20), modified_time"
               " timestamp, amount numeric(10,2), active text, owner json, seats integer, born "
               "text, code char(3))");
    auto sink = target.sink();
    sink->migrate();
    const auto stream = sink->prepare(key_of(leads()), leads(), ColumnCasing::snake);
    const auto write = [&](const Batch& batch) {
        return text_of(
            sink->write(stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream)));
    };
    Batch batch(leads().columns.size());
    add_lead(batch, 1, 10, "Ada", {"1.239", "true", R"({"id": "7"})", "7", "2026-02-28"});

    CHECK(write(batch) == "1/0/0/0");
    CHECK(write(batch) == "0/0/1/0");
    CHECK(target.value("SELECT amount FROM zoho_crm.leads WHERE id = '1'") == "1.24");

    Batch long_name(leads().columns.size());
    add_lead(long_name, 2, 10, "This name is longer than twenty");
    CHECK(write(long_name) == "1/0/0/0");
    CHECK(target.value("SELECT last_name FROM zoho_crm.leads WHERE id = '2'") == "NULL");
    CHECK(target.value("SELECT reason FROM zohosync.quarantine WHERE id = 2") ==
          "Last_Name: 22001 string_data_right_truncation");

    const std::vector<Deletion> deletions{{1, at(20)}};
    CHECK(sink->write_deletions(stream.state.key,
                                stream.schema,
                                deletions,
                                DeletePolicy::soft,
                                checkpoint_of(stream))
              .deleted == 1);
    CHECK(sink->soft_deleted(stream.schema, at(0), 5).at(0).id == 1);

    sink->begin_stage(stream.state.key, stream.schema);
    sink->write_stage(stream.state.key, stream.schema, {&batch, nullptr}, checkpoint_of(stream));
    CHECK(
        text_of(sink->merge_stage(
            stream.state.key, stream.schema, DeletePolicy::soft, at(30), checkpoint_of(stream))) ==
        "0/1/0/0");
}

TEST_CASE("PostgreSQL: an adopted table's types are widened where that is wanted") {
    const PostgresTarget target;
    target.run("CREATE SCHEMA zoho_crm; CREATE TABLE zoho_crm.leads (id varchar(30) PRIMARY KEY, "
               "last_name varchar(20), modified_time timestamp, amount numeric(10,2), active "
               "integer, owner json, seats smallint, born date, code char(3)); INSERT INTO "
               "zoho_crm.leads VALUES ('1', 'Ada', '2026-01-01', 1.24, 1, '{}', 7, NULL, 'abc'); "
               "CREATE VIEW zoho_crm.amounts AS SELECT amount FROM zoho_crm.leads");
    auto sink = target.sink();
    sink->migrate();
    auto wanted = leads();
    wanted.options.adjusts_types = true;
    const auto stream = sink->prepare(key_of(leads()), wanted, ColumnCasing::snake);

    CHECK(target.value("SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' "
                       "ORDER BY attnum) FROM pg_attribute WHERE attrelid = "
                       "'zoho_crm.leads'::regclass AND attnum > 0 AND attname NOT LIKE '\\_%'") ==
          "id character varying(30), last_name text, modified_time timestamp without time zone, "
          "amount numeric(10,2), active text, owner json, seats bigint, born date, code "
          "character(3)"); // Key and version are followed, and a view holds on to amount.
    CHECK(target.value("SELECT last_name || active || seats FROM zoho_crm.leads") == "Ada17");
    CHECK(sink->prepare(key_of(leads()), wanted, ColumnCasing::snake).schema.columns.size() ==
          wanted.columns.size());

    wanted.columns[6].type = ColumnType::numeric; // Of a column that was taken over before.
    sink->prepare(key_of(leads()), wanted, ColumnCasing::snake);
    CHECK(target.value("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "
                       "'zoho_crm.leads'::regclass AND attname = 'seats'") == "numeric");
    // What the column refused until now is read again.
    CHECK(target.value("SELECT mapping_hash FROM zohosync.sync_state") == mixed_mapping);
}

TEST_CASE("PostgreSQL: a column of ours is widened, one of the user's is not") {
    Prepared<PostgresTarget> p;
    Batch batch(leads().columns.size());
    add_lead(batch, 1, 10, "Ada", {"1.5", "true", R"({"id": "7"})", "7", "2026-02-28"});
    p.write(batch);
    auto changed = leads();
    changed.columns[6].type = ColumnType::numeric;
    changed.columns[7].type = ColumnType::text;
    changed.columns[5].type = ColumnType::text;

    const auto stream = p.sink->prepare(p.key, changed, ColumnCasing::snake);
    Batch next(changed.columns.size());
    add_lead(next, 2, 10, "Grace", {"1", "false", "not json", "7.5", "any text"});

    CHECK(text_of(p.sink->write(p.key, stream.schema, {&next, nullptr}, checkpoint_of(stream))) ==
          "1/0/0/0");
    CHECK(p.target.value(
              "SELECT seats || ' ' || born || ' ' || owner FROM zoho_crm.leads WHERE id = 2") ==
          "7.5 any text not json");
    CHECK(p.target.value("SELECT seats || ' ' || born FROM zoho_crm.leads WHERE id = 1") ==
          "7 2026-02-28");
    // The way back is no widening: the text column stays and takes the numbers.
    CHECK(p.sink->prepare(p.key, leads(), ColumnCasing::snake).schema.columns[7].type ==
          ColumnType::date);
    CHECK(p.target.value("SELECT count(*) FROM zohosync.quarantine") == "0");
}

TEST_CASE("PostgreSQL: a view in the way of a widening is kept, and the values go to a twin") {
    Prepared<PostgresTarget> p;
    p.target.run("CREATE VIEW zoho_crm.report AS SELECT seats FROM zoho_crm.leads");
    auto changed = leads();
    changed.columns[6].type = ColumnType::text;

    const auto stream = p.sink->prepare(p.key, changed, ColumnCasing::snake);

    CHECK(stream.schema.columns[6].name == "seats_text");
    CHECK(p.target.value("SELECT count(*) FROM zoho_crm.report") == "0");
}

TEST_CASE("PostgreSQL: the target must be a table") {
    const PostgresTarget target;
    target.run("CREATE SCHEMA zoho_crm; CREATE VIEW zoho_crm.leads AS SELECT 1 AS id");
    auto sink = target.sink();
    sink->migrate();

    CHECK(kind_thrown_by([&] { sink->prepare(key_of(leads()), leads(), ColumnCasing::snake); }) ==
          "schema_conflict");
}

TEST_CASE("PostgreSQL: columns carry Zoho's name and label, which may change") {
    Prepared<PostgresTarget> p;
    const auto comment = [&] {
        return p.target.value("SELECT col_description('zoho_crm.leads'::regclass, 2)");
    };
    CHECK(comment() == "Last_Name (The Last_Name)");

    auto relabelled = leads();
    relabelled.columns[1].label = "Surname's";
    p.sink->prepare(p.key, relabelled, ColumnCasing::snake);

    CHECK(comment() == "Last_Name (Surname's)");
}

TEST_CASE("PostgreSQL: DDL does not queue behind a reader for long, and says who is in the way") {
    Prepared<PostgresTarget> p;
    auto wider = leads();
    wider.columns.push_back(wider.columns[1]);
    wider.columns.back().api_name = "City";
    std::string message;
    {
        const auto blocker = p.target.hold("BEGIN; SELECT * FROM zoho_crm.leads");
        try {
            p.sink->prepare(p.key, wider, ColumnCasing::snake);
        } catch (const SyncError& error) {
            CHECK(error.kind() == ErrorKind::sink_conflict);
            message = error.what();
        }
    }
    CHECK(message.find("pids ") != std::string::npos);
    CHECK(message.find("unknown") == std::string::npos);
    CHECK(p.sink->prepare(p.key, wider, ColumnCasing::snake).schema.columns.back().name == "city");
}

} // namespace zohosyncd::tests
