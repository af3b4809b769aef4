#include "daemon/config/keys.hpp"

namespace zohosyncd {
namespace {

using enum ValueType;
using enum KeyUse;

constexpr Key root_table[] = {
    {"source", string, honoured, "", "name of the Zoho connection"},
    {"target", string, honoured, "", "name or URL of the PostgreSQL or SQLite connection"},
    {"defaults", map, honoured, "", "a stream's keys, for all streams that do not have them"},
    {"streams",
     map,
     honoured,
     "",
     "what to keep equal: endpoints, patterns such as `'*'`, Zoho modules, "
     "`'module:*'`; under each its own keys, or nothing"},
    {"env", map, honoured, "", "values for `{KEY}` anywhere in this file; `$VAR` is looked up"},
    {"hooks", map, honoured, "", "`start` and `end`: lists of hooks around one `sync`; see below"},
    {"daemon", map, honoured, "", "what only zohosyncd knows; Sling ignores it"},
};

constexpr Key stream_table[] = {
    {"id", string, honoured, "", "another name for `--streams`"},
    {"description", string, honoured, "", "`{stream_description}`"},
    {"mode",
     string,
     honoured,
     "full-refresh",
     "`incremental`, `full-refresh`, `truncate`, `snapshot`, `backfill` or `definition-only`; "
     "users "
     "and modules are always read in full"},
    {"object",
     string,
     honoured,
     "",
     "the target table, `schema.table` or `table`, with `{variables}`"},
    {"schedule",
     string,
     honoured,
     "@every 5m",
     "five cron fields, `@every 5m`, `@hourly`, `@daily`, `@weekly`, a duration or "
     "`manual`; full refreshes default to an hour"},
    {"interval", string, honoured, "", "another word for `schedule`"},
    {"tags", strings, honoured, "", "for `--streams tag:x`"},
    {"disabled", boolean, honoured, "false", "leave this stream out"},
    {"single", boolean, honoured, "false", "do not read the name as a pattern"},
    {"primary_key", string_or_strings, honoured, "id", "only `id`"},
    {"update_key", string, honoured, "Modified_Time", "only `Modified_Time`"},
    {"select",
     strings,
     honoured,
     "*",
     "fields to keep, by name or pattern, `field as column`, `-` in front of what to leave out, "
     "`@columns` for those under `columns`; the others are not asked for"},
    {"source_options", map, honoured, "", "see below"},
    {"target_options", map, honoured, "", "see below"},
    {"change_capture_options", any, ignored, "", ""},
    {"columns",
     map,
     honoured,
     "",
     "types of new columns: bigint, bool, date, datetime, decimal(18,2), float, integer, json, "
     "smallint, string(n), text, timestamp, timestampz; behind it not_null, unique, index, "
     "description(…); `+name` adds to the defaults"},
    {"transforms",
     any,
     honoured,
     "",
     "functions for texts, as a list for all columns or a map of lists: trim_space, upper, lower, "
     "replace_accents, replace_0x00, replace_non_printable, empty_as_null, hash_md5, hash_sha256, "
     "hash_sha512"},
    {"hooks", map, honoured, "", "`pre` and `post`: lists of hooks around each run; see below"},
    {"where", string, refused, "", ""},
    {"sql", string, refused, "", ""},
    {"files", any, refused, "", ""},
};

constexpr Key source_option_table[] = {
    {"limit", integer, honoured, "", "stop after so many records of a run; for trials"},
    {"flatten",
     any,
     honoured,
     "1",
     "2, any more, 0 or true: lookups and owners become columns (`owner__id`, `owner__name`, "
     "`owner__email`); other objects stay JSON; false: the record is one column `data` of JSON"},
    {"range",
     string,
     honoured,
     "",
     "`start,end`, both included, dates (their first second) or times in UTC: with `backfill` or "
     "`incremental` only records modified in it are read, once, and no mark moves"},
    {"offset", integer, refused, "0", ""},
    {"jmespath", string, refused, "", ""},
    {"jq", string, refused, "", ""},
    {"datetime_format", string, refused, "auto", ""},
    {"empty_as_null", boolean, honoured, "false", "store NULL instead of an empty text"},
    {"null_if", string, honoured, "", "store NULL instead of this value"},
    {"max_decimals", any, honoured, "-1", "round numbers to so many decimals; -1: as sent"},
    {"columns", map, honoured, "", "the stream's own `columns` win"},
    {"transforms", any, honoured, "", "the stream's own `transforms` win"},
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
    {"column_casing",
     string,
     honoured,
     "snake",
     "names of new columns: snake, source, target, upper, lower, camel or normalize"},
    {"delete_missing",
     any,
     honoured,
     "soft",
     "what becomes of rows whose record was deleted: `soft` marks, `hard` removes, `none` leaves "
     "them"},
    {"add_new_columns",
     boolean,
     honoured,
     "true",
     "add a column to a table that exists for each field that it lacks; `false` leaves those "
     "fields out"},
    {"adjust_column_type",
     boolean,
     honoured,
     "false",
     "widen columns of a PostgreSQL table that was there first, where their type is too narrow for "
     "a "
     "field's values; those of our own making are widened in any case"},
    {"column_typing", map, refused, "", ""},
    {"table_ddl", string, refused, "", ""},
    {"table_keys",
     map,
     honoured,
     "",
     "made with a new table: `unique` (among rows that are not deleted) and `index`, lists of "
     "columns or of lists of columns, indexes also `name: [columns]`; `primary` can only be `id`"},
    {"pre_sql",
     string,
     honoured,
     "",
     "statements to run on the target before a run writes its first records, with `{variables}`, "
     "or `file://` and a path; if they fail, nothing is written"},
    {"post_sql", string, honoured, "", "the same after a run that wrote, once all is committed"},
    {"merge_strategy",
     string,
     honoured,
     "update_insert",
     "with `incremental` and `backfill`: `update_insert`, `delete_insert` (columns that are not "
     "Zoho's begin anew), `insert` (rows keep their first values) or `update` (no new rows)"},
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

constexpr Key hook_table[] = {
    {"type", text, honoured, "", "`http`, `query`, `log` or `check`"},
    {"id", text, honoured, "", "its name in log lines"},
    {"if", text, honoured, "", "a condition; the hook is left out unless it is true"},
    {"on_failure",
     text,
     honoured,
     "abort",
     "`abort` fails the run, `warn` and `quiet` go on, `break` leaves out the hooks behind it, "
     "`skip` (of `pre`) leaves out the run"},
};

constexpr Key http_hook_table[] = {
    {"url", text, honoured, "", "https, or http to this machine"},
    {"method", text, honoured, "GET", "GET, POST, PUT, PATCH or DELETE"},
    {"payload", text, honoured, "", "what is sent; values in JSON are escaped for it"},
    {"headers", map, honoured, "", "names and texts"},
    {"into", any, refused, "", ""},
};

constexpr Key query_hook_table[] = {
    {"connection", text, honoured, "", "only the target: its name, or `{target.name}`"},
    {"query", text, honoured, "", "statements; quotes in values are doubled"},
    {"into", any, refused, "", ""},
    {"operation", any, refused, "", ""},
    {"params", any, refused, "", ""},
    {"transient", boolean, no_effect, "false", ""},
};

constexpr Key log_hook_table[] = {
    {"message", text, honoured, "", "the text of the log line"},
    {"level", text, honoured, "info", "debug, info, warn or error"},
};

constexpr Key check_hook_table[] = {
    {"check", text, honoured, "", "a condition; the hook fails unless it is true"},
    {"failure_message", text, honoured, "", "what the failure says"},
    {"vars", any, refused, "", ""},
};

constexpr Key daemon_table[] = {
    {"listen",
     text,
     honoured,
     "127.0.0.1:9464",
     "status page, metrics, health: `host:port`, `unix:/path` or `off`"},
    {"token_file",
     string,
     honoured,
     "",
     "holds the bearer token that a `listen` beyond loopback needs"},
    {"state_schema",
     string,
     honoured,
     "zohosync",
     "schema of our own tables; their prefix in SQLite"},
    {"overlap",
     text,
     honoured,
     "5m",
     "how far below the time of the last complete run a scan begins: as long as Zoho may take to "
     "show a change; 0s to 1d"},
    {"details",
     text,
     honoured,
     "off",
     "what lists leave out, at a request for each record that changed: `line_items` keeps the "
     "lines "
     "of subforms and of quotes, orders and invoices in tables of their own; `all` multi-select "
     "lookups and rich text beyond 500 characters, too, in columns; `off`"},
    {"credits", map, honoured, "", "API credits that may be spent; see below"},
    {"metadata", text, honoured, "1h", "how old lists of fields may get"},
    {"verify",
     text,
     honoured,
     "@weekly",
     "when each table is compared with Zoho and mended: a schedule or `off`"},
    {"formulas",
     text,
     honoured,
     "@daily",
     "when formula and roll-up fields, which change without a new Modified_Time, are read again: a "
     "schedule or `off`"},
    {"state_dir",
     string,
     honoured,
     "",
     "where the access token is kept; `$STATE_DIRECTORY`, else `~/.local/state/zohosyncd`"},
};

constexpr Key credits_table[] = {
    {"daily",
     integer,
     honoured,
     "",
     "credits in any 24 hours; without it what the edition and licences give, or 5000"},
    {"reserve",
     text,
     honoured,
     "30%",
     "share of them that is left to the company's other integrations"},
};

constexpr Key zoho_table[] = {
    {"type", text, honoured, "", "`api`"},
    {"spec", text, honoured, "", "`zoho_crm`"},
    {"secrets", map, honoured, "", "the credentials; see below"},
    {"inputs", map, honoured, "", "settings; see below"},
    {"data_center",
     text,
     honoured,
     "us",
     "us, eu, in, au, jp, ca, cn, sa, uk or ae: stands for the two URLs below"},
    {"environment", text, honoured, "production", "production, sandbox or developer"},
    {"state", any, refused, "", ""},
    {"name", any, ignored, "", ""},
};

constexpr Key zoho_secret_table[] = {
    {"client_id", text, honoured, "", "of the Self Client in Zoho's API console"},
    {"client_secret", text, honoured, "", "of the Self Client"},
    {"soid", text, honoured, "", "`ZohoCRM.` and the organisation's id"},
    {"refresh_token", text, honoured, "", "the other grant, instead of `soid`"},
    {"accounts_url", text, honoured, "https://accounts.zoho.com", "of the data centre"},
    {"api_domain", text, honoured, "https://www.zohoapis.com", "of the data centre"},
};

constexpr Key zoho_input_table[] = {
    {"anchor_date",
     text,
     honoured,
     "",
     "`YYYY-MM-DD`, or `all`: older records are not read; a year before the first contact"},
    {"rate", text, honoured, "5", "requests in any second, over all streams"},
    {"concurrency", text, honoured, "3", "requests at once"},
    {"scopes", any, honoured, "", "OAuth scopes; READ of modules, settings, users and org"},
    {"api_version", text, honoured, "v6", "only `v6`"},
    {"extra_hosts", any, honoured, "", "hosts beyond Zoho's own that may be talked to"},
    {"data_center", text, honoured, "us", "as above"},
    {"environment", text, honoured, "production", "as above"},
};

constexpr Key postgres_table[] = {
    {"type", text, honoured, "", "`postgres`"},
    {"url",
     text,
     honoured,
     "",
     "`postgres://user:password@host:5432/database`; keys beside it win over its parts"},
    {"host", text, honoured, "", "name, address, or directory of the socket"},
    {"user", text, honoured, "", "role to connect as"},
    {"username", text, honoured, "", "another word for `user`"},
    {"password", text, honoured, "", "a secret"},
    {"port", text, honoured, "5432", ""},
    {"database", text, honoured, "", "name of the database"},
    {"dbname", text, honoured, "", "another word for `database`"},
    {"schema", text, honoured, "", "for an `object` without a schema"},
    {"sslmode",
     text,
     honoured,
     "disable",
     "disable, allow, prefer, require, verify-ca or verify-full"},
    {"cert_file", text, honoured, "", "client certificate"},
    {"cert_key_file", text, honoured, "", "its key"},
    {"cert_ca_file", text, honoured, "", "certificates to trust"},
    {"role", text, honoured, "", "`SET ROLE` after connecting"},
    {"statement_timeout", text, honoured, "", "as PostgreSQL has it"},
    {"connect_timeout", text, honoured, "", "seconds"},
    {"target_session_attrs", text, honoured, "", "as libpq has it"},
    {"channel_binding", text, honoured, "", "as libpq has it"},
    {"max_conns", any, ignored, "", ""},
    {"application_name", any, ignored, "", ""},
    {"name", any, ignored, "", ""},
    {"ssh_tunnel", any, refused, "", ""},
    {"ssh_private_key", any, refused, "", ""},
    {"ssh_passphrase", any, refused, "", ""},
    {"proxy_url", any, refused, "", ""},
    {"use_adbc", any, refused, "false", ""},
    {"gcp_instance", any, refused, "", ""},
    {"gcp_project", any, refused, "", ""},
    {"gcp_region", any, refused, "", ""},
    {"gcp_key_file", any, refused, "", ""},
    {"gcp_use_iam_auth", any, refused, "false", ""},
};

constexpr Key sqlite_table[] = {
    {"type", text, honoured, "", "`sqlite`"},
    {"url", text, honoured, "", "`sqlite:///path/file.db`"},
    {"instance", text, honoured, "", "path of the file"},
    {"schema", text, honoured, "main", "only `main`"},
    {"busy_timeout", text, honoured, "5000", "milliseconds to wait for another writer"},
    {"name", any, ignored, "", ""},
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

std::span<const Key> hook_keys() {
    return hook_table;
}

std::span<const Key> http_hook_keys() {
    return http_hook_table;
}

std::span<const Key> query_hook_keys() {
    return query_hook_table;
}

std::span<const Key> log_hook_keys() {
    return log_hook_table;
}

std::span<const Key> check_hook_keys() {
    return check_hook_table;
}

std::span<const Key> daemon_keys() {
    return daemon_table;
}

std::span<const Key> credits_keys() {
    return credits_table;
}

std::span<const Key> zoho_keys() {
    return zoho_table;
}

std::span<const Key> zoho_secret_keys() {
    return zoho_secret_table;
}

std::span<const Key> zoho_input_keys() {
    return zoho_input_table;
}

std::span<const Key> postgres_keys() {
    return postgres_table;
}

std::span<const Key> sqlite_keys() {
    return sqlite_table;
}

} // namespace zohosyncd
