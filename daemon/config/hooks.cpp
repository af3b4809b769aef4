#include "daemon/config/hooks.hpp"

#include "daemon/config/hook_variables.hpp"
#include "daemon/config/keys.hpp"
#include "daemon/config/web_address.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

namespace zohosyncd {
namespace {

/// Where a list of hooks stands.
enum class Stage { start, end, pre, post };

bool is_of_root(Stage stage) {
    return stage == Stage::start || stage == Stage::end;
}

constexpr std::array<std::string_view, 4> supported_types{"http", "query", "log", "check"};

/// Sling's other types, and why they are not ours.
constexpr std::pair<std::string_view, std::string_view> other_types[] = {
    {"command", "zohosyncd runs no programs; have a `http` hook call who does"},
    {"replication", "a replication can not begin another one"},
    {"copy", "zohosyncd moves no files"},
    {"delete", "zohosyncd moves no files"},
    {"inspect", "zohosyncd moves no files"},
    {"list", "zohosyncd moves no files"},
    {"read", "zohosyncd moves no files"},
    {"write", "zohosyncd moves no files"},
    {"group", "write its steps one after the other"},
    {"routine", "write its steps one after the other"},
    {"store", "there is nothing to keep values in; use `env`"},
};

std::optional<HookType> parse_type(const Block& block) {
    const auto word = lower(trim(block.text("type").value_or("")));
    const auto found = std::ranges::find(supported_types, word);
    if (found != supported_types.end()) {
        return static_cast<HookType>(found - supported_types.begin());
    }
    if (word.empty()) {
        block.error("type", "`type` is missing: expected http, query, log or check");
        return std::nullopt;
    }
    for (const auto& [type, reason] : other_types) {
        if (word == type) {
            block.error("type",
                        "hooks of type `" + word + "` are not supported: " + std::string(reason));
            return std::nullopt;
        }
    }
    block.error("type",
                "there is no type of hooks `" + word + "`: expected http, query, log or check" +
                    did_you_mean(word, {"http", "query", "log", "check"}));
    return std::nullopt;
}

std::span<const Key> keys_of(HookType type) {
    switch (type) {
    case HookType::http:
        return http_hook_keys();
    case HookType::query:
        return query_hook_keys();
    case HookType::log:
        return log_hook_keys();
    case HookType::check:
        break;
    }
    return check_hook_keys();
}

/// Reads one hook. Each mistake is reported where it stands.
class HookReader {
public:
    HookReader(const Block& block, Stage stage) : block_(block), stage_(stage) {}

    std::optional<Hook> read(std::string name) {
        const auto type = parse_type(block_);
        if (!type) {
            return std::nullopt;
        }
        std::vector<Key> keys(hook_keys().begin(), hook_keys().end());
        keys.insert(keys.end(), keys_of(*type).begin(), keys_of(*type).end());
        block_.check(keys);
        hook_.type = *type;
        hook_.name = block_.text("id").value_or(std::move(name));
        hook_.file = block_.file();
        hook_.line = block_.node().line;
        hook_.path = block_.path_of("");
        hook_.condition = expression("if");
        hook_.on_failure = on_failure();
        read_body();
        check_variables();
        return std::move(hook_);
    }

private:
    void read_body() {
        switch (hook_.type) {
        case HookType::http:
            read_http();
            break;
        case HookType::query:
            hook_.text = required("query");
            (void)required("connection");
            hook_.connection = std::string(trim(block_.text("connection").value_or("")));
            break;
        case HookType::log:
            hook_.text = required("message");
            read_level();
            break;
        case HookType::check:
            (void)required("check");
            hook_.check = expression("check");
            hook_.text = TextTemplate(block_.text("failure_message").value_or(""));
            break;
        }
    }

    TextTemplate required(std::string_view key) {
        const auto text = block_.text(key).value_or("");
        if (trim(text).empty()) {
            block_.error(key, "`" + std::string(key) + "` is missing");
        }
        return TextTemplate(text);
    }

    std::optional<Expression> expression(std::string_view key) {
        const auto text = block_.text(key);
        if (!text || trim(*text).empty()) {
            return std::nullopt;
        }
        try {
            return Expression::parse(*text);
        } catch (const std::invalid_argument& error) {
            block_.error(key, "no condition that zohosyncd knows: " + std::string(error.what()));
            return std::nullopt;
        }
    }

