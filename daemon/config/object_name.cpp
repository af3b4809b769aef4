#include "daemon/config/object_name.hpp"

#include "daemon/config/words.hpp"

#include <algorithm>
#include <array>
#include <ctime>

namespace zohosyncd {
namespace {

constexpr std::size_t longest_name = 63; // PostgreSQL cuts longer ones without an error.

std::string clean(std::string_view text) {
    std::string result(text);
    for (char& c : result) {
        const bool is_word =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
        c = is_word ? c : '_';
    }
    if (!result.empty() && result.front() >= '0' && result.front() <= '9') {
        result.insert(0, "_");
    }
    return result;
}

std::string format_time(const std::tm& time, const char* format) {
    std::array<char, 64> buffer{};
    const auto size = std::strftime(buffer.data(), buffer.size(), format, &time);
    return {buffer.data(), size};
}

/// The parts of the local time, as Sling has them.
void add_times(std::map<std::string, std::string>& values, std::chrono::sys_seconds now) {
    const std::time_t seconds = now.time_since_epoch().count();
    std::tm time{};
    localtime_r(&seconds, &time);
    constexpr std::pair<const char*, const char*> parts[] = {
        {"YYYY", "%Y"},
        {"YY", "%y"},
        {"MMM", "%b"},
        {"MM", "%m"},
        {"DD", "%d"},
        {"DDD", "%a"},
        {"HH", "%H"},
        {"hh", "%I"},
        {"mm", "%M"},
        {"ss", "%S"},
    };
    for (const auto& [name, format] : parts) {
        values[name] = format_time(time, format);
        values[std::string("timestamp.") + name] = values[name];
    }
    values["run_timestamp"] = format_time(time, "%Y_%m_%d_%H%M%S");
    values["timestamp.file_name"] = values["run_timestamp"];
    values["timestamp.date"] = format_time(time, "%Y-%m-%d");
    values["timestamp.datetime"] = format_time(time, "%Y-%m-%d %H:%M:%S");
    values["timestamp.rfc3339"] = format_time(time, "%Y-%m-%dT%H:%M:%S%z");
    values["timestamp.unix"] = std::to_string(seconds);
}

/// Every flat `stream_name` is `stream.name` as well.
void add_flat_and_dotted(std::map<std::string, std::string>& values,
                         const std::string& prefix,
                         const std::string& name,
                         const std::string& value) {
    values[prefix + "_" + name] = value;
    values[prefix + "." + name] = value;
}

std::map<std::string, std::string> variables(std::string_view stream,
                                             std::string_view description,
                                             std::string_view id,
                                             const ObjectContext& context) {
    const std::string name =
        stream == any_stream_name ? std::string(stream) : clean_stream_name(stream);
    std::map<std::string, std::string> values;
    add_times(values, context.now);
    for (const char* alias : {"name", "table", "table_lower", "full_name"}) {
        add_flat_and_dotted(values, "stream", alias, name);
    }
    add_flat_and_dotted(
        values, "stream", "table_upper", stream == any_stream_name ? name : upper(name));
    for (const char* empty : {"schema", "schema_lower", "schema_upper"}) {
        add_flat_and_dotted(values, "stream", empty, "");
    }
    add_flat_and_dotted(values, "stream", "description", clean(description));
    add_flat_and_dotted(values, "stream", "run_id", clean(id));
    add_flat_and_dotted(values, "source", "name", clean(lower(context.source_name)));
    add_flat_and_dotted(values, "source", "type", "api");
    add_flat_and_dotted(values, "source", "kind", "api");
    add_flat_and_dotted(values, "target", "name", clean(lower(context.target_name)));
    add_flat_and_dotted(values,
                        "target",
                        "type",
                        context.target_kind == TargetKind::postgres ? "postgres" : "sqlite");
    add_flat_and_dotted(values, "target", "kind", "database");
    add_flat_and_dotted(values, "target", "schema", clean(context.target_schema));
    for (const auto& [key, value] : context.env) {
        values.emplace(key, clean(value));
        values["env." + key] = value;
    }
    return values;
}

std::string substitute(std::string_view object,
                       const std::map<std::string, std::string>& values,
                       std::vector<std::string>& unknown) {
    std::string result;
    while (!object.empty()) {
        const auto begin = object.find('{');
        const auto end = begin == std::string_view::npos ? begin : object.find('}', begin);
        if (end == std::string_view::npos) {
            break;
        }
        result += object.substr(0, begin);
        const std::string name(trim(object.substr(begin + 1, end - begin - 1)));
        if (const auto found = values.find(name); found != values.end()) {
            result += found->second;
        } else {
            unknown.push_back(name);
        }
        object.remove_prefix(end + 1);
    }
    return result + std::string(object);
}

/// The parts between dots outside quotes, without the quotes. Nothing when a quote is not closed.
std::optional<std::vector<std::string>> split_name(std::string_view text) {
    std::vector<std::string> parts(1);
    bool is_quoted = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (c == '"' && is_quoted && i + 1 < text.size() && text[i + 1] == '"') {
            parts.back() += c;
            ++i;
        } else if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == '.' && !is_quoted) {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    return is_quoted ? std::nullopt : std::optional(parts);
}

std::string name_error(const TableName& name, const ObjectContext& context) {
    const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20; };
    for (const auto& part : {name.schema, name.table}) {
        if (std::ranges::any_of(part, is_control)) {
            return "the table's name holds a control character";
        }
        if (part.size() > longest_name && context.target_kind == TargetKind::postgres) {
            return "`" + part + "` is longer than PostgreSQL's 63 bytes";
        }
    }
    return {};
}

} // namespace

Variables time_variables(std::chrono::sys_seconds now) {
    std::map<std::string, std::string> times;
    add_times(times, now);
    return {times.begin(), times.end()};
}

std::string local_time_text(std::chrono::sys_seconds time, const char* format) {
    const std::time_t seconds = time.time_since_epoch().count();
    std::tm local{};
    localtime_r(&seconds, &local);
    return format_time(local, format);
}

std::string clean_stream_name(std::string_view stream) {
    return clean(lower(stream));
}

bool has_stream_variable(std::string_view object) {
    return object.find("{stream_") != std::string_view::npos ||
           object.find("{stream.") != std::string_view::npos;
}

bool has_time_variable(std::string_view object) {
    std::map<std::string, std::string> times;
    add_times(times, {});
    return std::ranges::any_of(times, [&](const auto& variable) {
        return object.find("{" + variable.first + "}") != std::string_view::npos;
    });
}

ObjectName render_object(std::string_view object,
                         std::string_view stream,
                         std::string_view description,
                         std::string_view id,
                         const ObjectContext& context) {
    ObjectName result;
    const auto text = substitute(
        trim(object), variables(stream, description, id, context), result.unknown_variables);
    const auto parts = split_name(text);
    if (!parts || parts->size() > 2) {
        result.error = parts ? "expected `table` or `schema.table`" : "a quote is not closed";
        return result;
    }
    TableName table{parts->size() == 2 ? parts->front() : context.target_schema, parts->back()};
    if (table.table.empty() || (parts->size() == 2 && table.schema.empty())) {
        result.error = "the name of the table or schema is empty";
        return result;
    }
    if (context.target_kind == TargetKind::sqlite) {
        table.schema.clear(); // SQLite has none: zoho_crm.leads is table leads.
    } else if (table.schema.empty()) {
        result.error = "did not specify schema. Please specify schema in object name.";
        return result;
    }
    result.error = name_error(table, context);
    if (result.error.empty()) {
        result.table = std::move(table);
    }
    return result;
}

} // namespace zohosyncd
