#include "daemon/app/session.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/zoho/metadata.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
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
        found.is_incremental =
            std::any_of(fields.begin(), fields.end(), [](const ZohoField& field) {
                return field.api_name == "Modified_Time";
            });
    } catch (const SyncError& error) {
        if (reaction_to(error.kind()) != Reaction::deny_stream) {
            throw;
        }
        found.problem = error.zoho_code().empty() ? "no fields" : error.zoho_code();
    }
}

std::vector<Found>
find_all(ApiClient& client, const Config* selection, const std::stop_token& stop) {
    std::vector<Found> all;
    for (const auto& endpoint : known_endpoints()) {
        Found found{
            endpoint.stream, endpoint.module, false, 0, is_selected(selection, endpoint), {}};
        if (endpoint.kind == EndpointKind::records) {
            count_fields(client, found, stop);
        }
        all.push_back(std::move(found));
    }
    for (const auto& module : read_modules(client, stop)) {
        const Endpoint endpoint = endpoint_for_module(module.api_name);
        if (find_endpoint(endpoint.stream)) {
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

} // namespace

ExitCode discover_verb(const ZohoConnection& source,
                       const DaemonConfig& daemon,
                       const Config* selection,
                       bool as_json,
                       Clock& clock,
                       const std::stop_token& stop) {
    RequestGate gate(gate_limits(source), clock);
    ZohoSession session(source, daemon, gate, clock);
    const auto client = session.make_client();
    const auto all = find_all(*client, selection, stop);
    if (as_json) {
        print_json(all);
    } else {
        print_table(all);
    }
    return ExitCode::ok;
}

} // namespace zohosyncd
