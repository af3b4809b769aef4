#pragma once

#include "daemon/app/stream_run.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/time.hpp"
#include "tests/fakes/recording_sink.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zohosyncd::fixture {

using namespace std::chrono_literals;

/// What the manual clock shows at first: 2023-11-14T22:13:20Z.
constexpr std::chrono::sys_seconds noon = fakes::ManualClock::wall_begin;

inline std::map<std::string, std::string> dated(std::chrono::sys_seconds time) {
    const auto seconds = static_cast<std::time_t>(time.time_since_epoch().count());
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    (void)std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return {{"date", text}};
}

inline std::string
record(std::int64_t id, std::chrono::sys_seconds modified, const std::string& name = "x") {
    return R"({"id":")" + std::to_string(id) + R"(","Modified_Time":")" + format_utc(modified) +
           R"(","Last_Name":")" + name + "\"}";
}

inline std::string joined(const std::vector<std::string>& parts) {
    std::string text;
    for (const auto& part : parts) {
        text += (text.empty() ? "" : ",") + part;
    }
    return text;
}

enum class More { no, yes };

inline std::string page(const std::vector<std::string>& records, More more = More::no) {
    return R"({"data":[)" + joined(records) + R"(],"info":{"more_records":)" +
           (more == More::yes ? R"(true,"next_page_token":"t")" : "false") + "}}";
}

/// A page of the delete list.
inline std::string
deleted(const std::vector<std::pair<std::int64_t, std::chrono::sys_seconds>>& records) {
    std::vector<std::string> entries;
    for (const auto& [id, time] : records) {
        entries.push_back(R"({"id":")" + std::to_string(id) + R"(","deleted_time":")" +
                          format_utc(time) + "\"}");
    }
    return page(entries);
}

inline const std::string lead_fields =
    R"({"fields":[{"api_name":"Last_Name","data_type":"text","json_type":"string"},)"
    R"({"api_name":"Modified_Time","data_type":"datetime","json_type":"string"}]})";

/// Everything that one run of a stream works with, in front of a scripted Zoho. Each request takes
/// a second of the manual clock, so that a commit falls due with every second page.
struct RunFixture {
    explicit RunFixture(const std::string& name = "leads") {
        config.source.name = "ZOHO_CRM";
        organisation.id = "42";
        organisation.first_contact = noon;
        organisation.credits_allowed = 5000;
        organisation.inclusive = 1;
        stream.endpoint = find_endpoint(name).value();
        stream.mode = stream.endpoint.kind == EndpointKind::records ? StreamMode::incremental
                                                                    : StreamMode::full_refresh;
        stream.target = {"zoho_crm", name};
    }

    void run() { run_stream(context, stream, memory, stop.get_token()); }

    /// What the run threw; nothing when it went well.
    std::optional<ErrorKind> run_fails() {
        try {
            run();
        } catch (const SyncError& error) {
            return error.kind();
        }
        return std::nullopt;
    }

    /// A run that finds nothing new.
    void run_idle(std::chrono::sys_seconds date) {
        script.reply(304, "", dated(date));
        script.reply(304, "", dated(date));
        run();
    }

    /// What Zoho was asked since the last call of this function, as "Leads since …".
    std::vector<std::string> asked() {
        std::vector<std::string> lines;
        const auto requests = script.requests();
        for (; seen_requests < requests.size(); ++seen_requests) {
            const auto& request = requests[seen_requests];
            const std::string path = request.url.substr(request.url.find("/crm/v6/") + 8);
            std::string line = path.substr(0, path.find('?'));
            for (const auto& header : request.headers) {
                if (header.starts_with("If-Modified-Since: ")) {
                    line += " since " + header.substr(19, 19) + "Z";
                }
            }
            lines.push_back(line + (path.find("page_token=") == std::string::npos ? "" : " token"));
        }
        return lines;
    }

    [[nodiscard]] StreamKey key() const {
        return {config.source.name, stream.endpoint.stream, stream.target};
    }

    [[nodiscard]] StreamState state() const { return target.state(key()); }

    [[nodiscard]] fakes::RecordingTarget::Rows rows() const {
        return target.rows(stream.target.text());
    }

    ZohoSettings settings = fakes::zoho_settings();
    fakes::ManualClock clock;
    fakes::Script script;
    RequestGate gate{{1, 3}, clock};
    TokenProvider tokens{settings, gate, clock};
    ApiClient client{
        settings, tokens, gate, clock, std::make_unique<fakes::ScriptedTransport>(script)};
    Config config;
    Organisation organisation;
    FieldCatalog fields{clock, std::chrono::hours(24 * 365)};
    ProgressBoard board{{"leads", "deals", "notes", "users", "modules"}};
    fakes::RecordingTarget target;
    fakes::RecordingSink sink{target};
    StreamConfig stream;
    StreamMemory memory;
    std::stop_source stop;
    std::size_t seen_requests = 0;
    RunContext context{config, organisation, fields, gate, clock, board, client, sink};
};

/// "Leads since 2023-…", as RunFixture::asked says it.
inline std::string since(const std::string& path, std::chrono::sys_seconds time) {
    return path + " since " + format_utc(time);
}

/// A stream whose first run is over, at noon by Zoho's clock, with the rows 1 and 2.
struct Settled : RunFixture {
    explicit Settled(const std::string& name = "leads") : RunFixture(name) {
        script.reply(200, lead_fields);
        script.reply(200, page({record(1, noon - 20h), record(2, noon - 10h)}), dated(noon));
        if (stream.endpoint.has_delete_list) {
            script.reply(204, "", dated(noon + 1s));
        }
        run();
        (void)asked();
        calls_before = target.calls().size();
    }

    /// The calls of the sink since then, without those that only look.
    [[nodiscard]] std::vector<std::string> written() const {
        std::vector<std::string> names;
        const auto calls = target.calls();
        for (std::size_t i = calls_before; i < calls.size(); ++i) {
            const auto& name = calls[i].name;
            if (name != "prepare" && name != "soft_deleted") {
                names.push_back(name);
            }
        }
        return names;
    }

    std::size_t calls_before = 0;
};

} // namespace zohosyncd::fixture
