#include "daemon/config/catalogue.hpp"
#include "daemon/config/config.hpp"
#include "daemon/config/connections.hpp"
#include "daemon/config/daemon_block.hpp"
#include "daemon/config/expansion.hpp"
#include "daemon/config/object_name.hpp"
#include "daemon/config/replication_file.hpp"
#include "daemon/config/selection.hpp"
#include "daemon/config/sling_settings.hpp"
#include "daemon/config/target_sql.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace zohosyncd {
namespace {

void replace_all(std::string& text, std::string_view from, const std::string& to) {
    for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
        text.replace(at, from.size(), to);
    }
}

class Loader {
public:
    Loader(const ConfigOverrides& overrides, const Environment& environment, Problems& problems)
        : overrides_(overrides), problems_(problems),
          catalogue_(read_catalogue(overrides, environment, problems)) {}

    Config load() {
        read_flags();
        file_ =
            read_replication_file(overrides_.replication_file, catalogue_.environment, problems_);
        if (!file_) {
            return std::move(config_);
        }
        config_.file = file_->name;
        config_.lines = key_lines(file_->root, file_->name, "");
        const Block root(file_->root, "", file_->name, problems_);
        root.check(root_keys());
        require_keys(root);
        read_settings();
        read_source(root);
        read_target(root);
        read_hooks(root);
        const auto daemon = root.block("daemon");
        config_.daemon =
            read_daemon_block(daemon ? &*daemon : nullptr, catalogue_.environment, problems_);
        read_streams(root);
        if (!trim(overrides_.streams).empty()) {
            select_streams(overrides_.streams, ids_, config_, problems_);
        }
        return std::move(config_);
    }

private:
    void read_flags() {
        std::string reason;
        if (!overrides_.mode.empty()) {
            mode_ = parse_mode(overrides_.mode, reason);
            if (!mode_) {
                problems_.error("", 0, "--mode", reason);
            }
        }
        if (!overrides_.range.empty() && !parse_range(overrides_.range, reason)) {
            problems_.error("", 0, "--range", reason);
        }
        check_flag("--primary-key", overrides_.primary_key, wrong_primary_key);
        check_flag("--update-key", overrides_.update_key, wrong_update_key);
    }

    void check_flag(const char* flag,
                    const std::string& value,
                    std::string (*what_is_wrong)(std::string_view)) {
        if (const auto wrong = value.empty() ? std::string{} : what_is_wrong(value);
            !wrong.empty()) {
            problems_.error("", 0, flag, wrong);
        }
    }

    void require_keys(const Block& root) const {
        for (const char* key : {"source", "target", "streams"}) {
            const bool is_overridden =
                std::string_view(key) == "target" && !overrides_.target.empty();
            const auto* entry = root.find(key);
            if ((entry == nullptr || is_nothing_at_all(entry->value)) && !is_overridden) {
                root.error(key, std::string("did not find '") + key + "' key");
            }
        }
    }

    static bool is_nothing_at_all(const Node& node) {
        return node.is_map() ? node.entries.empty() : is_nothing(node);
    }

    void read_hooks(const Block& root) {
        if (const auto hooks = root.block("hooks")) {
            config_.hooks = read_root_hooks(*hooks);
        }
        check_hooks(config_.hooks.start);
        check_hooks(config_.hooks.end);
    }

    /// Those of `defaults` are met with each stream, and told of once.
    void check_hooks(const std::vector<Hook>& hooks) {
        for (const auto& hook : hooks) {
            if (checked_hooks_.emplace(hook.line, hook.path).second) {
                check_references(hook, file_->env, target_names_, problems_);
            }
        }
    }

    void read_settings() {
        config_.env = file_->env;
        const auto settings = read_sling_settings(
            file_->env, file_->name, catalogue_.environment.variables, problems_);
        config_.timeout = settings.timeout;
        metadata_ = settings.metadata;
    }

    void read_source(const Block& root) {
        const std::string name(trim(root.string("source").value_or("")));
        if (name.empty()) {
            return;
        }
        if (name.find("://") != std::string::npos) {
            root.error("source", "expected the name of a connection of type api, spec zoho_crm");
            return;
        }
        const auto* raw = catalogue_.find(name);
        if (raw == nullptr) {
            root.error("source",
                       "could not find source connection: " + name + catalogue_.known_names(name));
            return;
        }
        if (const auto type = connection_type(*raw); type == "postgres" || type == "sqlite") {
            root.error("source",
                       "connection " + raw->name +
                           " is a database and can not be a source: name "
                           "one of type api, spec zoho_crm");
            return;
        }
        if (auto source = read_zoho_connection(*raw, catalogue_.environment, problems_)) {
            config_.source = std::move(*source);
        }
        context_.source_name = raw->name;
    }

