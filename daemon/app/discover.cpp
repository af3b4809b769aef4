#include "daemon/app/session.hpp"
#include "daemon/app/verbs.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/zoho/metadata.hpp"
#include "daemon/zoho/module_survey.hpp"

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
    std::string problem = {}; ///< Why it can not be read; empty when it can.
    std::string remark = {};  ///< Something else to know.
    std::string kind = {};    ///< Zoho's generated_type: "default", "custom", "linking", …
    std::string label = {};   ///< What people see in Zoho.

    [[nodiscard]] const std::string& note() const { return problem.empty() ? remark : problem; }
};

class Discovery {
public:
    Discovery(ApiClient& client,
              const Config* selection,
              const std::string& pattern,
              const std::stop_token& stop)
        : client_(client), selection_(selection), pattern_(pattern), stop_(stop) {}

    std::vector<Found> find_all() {
        const auto modules = read_modules(client_, stop_);
        for (const auto& endpoint : known_endpoints()) {
            const auto module =
                std::find_if(modules.begin(), modules.end(), [&](const ZohoModule& candidate) {
                    return candidate.api_name == endpoint.module;
                });
            if (is_wanted(endpoint)) {
                add(endpoint, module == modules.end() ? nullptr : &*module);
            }
        }
        for (const auto& module : modules) {
            const Endpoint endpoint = endpoint_for_module(module.api_name);
            if (!is_known(endpoint) && is_wanted(endpoint)) {
                add(endpoint, &module);
            }
        }
        return std::move(all_);
    }

private:
    /// A module may have the name of a stream that is another one, such as "Users".
    static bool is_known(const Endpoint& endpoint) {
        const auto& known = known_endpoints();
        return std::find(known.begin(), known.end(), endpoint) != known.end();
    }

    [[nodiscard]] bool is_wanted(const Endpoint& endpoint) const {
        return pattern_.empty() ||
               fnmatch(pattern_.c_str(), endpoint.stream.c_str(), FNM_CASEFOLD) == 0;
    }

    [[nodiscard]] bool
    is_selected(const Endpoint& endpoint, const ZohoModule* module, bool is_readable) const {
        if (selection_ == nullptr) {
            return false;
        }
        const bool has_stream =
            std::any_of(selection_->streams.begin(),
                        selection_->streams.end(),
                        [&](const StreamConfig& stream) { return stream.endpoint == endpoint; });
        const auto& excluded = selection_->excluded_modules;
        return has_stream ||
               (selection_->every_module && module != nullptr && is_readable &&
                std::find(excluded.begin(), excluded.end(), module->api_name) == excluded.end());
    }

    /// `module` is how Zoho lists it; null where it does not.
    void add(const Endpoint& endpoint, const ZohoModule* module) {
        Found found{endpoint.stream, endpoint.module};
        found.problem = module == nullptr ? std::string{} : why_not_listed(*module);
        if (endpoint.kind == EndpointKind::records) {
            if (found.problem.empty()) {
                look_at_records(found);
            }
            remark(found, module);
        }
        found.is_selected = is_selected(endpoint, module, found.problem.empty());
        all_.push_back(std::move(found));
    }

    void look_at_records(Found& found) {
        auto survey = survey_module(client_, found.module, stop_);
        found.fields = static_cast<std::size_t>(
            std::count_if(survey.fields.begin(), survey.fields.end(), is_delivered_by_lists));
        found.is_incremental = survey.problem.empty() && has_versions(survey.fields);
        found.problem = std::move(survey.problem);
        if (found.problem.empty() && !found.is_incremental) {
            found.remark = why_read_whole;
        }
    }

    static void remark(Found& found, const ZohoModule* module) {
        if (module == nullptr) {
            return;
        }
        found.kind = module->generated_type;
        found.label = module->label;
        if (!module->status.empty() && module->status != "visible") {
            found.remark += (found.remark.empty() ? "" : "; ") + module->status;
        }
    }

    ApiClient& client_;
    const Config* selection_;
    const std::string& pattern_;
    const std::stop_token& stop_;
    std::vector<Found> all_;
};

nlohmann::json text_or_null(const std::string& text) {
    return text.empty() ? nlohmann::json() : nlohmann::json(text);
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
             {"kind", text_or_null(found.kind)},
             {"label", text_or_null(found.label)},
             {"problem", text_or_null(found.problem)},
             {"remark", text_or_null(found.remark)}});
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
                        found.note()});
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
std::string quoted_note(std::string note) {
    for (auto at = note.find('"'); at != std::string::npos; at = note.find('"', at + 2)) {
        note.insert(at, 1, '"');
    }
    return "\"" + note + "\"";
}

void print_csv(const std::vector<Found>& all) {
    std::cout << fmt::format("{}\n", fmt::join(titles, ","));
    for (const auto& found : all) {
        std::cout << fmt::format("{},{},{},{},{},{}\n",
                                 found.stream,
                                 found.module,
                                 found.is_incremental,
                                 found.fields,
                                 found.is_selected,
                                 quoted_note(found.note()));
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
                                 found.note());
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
    print(Discovery(*client, selection, options.pattern, stop).find_all(), options.format);
    return ExitCode::ok;
}

} // namespace zohosyncd
