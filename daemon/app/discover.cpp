#include "daemon/app/session.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/zoho/metadata.hpp"

#include <fmt/format.h>
#include <fnmatch.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <iostream>

namespace zohosyncd {
namespace {

/// One endpoint or module, as discover shows it.
struct Found {
    std::string stream;
    std::string module;
    bool is_incremental = false;
    std::size_t fields = 0;
    bool is_selected = false;
    std::string problem; ///< Why it can not be read; empty when it can.
};

bool is_selected(const Config* config, const Endpoint& endpoint) {
    return config != nullptr &&
           std::any_of(config->streams.begin(),
                       config->streams.end(),
                       [&](const StreamConfig& stream) { return stream.endpoint == endpoint; });
}

void count_fields(ApiClient& client, Found& found, const std::stop_token& stop) {
    try {
        const auto fields = read_fields(client, found.module, stop);
        found.fields = static_cast<std::size_t>(
            std::count_if(fields.begin(), fields.end(), is_delivered_by_lists));
        found.is_incremental = has_versions(fields);
    } catch (const SyncError& error) {
        if (reaction_to(error.kind()) != Reaction::deny_stream) {
            throw;
        }
        found.problem = error.zoho_code().empty() ? "no fields" : error.zoho_code();
    }
}

std::vector<Found> find_all(ApiClient& client,
                            const Config* selection,
                            const std::string& pattern,
                            const std::stop_token& stop) {
    const auto is_wanted = [&pattern](const Endpoint& endpoint) {
        return pattern.empty() ||
               fnmatch(pattern.c_str(), endpoint.stream.c_str(), FNM_CASEFOLD) == 0;
    };
    std::vector<Found> all;
    for (const auto& endpoint : known_endpoints()) {
        if (!is_wanted(endpoint)) {
            continue;
        }
        Found found{
            endpoint.stream, endpoint.module, false, 0, is_selected(selection, endpoint), {}};
        if (endpoint.kind == EndpointKind::records) {
            count_fields(client, found, stop);
        }
        all.push_back(std::move(found));
    }
    for (const auto& module : read_modules(client, stop)) {
        const Endpoint endpoint = endpoint_for_module(module.api_name);
        if (find_endpoint(endpoint.stream) || !is_wanted(endpoint)) {
            continue;
        }
        Found found{
            endpoint.stream, endpoint.module, false, 0, is_selected(selection, endpoint), {}};
        if (!module.is_api_supported) {
            found.problem = "not supported by the API";
        } else if (!module.is_viewable) {
            found.problem = "not visible to the token's user";
        } else {
            count_fields(client, found, stop);
        }
        all.push_back(std::move(found));
    }
    return all;
}

void print_json(const std::vector<Found>& all) {
    nlohmann::json list = nlohmann::json::array();
    for (const auto& found : all) {
        list.push_back(
            {{"stream", found.stream},
             {"module", found.module.empty() ? nlohmann::json() : nlohmann::json(found.module)},
             {"incremental", found.is_incremental},
             {"fields", found.fields},
             {"selected", found.is_selected},
             {"problem",
              found.problem.empty() ? nlohmann::json() : nlohmann::json(found.problem)}});
    }
    std::cout << list.dump(2) << "\n";
}

nlohmann::ordered_json rows_of(const std::vector<Found>& all) {
    nlohmann::ordered_json rows = nlohmann::ordered_json::array();
    for (const auto& found : all) {
        rows.push_back({found.stream,
                        found.module,
                        found.is_incremental,
                        found.fields,
                        found.is_selected,
                        found.problem});
    }
    return rows;
}

constexpr std::array<const char*, 6> titles{
    "stream", "module", "incremental", "fields", "selected", "note"};

void print_rows_as_json(const std::vector<Found>& all) {
    nlohmann::ordered_json document;
    document["fields"] = titles;
    document["rows"] = rows_of(all);
    std::cout << document.dump() << "\n";
}

/// Names of streams and modules are plain identifiers; what a note says is quoted.
void print_csv(const std::vector<Found>& all) {
    std::cout << fmt::format("{}\n", fmt::join(titles, ","));
    for (const auto& found : all) {
        std::cout << fmt::format("{},{},{},{},{},\"{}\"\n",
                                 found.stream,
                                 found.module,
                                 found.is_incremental,
                                 found.fields,
                                 found.is_selected,
                                 found.problem);
    }
}

void print_table(const std::vector<Found>& all) {
    std::cout << fmt::format("{:<24} {:<24} {:<13} {:>6} {:<9} {}\n",
                             "stream",
                             "module",
                             "incremental",
                             "fields",
                             "selected",
                             "note");
    for (const auto& found : all) {
        std::cout << fmt::format("{:<24} {:<24} {:<13} {:>6} {:<9} {}\n",
                                 found.stream,
                                 found.module,
                                 found.is_incremental ? "yes" : "no",
                                 found.fields,
                                 found.is_selected ? "yes" : "no",
                                 found.problem);
    }
}

void print(const std::vector<Found>& all, DiscoverOptions::Format format) {
    switch (format) {
    case DiscoverOptions::Format::table:
        print_table(all);
        break;
    case DiscoverOptions::Format::json:
        print_json(all);
        break;
    case DiscoverOptions::Format::rows_json:
        print_rows_as_json(all);
        break;
    case DiscoverOptions::Format::csv:
        print_csv(all);
        break;
    }
}

} // namespace

ExitCode discover_verb(const ZohoConnection& source,
                       const DaemonConfig& daemon,
                       const Config* selection,
                       const DiscoverOptions& options,
                       Clock& clock,
                       const std::stop_token& stop) {
    RequestGate gate(gate_limits(source), clock);
    ZohoSession session(source, daemon, gate, clock);
    const auto client = session.make_client();
    print(find_all(*client, selection, options.pattern, stop), options.format);
    return ExitCode::ok;
}

} // namespace zohosyncd