    void read_target(const Block& root) {
        const bool is_flag = !overrides_.target.empty();
        const std::string name(
            trim(is_flag ? overrides_.target : root.string("target").value_or("")));
        if (name.empty()) {
            return;
        }
        const std::string file = is_flag ? "" : file_->name;
        const auto* entry = root.find("target");
        const int line = is_flag || entry == nullptr ? 0 : entry->line;
        const std::string key = is_flag ? "--target" : "target";
        std::optional<RawConnection> from_url;
        const RawConnection* raw = nullptr;
        if (is_connection_url(name)) {
            from_url = connection_from_url(name, file, line);
            raw = &*from_url;
        } else if (name.find("://") != std::string::npos) {
            problems_.error(file, line, key, "expected a name, postgres://… or sqlite://…");
            return;
        } else {
            raw = catalogue_.find(name);
        }
        if (raw == nullptr) {
            problems_.error(file,
                            line,
                            key,
                            "could not find target connection: " + name +
                                catalogue_.known_names(name));
            return;
        }
        if (connection_type(*raw) == "api") {
            problems_.error(file,
                            line,
                            key,
                            "connection " + raw->name +
                                " is an API and can not be a target: name "
                                "one of type postgres or sqlite");
            return;
        }
        if (auto target = read_target_connection(*raw, catalogue_.environment, problems_)) {
            config_.target = std::move(*target);
            has_target_ = true;
        }
        target_names_ = {raw->name, name, std::string(trim(root.string("target").value_or("")))};
    }

    void read_streams(const Block& root) {
        context_.target_name = config_.target.name;
        context_.target_kind = config_.target.kind;
        context_.target_schema = config_.target.kind == TargetKind::sqlite
                                     ? "main" // As Sling calls it; render_object drops it.
                                     : config_.target.default_schema;
        context_.env = file_->env;
        context_.now = catalogue_.environment.now;
        const auto expansion = expand_streams(read_stream_entries(root), file_->name, problems_);
        for (const auto& stream : expansion.streams) {
            if (auto config = make_stream(stream.endpoint, stream.entry, stream.endpoint.stream)) {
                check_unique(*config, stream);
                config_.streams.push_back(std::move(*config));
                ids_.push_back(stream.entry.block.id.value.value_or(""));
            }
        }
        if (expansion.every_module) {
            const Endpoint any{"module:*", "", EndpointKind::records, true};
            if (auto config = make_stream(any, *expansion.every_module, any_stream_name)) {
                config_.every_module = true;
                config_.module_template = std::move(*config);
            }
        }
        config_.excluded_modules = expansion.excluded_modules;
        if (config_.streams.empty() && !config_.every_module && !problems_.has_errors()) {
            problems_.warn(file_->name, 0, "streams", "no stream is enabled");
        }
    }

    std::optional<StreamConfig>
    make_stream(const Endpoint& endpoint, const StreamEntry& entry, std::string_view name) {
        const StreamBlock& block = entry.block;
        StreamConfig stream;
        stream.endpoint = endpoint;
        stream.line = entry.line;
        if (endpoint.kind == EndpointKind::records) {
            stream.mode = mode_.value_or(block.mode.value.value_or(StreamMode::full_refresh));
            read_window(block, stream);
        } else if (const auto mode = mode_.value_or(block.mode.value.value_or(stream.mode));
                   mode == StreamMode::definition_only || mode == StreamMode::snapshot) {
            stream.mode = mode;
        }
        stream.schedule =
            block.schedule.value ? *block.schedule.value : default_schedule(stream.mode);
        stream.has_default_schedule = !block.schedule.value;
        stream.hooks = block.hooks;
        check_hooks(stream.hooks.pre);
        check_hooks(stream.hooks.post);
        stream.description = block.description.value.value_or("");
        stream.id = block.id.value.value_or("");
        stream.tags = block.tags.value.value_or(std::vector<std::string>{});
        stream.select = block.select.value.value_or(FieldSelection{});
        stream.columns = column_rules_of(block);
        stream.columns.table.metadata = metadata_;
        name_columns_of(entry, stream);
        check_folding(entry, stream);
        // A snapshot's rows are of many times, a detail of one.
        stream.columns.has_details =
            config_.daemon.details == "all" && stream.mode != StreamMode::snapshot;
        stream.casing = block.casing.value.value_or(ColumnCasing::snake);
        stream.delete_missing = block.delete_missing.value.value_or(DeleteMissing::soft);
        stream.merge_strategy = block.merge_strategy.value.value_or(MergeStrategy::update_insert);
        stream.pre_sql = read_sql(block, "pre_sql", block.pre_sql);
        stream.post_sql = read_sql(block, "post_sql", block.post_sql);
        stream.limit = overrides_.limit ? overrides_.limit : block.limit.value;
        if (stream.limit == 0U) {
            stream.limit.reset(); // Sling's way to say "no limit".
        }
        auto target = make_table(entry, name);
        if (!target) {
            return std::nullopt;
        }
        stream.target = std::move(*target);
        return stream;
    }

