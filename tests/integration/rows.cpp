#include "tests/integration/rows.hpp"

#include "daemon/core/time.hpp"

namespace zohosyncd::tests {

StreamSchema leads() {
    const auto column = [](const char* api_name, const char* data_type, ColumnType type) {
        Column made;
        made.api_name = api_name;
        made.label = std::string("The ") + api_name;
        made.field_id = std::string("f-") + api_name;
        made.data_type = data_type;
        made.type = type;
        return made;
    };
    StreamSchema schema;
    schema.target = {"zoho_crm", "leads"};
    schema.columns = {column("id", "bigint", ColumnType::bigint),
                      column("Last_Name", "text", ColumnType::text),
                      column("Modified_Time", "datetime", ColumnType::timestamptz),
                      column("Amount", "currency", ColumnType::numeric),
                      column("Active", "boolean", ColumnType::boolean),
                      column("Owner", "ownerlookup", ColumnType::json),
                      column("Seats", "integer", ColumnType::bigint),
                      column("Born", "date", ColumnType::date)};
    schema.version_column = 2;
    return schema;
}

StreamKey key_of(const StreamSchema& schema) {
    return {"ZOHO_CRM", schema.target.table, schema.target};
}

std::chrono::sys_seconds at(int second) {
    return *parse_zoho_time("2026-11-23T10:00:00Z") + std::chrono::seconds(second);
}

void add_lead(Batch& batch,
              std::int64_t id,
              int version,
              const Value& name,
              const std::vector<Value>& extra) {
    const auto append = [](ColumnData& column, const Value& value) {
        if (value) {
            column.append(*value);
        } else {
            column.append_null();
        }
    };
    append(batch.column(1), name);
    batch.column(2).append(format_utc(at(version)));
    for (std::size_t i = 3; i < batch.columns(); ++i) {
        append(batch.column(i), i - 3 < extra.size() ? extra[i - 3] : std::nullopt);
    }
    batch.end_row(id, at(version));
}

Batch leads_of(std::initializer_list<Lead> rows) {
    Batch batch(leads().columns.size());
    for (const auto& row : rows) {
        add_lead(batch, row.id, row.version, row.name);
    }
    return batch;
}

Checkpoint checkpoint_of(const PreparedStream& prepared) {
    Checkpoint checkpoint;
    checkpoint.org = "org1";
    checkpoint.mode = "incremental";
    checkpoint.generation = prepared.state.generation;
    return checkpoint;
}

std::string text_of(const WriteStats& stats) {
    return std::to_string(stats.inserted) + "/" + std::to_string(stats.updated) + "/" +
           std::to_string(stats.unchanged) + "/" + std::to_string(stats.deleted);
}

} // namespace zohosyncd::tests