    HookFailure on_failure() {
        using enum HookFailure;
        static constexpr std::pair<std::string_view, HookFailure> words[] = {
            {"abort", abort}, {"warn", warn}, {"quiet", quiet}, {"skip", skip}, {"break", stop}};
        const auto word = lower(trim(block_.text("on_failure").value_or("abort")));
        for (const auto& [name, value] : words) {
            if (word != name) {
                continue;
            }
            if (value == skip && stage_ != Stage::pre) {
                block_.error("on_failure",
                             "`skip` leaves out the run that follows: only a `pre` hook has one");
            }
            return value;
        }
        block_.error("on_failure", "expected abort, warn, quiet, skip or break");
        return abort;
    }

    void read_http() {
        const auto url = std::string(trim(block_.text("url").value_or("")));
        hook_.url = TextTemplate(url);
        if (url.empty()) {
            block_.error("url", "`url` is missing");
        } else if (const auto reason = refusal_of_written(url); !reason.empty()) {
            block_.error("url", reason);
        }
        hook_.method = upper(trim(block_.text("method").value_or("GET")));
        constexpr std::string_view methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE"};
        if (std::ranges::find(methods, hook_.method) == std::end(methods)) {
            block_.error("method", "expected GET, POST, PUT, PATCH or DELETE");
        }
        hook_.text = TextTemplate(block_.text("payload").value_or(""));
        if (!hook_.text.empty() && hook_.method == "GET") {
            block_.error("payload", "GET sends none: set `method: POST`");
        }
        const auto headers = block_.block("headers");
        for (const auto& entry : headers ? headers->node().entries : std::vector<Node::Entry>{}) {
            if (!entry.value.is_scalar() || !is_header_name(entry.key)) {
                headers->error(entry.key, "expected a header's name and its text");
                continue;
            }
            hook_.headers.emplace_back(entry.key, TextTemplate(entry.value.text));
        }
    }

    static bool is_header_name(std::string_view name) {
        return !name.empty() && std::ranges::all_of(name, [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                   c == '-' || c == '_';
        });
    }

    /// Where a variable stands in the host, only the run can tell.
    static std::string refusal_of_written(const std::string& url) {
        const auto scheme = url.find("://");
        const auto path = url.find_first_of("/?#", scheme == std::string::npos ? 0 : scheme + 3);
        const auto variable = url.find('{');
        return variable < path ? std::string{} : refusal_of_address(url.substr(0, path));
    }

    void read_level() {
        constexpr std::string_view levels[] = {"debug", "info", "warn", "error"};
        hook_.level = lower(trim(block_.text("level").value_or("info")));
        if (hook_.level == "warning") {
            hook_.level = "warn";
        }
        if (std::ranges::find(levels, hook_.level) == std::end(levels)) {
            block_.error("level", "expected debug, info, warn or error");
        }
    }

    void check_variables() const {
        const auto known = is_of_root(stage_) ? root_hook_variables() : stream_hook_variables();
        for (const auto& name : variables_of(hook_)) {
            if (name.starts_with("env.") || std::ranges::find(known, name) != known.end()) {
                continue; // Whether `env` has it is known when the whole file is read.
            }
            const bool is_stored = name.starts_with("store.") || name.starts_with("state.");
            block_.error("",
                         "there is no variable {" + name + "} here" +
                             (is_stored ? ": hooks keep nothing for each other"
                                        : did_you_mean(name, known)));
        }
    }