    TextTemplate read_sql(const StreamBlock& block,
                          const std::string& key,
                          const Setting<std::string>& written) {
        std::string reason;
        auto sql = read_target_sql(written.value.value_or(""),
                                   catalogue_.environment.working_directory,
                                   file_->env,
                                   reason);
        if (!reason.empty() && warned_objects_.insert(key + " " + reason).second) {
            problems_.error(file_->name, block.line, block.path + ".target_options." + key, reason);
        }
        return sql;
    }

    /// `range`, and what a backfill must have beside it.
    void read_window(const StreamBlock& block, StreamConfig& stream) {
        const bool is_flag = !overrides_.range.empty();
        const auto& range = is_flag ? std::optional(overrides_.range) : block.range.value;
        std::string reason;
        if (range) {
            stream.window = parse_range(*range, reason); // What is wrong with it was reported.
        }
        const auto error = [&](const std::string& key, const std::string& text) {
            problems_.error(file_->name, block.line, block.path + "." + key, text);
        };
        if (stream.mode == StreamMode::backfill) {
            const bool has_keys = (block.primary_key.value || !overrides_.primary_key.empty()) &&
                                  (block.update_key.value || !overrides_.update_key.empty());
            if (!has_keys) {
                error("mode",
                      "must specify value for 'update_key' and 'primary_key' for backfill mode: "
                      "`primary_key: id`, `update_key: Modified_Time`");
            }
            if (!range && !block.range.is_wrong) {
                error("mode",
                      "must specify range (source.options.range or --range) for backfill mode");
            }
        } else if (range && stream.mode != StreamMode::incremental) {
            error(is_flag ? "mode" : "source_options.range",
                  std::string("a range can not be combined with mode ") + to_string(stream.mode) +
                      ": use backfill or incremental");
        }
    }

    /// `flatten: false` leaves no columns that anything could be said about.
    void check_folding(const StreamEntry& entry, StreamConfig& stream) {
        auto& rules = stream.columns;
        if (!rules.folds) {
            return;
        }
        std::string what;
        if (stream.endpoint.kind != EndpointKind::records) {
            what = "`flatten: false` has no effect on users and modules: they keep a column for "
                   "each key";
            rules.folds = false;
        } else if (!rules.columns.empty() || !rules.transforms.empty() || rules.null_if ||
                   rules.empty_as_null || rules.max_decimals) {
            what = "`flatten: false` keeps records as they were sent: `columns`, `transforms`, "
                   "`null_if`, `empty_as_null` and `max_decimals` have no effect";
            rules.columns.clear();
            rules.transforms.clear();
        }
        // A pattern's key is one matter however many streams it gives.
        if (!what.empty() && warned_folding_.emplace(entry.block.path, what).second) {
            problems_.warn(
                file_->name, entry.line, entry.block.path + ".source_options.flatten", what);
        }
    }

    /// `@columns` in `select` stands for the names under `columns`.
    void name_columns_of(const StreamEntry& entry, StreamConfig& stream) {
        auto& kept = stream.select.kept;
        if (kept.empty() || kept.front() != "@columns") {
            return;
        }
        kept.erase(kept.begin());
        std::vector<std::string> names;
        names.reserve(stream.columns.columns.size());
        for (const auto& rule : stream.columns.columns) {
            names.push_back(rule.name);
        }
        if (names.empty()) {
            problems_.error(file_->name,
                            entry.line,
                            entry.block.path + ".select",
                            "`@columns` stands for the names under `columns`, and there are none");
        }
        kept.insert(kept.begin(), names.begin(), names.end());
    }

