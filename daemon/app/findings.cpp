#include "daemon/app/findings.hpp"

#include "daemon/runtime/log.hpp"
#include "daemon/runtime/metrics.hpp"

namespace zohosyncd {
namespace {

using log::kv;
using log::Level;

const char* name_of(DifferenceKind kind) {
    switch (kind) {
    case DifferenceKind::missing:
        return "missing";
    case DifferenceKind::extra:
        return "extra";
    case DifferenceKind::differing:
        return "differing";
    }
    return "unknown";
}

void count(Differences& differences, DifferenceKind kind) {
    switch (kind) {
    case DifferenceKind::missing:
        ++differences.missing;
        return;
    case DifferenceKind::extra:
        ++differences.extra;
        return;
    case DifferenceKind::differing:
        ++differences.differing;
        return;
    }
}

} // namespace

void note_difference(Findings& findings,
                     const std::string& stream,
                     DifferenceKind kind,
                     std::int64_t id,
                     bool is_left) {
    count(findings.found, kind);
    if (is_left) {
        count(findings.left, kind);
    }
    log::event(Level::warn,
               "difference",
               {kv("stream", stream),
                kv("kind", name_of(kind)),
                kv("id", id),
                kv("mended", is_left ? "no" : "yes")});
}

SyncError not_synced_yet(const StreamKey& key) {
    return {ErrorKind::sink_refused,
            "stream " + key.stream + " has not been synced into " + key.target.text() +
                " yet: run `zohosyncd sync` first"};
}

void store_findings(Sink& sink,
                    const StreamKey& key,
                    const Findings& findings,
                    std::optional<std::int64_t> mended_generation) {
    const auto& left = findings.left;
    sink.record_verification(
        key, {findings.at.value(), left.missing, left.extra, left.differing, mended_generation});
    metrics::set(metrics::Metric::rows_source,
                 {{"stream", key.stream}},
                 static_cast<double>(findings.compared));
    log::event(left.sum() == 0 ? Level::info : Level::error,
               "verified",
               {kv("stream", key.stream),
                kv("rows", findings.compared),
                kv("missing", findings.found.missing),
                kv("extra", findings.found.extra),
                kv("differing", findings.found.differing),
                kv("not_due", findings.not_due),
                kv("left", left.sum())});
}

} // namespace zohosyncd