    const Block& block_;
    Stage stage_;
    Hook hook_;
};

std::vector<Hook> read_list(const Block& hooks, const Node::Entry& entry, Stage stage) {
    std::vector<Hook> list;
    if (is_nothing(entry.value)) {
        return list;
    }
    if (entry.value.kind != Node::Kind::sequence) {
        hooks.error(entry.key,
                    "could not parse `" + hooks.path_of(entry.key) + "`: expected a list, found " +
                        found(entry.value));
        return list;
    }
    for (std::size_t i = 0; i < entry.value.items.size(); ++i) {
        const Node& item = entry.value.items[i];
        const std::string name = lower(entry.key) + "[" + std::to_string(i) + "]";
        if (!item.is_map()) {
            hooks.problems().error(hooks.file(),
                                   item.line,
                                   hooks.path_of(name),
                                   "expected a map with `type`, found " + found(item));
            continue;
        }
        const Block block(item, hooks.path_of(name), hooks.file(), hooks.problems());
        if (auto hook = HookReader(block, stage).read(name)) {
            list.push_back(std::move(*hook));
        }
    }
    return list;
}

} // namespace

StreamHooks read_stream_hooks(const Block& hooks) {
    StreamHooks result;
    for (const auto& entry : hooks.node().entries) {
        const auto stage = lower(entry.key);
        if (stage == "pre") {
            result.pre = read_list(hooks, entry, Stage::pre);
        } else if (stage == "post") {
            result.post = read_list(hooks, entry, Stage::post);
        } else if (stage == "pre_merge" || stage == "post_merge") {
            if (!is_nothing(entry.value)) {
                hooks.error(entry.key,
                            "`" + stage + "` is not supported: rows are committed page by page, " +
                                "there is no one merge that a hook could be a part of; use `" +
                                (stage == "pre_merge" ? "pre" : "post") + "`");
            }
        } else if (stage == "start" || stage == "end") {
            hooks.error(entry.key, "`" + stage + "` hooks belong under `hooks` at the root");
        } else {
            hooks.error(entry.key,
                        "there is no such stage: expected pre or post" +
                            did_you_mean(stage, {"pre", "post"}));
        }
    }
    return result;
}

RootHooks read_root_hooks(const Block& hooks) {
    RootHooks result;
    for (const auto& entry : hooks.node().entries) {
        const auto stage = lower(entry.key);
        if (stage == "start") {
            result.start = read_list(hooks, entry, Stage::start);
        } else if (stage == "end") {
            result.end = read_list(hooks, entry, Stage::end);
        } else if (stage == "pre" || stage == "post" || stage == "pre_merge" ||
                   stage == "post_merge") {
            hooks.error(entry.key,
                        "cannot declare a \"" + stage +
                            "\" hook at replication level, only accepts start/end.");
        } else {
            hooks.error(entry.key,
                        "there is no such stage: expected start or end" +
                            did_you_mean(stage, {"start", "end"}));
        }
    }
    return result;
}

std::vector<std::string> variables_of(const Hook& hook) {
    std::vector<std::string> names;
    const auto add = [&names](const std::vector<std::string>& more) {
        for (const auto& name : more) {
            if (std::ranges::find(names, name) == names.end()) {
                names.push_back(name);
            }
        }
    };
    for (const auto* expression : {&hook.condition, &hook.check}) {
        if (*expression) {
            add((*expression)->variables());
        }
    }
    add(hook.text.variables());
    add(hook.url.variables());
    for (const auto& [name, value] : hook.headers) {
        add(value.variables());
    }
    return names;
}

void check_references(const Hook& hook,
                      const std::map<std::string, std::string>& env,
                      const std::vector<std::string>& targets,
                      Problems& problems) {
    for (const auto& name : variables_of(hook)) {
        constexpr std::string_view prefix = "env.";
        if (name.starts_with(prefix) && !env.contains(name.substr(prefix.size()))) {
            problems.error(hook.file,
                           hook.line,
                           hook.path,
                           "there is no variable {" + name + "}: add it to `env`");
        }
    }
    const auto is_it = [&](const std::string& target) {
        return equal_ignoring_case(target, hook.connection);
    };
    const bool names_the_target = hook.connection.empty() || hook.connection == "{target.name}" ||
                                  hook.connection == "{target_name}" ||
                                  std::ranges::any_of(targets, is_it);
    if (!names_the_target) {
        problems.error(hook.file,
                       hook.line,
                       hook.path + ".connection",
                       "queries run on the target only: write `{target.name}`");
    }
}

std::string refusal_of_address(const std::string& url) {
    const auto is_unprintable = [](char c) {
        return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F;
    };
    if (std::ranges::any_of(url, is_unprintable)) {
        return "a URL has no blanks and no control characters";
    }
    const auto scheme = url.find("://");
    if (scheme == std::string::npos) {
        return "expected https:// and a host";
    }
    const auto authority = url.substr(0, url.find_first_of("/?#", scheme + 3));
    if (authority.find('@') != std::string::npos) {
        return "no user and no password in a URL; use `headers`";
    }
    const auto address = parse_web_address(authority);
    if (!address) {
        return "expected https:// and a host";
    }
    if (!address->is_https && !is_loopback(address->host)) {
        return "http:// is accepted for loopback addresses only";
    }
    return {};
}

} // namespace zohosyncd
