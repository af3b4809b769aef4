#include "daemon/app/details_log.hpp"

#include "daemon/runtime/log.hpp"
#include "daemon/runtime/metrics.hpp"

#include <cstdint>
#include <map>

namespace zohosyncd {

using log::kv;
using log::Level;

void log_what_was_cut(const std::string& stream,
                      const std::vector<RecordDetails>& records,
                      const std::vector<LineTable>& lines) {
    for (const auto& record : records) {
        if (record.is_text_cut) {
            log::event(Level::warn,
                       "text_cut",
                       {kv("stream", stream),
                        kv("id", record.id),
                        kv("hint",
                           "Zoho does not give all of this record's rich text: its column has what "
                           "a single record gives")});
        }
        for (std::size_t i = 0; i < record.fields.size(); ++i) {
            if (record.fields[i].is_cut) {
                log::event(Level::warn,
                           "lines_cut",
                           {kv("stream", stream),
                            kv("field", lines[i].field),
                            kv("id", record.id),
                            kv("hint",
                               "Zoho sends only a part of this record's lines: those it left out "
                               "stay as they are")});
            }
        }
    }
}

void log_quarantined(const std::string& stream, const DetailsPage& page, const WriteStats& stats) {
    std::map<std::string, std::uint64_t> kinds;
    const auto count_kinds = [&](const Batch& rows) {
        for (const auto& entry : rows.quarantined()) {
            ++kinds[entry.kind];
        }
    };
    count_kinds(page.columns);
    for (const auto& table : page.tables) {
        count_kinds(table.rows);
    }
    if (stats.refused > 0) {
        kinds["refused"] += stats.refused;
    }
    for (const auto& [kind, count] : kinds) {
        metrics::count(metrics::Metric::values_quarantined_total,
                       {{"stream", stream}, {"kind", kind}},
                       static_cast<double>(count));
        log::event(Level::warn,
                   "quarantined",
                   {kv("stream", stream), kv("kind", kind), kv("rows", count)});
    }
}

} // namespace zohosyncd
