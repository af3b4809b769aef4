#include "daemon/app/progress.hpp"

namespace zohosyncd {

const char* to_string(StreamActivity activity) {
    switch (activity) {
    case StreamActivity::waiting:
        return "waiting";
    case StreamActivity::reading:
        return "reading";
    case StreamActivity::backing_off:
        return "backing off";
    case StreamActivity::done:
        return "ok";
    case StreamActivity::failed:
        return "failed";
    case StreamActivity::denied:
        return "denied";
    case StreamActivity::blocked:
        return "blocked";
    }
    return "waiting";
}

ProgressBoard::ProgressBoard(const std::vector<std::string>& streams) {
    show(streams);
}

void ProgressBoard::show(const std::vector<std::string>& streams) {
    const std::lock_guard lock(mutex_);
    lines_.clear();
    index_.clear();
    for (const auto& stream : streams) {
        index_[stream] = lines_.size();
        lines_.emplace_back().stream = stream;
    }
}

} // namespace zohosyncd
