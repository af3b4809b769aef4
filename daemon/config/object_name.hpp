#pragma once

#include "daemon/config/config.hpp"
#include "daemon/core/text_template.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// What stands for {stream_name} in the template of 'module:*'.
inline constexpr std::string_view any_stream_name = "{stream_name}";

/// What the variables in `object` stand for. Sling's §4.
struct ObjectContext {
    std::string source_name;
    std::string target_name;
    TargetKind target_kind = TargetKind::postgres;
    std::string target_schema;
    std::map<std::string, std::string> env; ///< Root `env` of replication.yaml.
    std::chrono::sys_seconds now;
};

struct ObjectName {
    std::optional<TableName> table;
    std::string error; ///< Set when there is no table.
    std::vector<std::string> unknown_variables;
};

/// Renders `object` for one stream. `stream` may be any_stream_name, which then stays as it is.
ObjectName render_object(std::string_view object,
                         std::string_view stream,
                         std::string_view description,
                         std::string_view id,
                         const ObjectContext& context);

/// Whether the table depends on the stream, as a pattern's must.
bool has_stream_variable(std::string_view object);

/// Whether the table depends on when the program was started.
bool has_time_variable(std::string_view object);

/// {YYYY}, {timestamp.date} and the like, for hooks.
Variables time_variables(std::chrono::sys_seconds now);

/// As strftime has it, in local time.
std::string local_time_text(std::chrono::sys_seconds time, const char* format);

/// `Invoices` as it stands in a table's name: lower case, and only [a-z0-9_].
std::string clean_stream_name(std::string_view stream);

} // namespace zohosyncd
