#include "daemon/app/hook_runner.hpp"

#include "daemon/app/cli.hpp"
#include "daemon/app/session.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/net/curl_transport.hpp"
#include "daemon/runtime/log.hpp"
#include "daemon/runtime/pulse.hpp"
#include "sinks/postgres/statements_of_others.hpp"
#include "sinks/sqlite/statements_of_others.hpp"

#include <strings.h>

#include <algorithm>
#include <cstdio>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

// A webhook answers within seconds; a fetcher waits for it.
constexpr std::chrono::milliseconds longest_request = 60s;
constexpr std::size_t largest_answer = std::size_t{1024} * 1024; // It is thrown away.
// Refreshing a materialized view takes minutes. Less than what the watchdog takes for hanging.
constexpr std::chrono::milliseconds longest_query = 10min;

HttpLimits hook_limits() {
    HttpLimits limits;
    limits.total = longest_request;
    limits.body = largest_answer;
    return limits;
}

/// RFC 3986's unreserved characters stay.
std::string percent_encode(std::string_view text) {
    std::string result;
    for (const char c : text) {
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') ||
                              std::string_view("-._~").find(c) != std::string_view::npos;
        if (is_plain) {
            result += c;
            continue;
        }
        char code[4];
        std::snprintf(
            code, sizeof(code), "%%%02X", static_cast<unsigned>(static_cast<unsigned char>(c)));
        result += code;
    }
    return result;
}

/// What comes from a run is a part of a URL's path or query; what `env` has may be any part.
Variables encoded(const Variables& values) {
    Variables result = values;
    for (auto& [name, value] : result) {
        if (!name.starts_with("env.")) {
            value = percent_encode(value);
        }
    }
    return result;
}

bool looks_like_json(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r\n");
    return begin != std::string_view::npos && (text[begin] == '{' || text[begin] == '[');
}

bool has_header(const HttpRequest& request, std::string_view name) {
    return std::ranges::any_of(request.headers, [&](const std::string& header) {
        return header.size() > name.size() && header[name.size()] == ':' &&
               strncasecmp(header.c_str(), name.data(), name.size()) == 0;
    });
}

[[noreturn]] void refuse(const std::string& reason) {
    throw SyncError(ErrorKind::bad_config, reason);
}

HttpRequest request_of(const Hook& hook, const Variables& values) {
    HttpRequest request;
    request.method = hook.method;
    request.url = hook.url.render(encoded(values));
    if (const auto reason = refusal_of_address(request.url); !reason.empty()) {
        refuse("url: " + reason); // Not the URL: it may hold a key.
    }
    // A look at the written text: what a value begins with says nothing.
    const bool is_json = looks_like_json(hook.text.render({}));
    request.body = hook.text.render(values, is_json ? escape_for_json : nullptr);
    for (const auto& [name, value] : hook.headers) {
        const auto text = value.render(values);
        if (text.find_first_of("\r\n") != std::string::npos) {
            refuse("header " + name + ": a line break would begin another header");
        }
        request.headers.push_back(name + ": " + text);
    }
    if (!request.body.empty() && !has_header(request, "Content-Type")) {
        request.headers.emplace_back(is_json ? "Content-Type: application/json"
                                             : "Content-Type: text/plain; charset=utf-8");
    }
    if (!has_header(request, "User-Agent")) {
        request.headers.push_back(std::string("User-Agent: zohosyncd/") + program_version());
    }
    return request;
}

void send(const Hook& hook,
          const Variables& values,
          const HookActions& actions,
          const std::stop_token& stop) {
    const auto request = request_of(hook, values);
    const long status = actions.send(request, stop);
    if (status < 200 || status > 299) {
        const auto path = request.url.find_first_of("/?#", request.url.find("://") + 3);
        throw SyncError(ErrorKind::bad_response,
                        hook.method + " " + request.url.substr(0, path) + " was answered with " +
                            std::to_string(status));
    }
}

Level level_of(const Hook& hook) {
    return log::level_from(hook.level);
}

/// Throws SyncError where the hook fails.
void run_one(const Hook& hook,
             const Variables& values,
             const std::string& stream,
             const HookActions& actions,
             const std::stop_token& stop) {
    switch (hook.type) {
    case HookType::http:
        send(hook, values, actions, stop);
        break;
    case HookType::query:
        actions.query(hook.text.render(values, escape_for_sql), stop);
        break;
    case HookType::log:
        log::event(
            level_of(hook),
            "hook_says",
            {kv("stream", stream), kv("hook", hook.name), kv("message", hook.text.render(values))});
        break;
    case HookType::check:
        if (!hook.check->is_true(values)) {
            const auto message = hook.text.render(values);
            refuse(message.empty() ? "the check is not true" : message);
        }
        break;
    }
}

/// Whether the list goes on after this failure; if not, `outcome` says what it means.
bool goes_on(const Hook& hook,
             const std::string& stream,
             const std::string& error,
             HookOutcome& outcome) {
    const auto say = [&](Level level) {
        log::event(level,
                   "hook_failed",
                   {kv("stream", stream), kv("hook", hook.name), kv("error", error)});
    };
    switch (hook.on_failure) {
    case HookFailure::abort:
        say(Level::error);
        outcome = {HookOutcome::Result::failed, "hook " + hook.name + " failed: " + error};
        return false;
    case HookFailure::warn:
        say(Level::warn);
        return true;
    case HookFailure::quiet:
        say(Level::debug);
        return true;
    case HookFailure::skip:
        say(Level::info);
        outcome.result = HookOutcome::Result::skips_the_run;
        return false;
    case HookFailure::stop:
        say(Level::info);
        return false;
    }
    return false;
}

} // namespace

HookActions hook_actions(const TargetConnection& target) {
    HookActions actions;
    actions.send = [](const HttpRequest& request, const std::stop_token& stop) {
        HttpResponse response;
        make_curl_transport(hook_limits())->send(request, response, stop);
        return response.status;
    };
    // No state schema: these sessions have no business in it.
    if (target.kind == TargetKind::postgres) {
        actions.query = [options = postgres_options(target, {})](const std::string& sql,
                                                                 const std::stop_token& stop) {
            postgres::run_statements(options, sql, longest_query, stop);
        };
    } else {
        actions.query = [options = sqlite_options(target, {})](const std::string& sql,
                                                               const std::stop_token& stop) {
            sqlite::run_statements(options, sql, longest_query, stop);
        };
    }
    return actions;
}

HookOutcome run_hooks(const std::vector<Hook>& hooks,
                      const Variables& values,
                      const std::string& stream,
                      const HookActions& actions,
                      const std::stop_token& stop) {
    HookOutcome outcome;
    for (const auto& hook : hooks) {
        if (stop.stop_requested()) {
            throw SyncError(ErrorKind::stopped, "stopped before a hook");
        }
        if (hook.condition && !hook.condition->is_true(values)) {
            log::event(
                Level::debug, "hook_left_out", {kv("stream", stream), kv("hook", hook.name)});
            continue;
        }
        try {
            run_one(hook, values, stream, actions, stop);
            log::event(Level::debug, "hook_done", {kv("stream", stream), kv("hook", hook.name)});
        } catch (const SyncError& error) {
            if (error.kind() == ErrorKind::stopped || stop.stop_requested()) {
                throw SyncError(ErrorKind::stopped, "stopped during a hook");
            }
            if (!goes_on(hook, stream, error.what(), outcome)) {
                return outcome;
            }
        }
        pulse::sign();
    }
    return outcome;
}

} // namespace zohosyncd
