#include "daemon/config/keys.hpp"

namespace zohosyncd {
namespace {

using enum ValueType;
using enum KeyUse;

constexpr Key root_table[] = {
    {"source", string, honoured, "", "name of the Zoho connection"},
    {"target", string, honoured, "", "name or URL of the PostgreSQL or SQLite connection"},
    {"defaults", map, honoured, "", "a stream's keys, for all streams that do not have them"},
    {"streams", map, honoured, "", "what to keep equal: stream, pattern or Zoho module"},
    {"env", map, honoured, "", "values for {KEY} anywhere in this file; $VAR is looked up"},
    {"hooks", map, honoured, "", "not supported; an empty block is accepted"},
    {"daemon", map, honoured, "", "what only zohosyncd knows; Sling ignores it"},
};

constexpr Key stream_table[] = {
    {"id", string, honoured, "", "another name for --streams"},
    {"description", string, honoured, "", "{stream_description}"},
    {"mode", string, honoured, "full-refresh", "incremental or full-refresh"},
    {"object", string, honoured, "", "target table, with {variables}"},
    {"schedule", string, honoured, "@every 5m", "cron, @every, duration or manual"},
    {"interval", string, honoured, "", "another word for schedule"},
    {"tags", strings, honoured, "", "for --streams tag:x"},
    {"disabled", boolean, honoured, "false", "leave this stream out"},
    {"single", boolean, honoured, "false", "do not read the name as a pattern"},
    {"primary_key", string_or_strings, honoured, "id", "only id"},
    {"update_key", string, honoured, "Modified_Time", "only Modified_Time"},
    {"source_options", map, honoured, "", "limit"},
    {"target_options", map, honoured, "", "column_casing, delete_missing"},
    {"change_capture_options", any, ignored, "", ""},
    {"select", strings, refused, "*", ""},
    {"columns", map, refused, "", ""},
    {"transforms", any, refused, "", ""},
    {"hooks", map, refused, "", ""},
    {"where", string, refused, "", ""},
    {"sql", string, refused, "", ""},
    {"files", any, refused, "", ""},
};

constexpr Key source_option_table[] = {
    {"limit", integer, honoured, "", "stop after so many records of a run; for trials"},
    {"flatten", any, refused, "1", ""},
    {"range", string, refused, "", ""},
    {"offset", integer, refused, "0", ""},
    {"jmespath", string, refused, "", ""},
    {"jq", string, refused, "", ""},
    {"datetime_format", string, refused, "auto", ""},
    {"empty_as_null", boolean, refused, "false", ""},
    {"null_if", string, refused, "", ""},
    {"max_decimals", any, refused, "-1", ""},
    {"columns", any, refused, "", ""},
    {"transforms", any, refused, "", ""},
    {"chunk_size", any, ignored, "", ""},
    {"chunk_count", any, ignored, "", ""},
    {"chunk_expr", any, ignored, "", ""},
    {"header", any, ignored, "", ""},
    {"delimiter", any, ignored, "", ""},
    {"escape", any, ignored, "", ""},
    {"quote", any, ignored, "", ""},
    {"skip_blank_lines", any, ignored, "", ""},
    {"skip_lines", any, ignored, "", ""},
    {"sheet", any, ignored, "", ""},
    {"fields_per_rec", any, ignored, "", ""},
    {"compression", any, ignored, "", ""},
    {"format", any, ignored, "", ""},
    {"encoding", any, ignored, "", ""},
};

constexpr Key target_option_table[] = {
    {"column_casing", string, honoured, "snake", "snake source target upper lower camel normalize"},
    {"delete_missing", any, honoured, "soft", "soft, hard or none"},
    {"add_new_columns", boolean, refused, "true", ""},
    {"adjust_column_type", boolean, refused, "false", ""},
    {"column_typing", map, refused, "", ""},
    {"table_ddl", string, refused, "", ""},
    {"table_keys", map, refused, "", ""},
    {"pre_sql", any, refused, "", ""},
    {"post_sql", any, refused, "", ""},
    {"merge_strategy", string, refused, "update_insert", ""},
    {"datetime_format", string, refused, "auto", ""},
    {"max_decimals", any, refused, "-1", ""},
    {"ignore_existing", boolean, refused, "false", ""},
    {"use_bulk", boolean, no_effect, "true", ""},
    {"batch_limit", integer, no_effect, "", ""},
    {"batch_max_duration", string, no_effect, "", ""},
    {"direct_insert", boolean, no_effect, "false", ""},
    {"isolation_level", string, no_effect, "", ""},
    {"table_tmp", string, no_effect, "", ""},
    {"encoding", any, ignored, "", ""},
    {"concurrency", any, ignored, "", ""},
    {"file_max_rows", any, ignored, "", ""},
    {"file_max_bytes", any, ignored, "", ""},
    {"format", any, ignored, "", ""},
    {"compression", any, ignored, "", ""},
    {"header", any, ignored, "", ""},
    {"delimiter", any, ignored, "", ""},
};

constexpr Key daemon_table[] = {
    {"listen", text, honoured, "127.0.0.1:9464", "status server: host:port, unix:/path or off"},
    {"token_file",
     string,
     honoured,
     "",
     "bearer token that a listen address beyond loopback needs"},
    {"state_schema", string, honoured, "zohosync", "schema of our own tables"},
    {"overlap", text, honoured, "5m", "how far below the last run's time each scan starts"},
    {"details", text, honoured, "off", "off"},
    {"credits", map, honoured, "", "API credits that may be spent"},
    {"metadata", text, honoured, "1h", "how old field lists may get"},
    {"verify", text, honoured, "@weekly", "schedule of the comparison with Zoho, or off"},
    {"formulas", text, honoured, "@daily", "schedule of the formula refresh, or off"},
    {"state_dir", string, honoured, "", "where the token file lives"},
};

constexpr Key credits_table[] = {
    {"daily", integer, honoured, "", "credits a day; default: from the edition and licences"},
    {"reserve", text, honoured, "30%", "share left to the company's other integrations"},
};

} // namespace

std::span<const Key> root_keys() {
    return root_table;
}

std::span<const Key> stream_keys() {
    return stream_table;
}

std::span<const Key> source_option_keys() {
    return source_option_table;
}

std::span<const Key> target_option_keys() {
    return target_option_table;
}

std::span<const Key> daemon_keys() {
    return daemon_table;
}

std::span<const Key> credits_keys() {
    return credits_table;
}

} // namespace zohosyncd
