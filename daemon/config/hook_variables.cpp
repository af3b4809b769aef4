#include "daemon/config/hook_variables.hpp"

#include "daemon/config/object_name.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

std::string iso_time(std::optional<std::chrono::sys_seconds> time) {
    return time ? local_time_text(*time, "%Y-%m-%dT%H:%M:%S%z") : "";
}

std::string duration(std::chrono::sys_seconds started,
                     std::optional<std::chrono::sys_seconds> ended,
                     std::chrono::sys_seconds now) {
    return std::to_string(std::max<std::int64_t>((ended.value_or(now) - started).count(), 0));
}

/// Every `stream.name` is `stream_name` as well, as in `object`.
void add(Variables& values, const std::string& prefix, const char* name, const std::string& value) {
    values[prefix + "." + name] = value;
    values[prefix + "_" + name] = value;
}

Variables common_variables(const Config& config, std::chrono::sys_seconds now) {
    Variables values = time_variables(now);
    add(values, "source", "name", lower(config.source.name));
    add(values, "source", "type", "api");
    add(values, "source", "kind", "api");
    add(values, "target", "name", lower(config.target.name));
    add(values,
        "target",
        "type",
        config.target.kind == TargetKind::postgres ? "postgres" : "sqlite");
    add(values, "target", "kind", "database");
    add(values, "target", "schema", config.target.default_schema);
    for (const auto& [key, value] : config.env) {
        values["env." + key] = value;
    }
    return values;
}

std::string quoted(const std::string& name) {
    std::string text = "\"";
    for (const char c : name) {
        text += c == '"' ? "\"\"" : std::string(1, c);
    }
    return text + '"';
}

void add_object(Variables& values, const TableName& table) {
    add(values, "object", "schema", table.schema);
    add(values, "object", "table", table.table);
    const auto full =
        (table.schema.empty() ? "" : quoted(table.schema) + ".") + quoted(table.table);
    add(values, "object", "full_name", full);
    add(values, "object", "name", full);
}

std::vector<std::string> names_of(const Variables& values) {
    std::vector<std::string> names;
    for (const auto& [name, value] : values) {
        names.push_back(name);
    }
    return names;
}

} // namespace

std::vector<std::string> stream_hook_variables() {
    return names_of(variables_for_stream(Config{}, StreamConfig{}, {}, {}));
}

std::vector<std::string> root_hook_variables() {
    return names_of(variables_for_pass(Config{}, {}, {}));
}

Variables variables_for_stream(const Config& config,
                               const StreamConfig& stream,
                               const RunFacts& run,
                               std::chrono::sys_seconds now) {
    Variables values = common_variables(config, now);
    const std::string& name = stream.endpoint.stream;
    for (const char* alias : {"name", "table", "full_name"}) {
        add(values, "stream", alias, name);
    }
    add(values, "stream", "table_lower", lower(name));
    add(values, "stream", "table_upper", upper(name));
    add(values, "stream", "schema", "");
    add(values, "stream", "description", stream.description);
    add(values, "stream", "run_id", stream.id);
    add_object(values, stream.target);
    values["run.status"] = run.status;
    values["run.error"] = run.error;
    values["run.mode"] = to_string(stream.mode);
    values["run.total_rows"] = std::to_string(run.rows_written);
    values["run.rows_read"] = std::to_string(run.rows_read);
    values["run.rows_deleted"] = std::to_string(run.rows_deleted);
    values["run.start_time"] = iso_time(run.started);
    values["run.end_time"] = iso_time(run.ended);
    values["run.duration"] = duration(run.started, run.ended, now);
    return values;
}

Variables
variables_for_pass(const Config& config, const PassFacts& pass, std::chrono::sys_seconds now) {
    Variables values = common_variables(config, now);
    values["execution.status.total"] = std::to_string(pass.streams);
    values["execution.status.success"] = std::to_string(pass.succeeded);
    values["execution.status.error"] = std::to_string(pass.failed);
    values["execution.total_rows"] = std::to_string(pass.rows_written);
    values["execution.error"] = pass.error;
    values["execution.start_time"] = iso_time(pass.started);
    values["execution.end_time"] = iso_time(pass.ended);
    values["execution.duration"] = duration(pass.started, pass.ended, now);
    return values;
}

} // namespace zohosyncd
