#include "daemon/app/service_state.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

std::string names_of(const std::vector<StreamProgress>& lines, StreamActivity activity) {
    std::string names;
    for (const auto& line : lines) {
        if (line.activity == activity) {
            names += (names.empty() ? "" : ", ") + line.stream;
        }
    }
    return names;
}

std::string describe_streams(const std::vector<StreamProgress>& lines) {
    const auto troubled = std::count_if(lines.begin(), lines.end(), [](const auto& line) {
        return line.activity == StreamActivity::backing_off ||
               line.activity == StreamActivity::denied || line.activity == StreamActivity::blocked;
    });
    const auto total = lines.size();
    std::string text = "syncing " + std::to_string(total) + " streams";
    if (troubled > 0) {
        text += ", " + std::to_string(troubled) + " in trouble";
    }
    for (const auto activity :
         {StreamActivity::backing_off, StreamActivity::denied, StreamActivity::blocked}) {
        const auto names = names_of(lines, activity);
        if (!names.empty()) {
            text += std::string("; ") + to_string(activity) + ": " + names;
        }
    }
    return text;
}

std::string describe_phase(const ServiceState::Snapshot& state,
                           const std::vector<StreamProgress>& lines) {
    switch (state.phase) {
    case Phase::waiting_for_target:
        return "waiting for the target";
    case Phase::standing_by:
        return "standing by: another process may hold the lease";
    case Phase::waiting_for_zoho:
        return "waiting for Zoho";
    case Phase::syncing:
        return describe_streams(lines);
    case Phase::stopping:
        return "stopping";
    }
    return "";
}

} // namespace

std::string describe(const ServiceState::Snapshot& state,
                     const std::vector<StreamProgress>& lines) {
    std::string text = describe_phase(state, lines);
    if (!state.reload_error.empty()) {
        text += "; the changed configuration was refused, the old one is in use";
    }
    return text;
}

} // namespace zohosyncd