    std::optional<TableName> make_table(const StreamEntry& entry, std::string_view name) {
        const StreamBlock& block = entry.block;
        const std::string shown = name == any_stream_name ? entry.name : std::string(name);
        const auto object = block.object.value.value_or("");
        if (block.object.is_wrong) {
            return std::nullopt;
        }
        if (trim(object).empty()) {
            problems_.error(file_->name,
                            entry.line,
                            block.path + ".object",
                            "need to specify `object` for stream `" + shown +
                                "`: write one under it or under `defaults`, such as "
                                "zoho_crm.{stream_name}");
            return std::nullopt;
        }
        if (!has_target_) {
            return std::nullopt; // Its schema is unknown; the reason was reported.
        }
        auto rendered = render_object(object,
                                      name,
                                      block.description.value.value_or(""),
                                      block.id.value.value_or(""),
                                      context_);
        report_object(entry, shown, object, rendered);
        return rendered.table;
    }

    void report_object(const StreamEntry& entry,
                       const std::string& shown,
                       const std::string& object,
                       const ObjectName& rendered) {
        const std::string path = entry.block.path + ".object";
        std::string unknown = join(rendered.unknown_variables, "}, {");
        if (!unknown.empty()) {
            unknown = "there is no variable {" + unknown + "}";
        }
        if (!rendered.table) {
            problems_.error(file_->name,
                            entry.line,
                            path,
                            "stream `" + shown + "`: " + rendered.error +
                                (unknown.empty() ? "" : "; " + unknown));
            return;
        }
        // A pattern's object is one mistake however many streams it gives.
        if (!unknown.empty() && warned_objects_.insert(object).second) {
            problems_.warn(file_->name, entry.line, path, unknown + "; taken as empty");
        }
        if (has_time_variable(object) && warned_objects_.insert("now " + object).second) {
            problems_.warn(
                file_->name, entry.line, path, "the time in `object` is that of the start");
        }
        check_own_tables(entry, *rendered.table);
    }

    void check_own_tables(const StreamEntry& entry, const TableName& table) {
        const auto& own = config_.daemon.state_schema;
        const bool is_sqlite = config_.target.kind == TargetKind::sqlite;
        const std::string name = lower(table.table);
        if ((is_sqlite && (name.starts_with(lower(own) + "_") || name.starts_with("sqlite_"))) ||
            (!is_sqlite && table.schema == own)) {
            problems_.error(file_->name,
                            entry.line,
                            entry.block.path + ".object",
                            "`" + table.text() +
                                "` lies where our own tables are; choose another "
                                "name, or another daemon.state_schema");
        }
    }

    void check_unique(const StreamConfig& config, const ExpandedStream& stream) {
        const bool is_sqlite = config_.target.kind == TargetKind::sqlite;
        const std::string table = is_sqlite ? lower(config.target.table) : config.target.text();
        const auto [other, is_new] =
            tables_.emplace(table, std::pair(stream.endpoint.stream, stream.entry.line));
        if (!is_new) {
            problems_.error(file_->name,
                            stream.entry.line,
                            stream.entry.block.path + ".object",
                            "streams `" + other->second.first + "` (line " +
                                std::to_string(other->second.second) + ") and `" +
                                stream.endpoint.stream +
                                "` have one table: " + config.target.text());
        }
    }

    const ConfigOverrides& overrides_;
    Problems& problems_;
    Catalogue catalogue_;
    std::optional<ReplicationFile> file_;
    std::optional<StreamMode> mode_;
    ObjectContext context_;
    bool has_target_ = false;
    MetadataColumns metadata_;
    Config config_;
    std::vector<std::string> ids_;
    std::set<std::string> warned_objects_;
    std::set<std::pair<std::string, std::string>> warned_folding_;
    std::set<std::pair<int, std::string>> checked_hooks_;
    std::vector<std::string> target_names_;
    std::map<std::string, std::pair<std::string, int>> tables_;
};

} // namespace

Schedule default_schedule(StreamMode mode) {
    return Schedule::parse(mode == StreamMode::incremental ? "@every 5m"
                           : mode == StreamMode::snapshot  ? "@daily" // Its table only grows.
                                                           : "@every 1h");
}

Config
load_config(const ConfigOverrides& overrides, const Environment& environment, Problems& problems) {
    return Loader(overrides, environment, problems).load();
}

StreamConfig stream_for_module(const Config& config, std::string_view module) {
    StreamConfig stream = config.module_template;
    stream.endpoint = endpoint_for_module(module);
    const auto name = clean_stream_name(stream.endpoint.stream);
    replace_all(stream.target.schema, any_stream_name, name);
    replace_all(stream.target.table, any_stream_name, name);
    return stream;
}

} // namespace zohosyncd
