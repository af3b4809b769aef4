#include "daemon/app/wanted_lines.hpp"

#include "daemon/core/errors.hpp"

#include <algorithm>

namespace zohosyncd {
namespace {

/// A stream's own table must not be taken for one of lines.
void require_free(const Config& config, const LineTable& table) {
    const auto taken =
        std::find_if(config.streams.begin(), config.streams.end(), [&](const StreamConfig& other) {
            return other.target == table.target;
        });
    if (taken != config.streams.end()) {
        throw SyncError(ErrorKind::schema_conflict,
                        "table " + table.target.text() + " is of stream " + taken->endpoint.stream +
                            ", and would hold the lines of " + table.field +
                            ", too: give that stream another `object`");
    }
}

void add_known_columns(Sink& sink, LineTable& table) {
    for (auto& column : sink.known_columns(table.target)) {
        const bool is_there =
            std::any_of(table.columns.begin(), table.columns.end(), [&](const Column& other) {
                return other.api_name == column.api_name;
            });
        if (!is_there) {
            table.columns.push_back(std::move(column));
        }
    }
}

} // namespace

bool wants_details(const Config& config, const StreamConfig& stream) {
    // A trial with --limit is to show a few rows soon. A snapshot's rows are of many times, a
    // detail of one.
    return config.daemon.details != "off" && stream.endpoint.kind == EndpointKind::records &&
           !stream.limit && stream.mode != StreamMode::snapshot;
}

std::vector<LineTable> wanted_lines(const Config& config,
                                    const StreamConfig& stream,
                                    FieldCatalog& fields,
                                    ApiClient& client,
                                    Sink* sink,
                                    const std::stop_token& stop) {
    if (!wants_details(config, stream)) {
        return {};
    }
    const auto& module = stream.endpoint.module;
    const auto own_fields = fields.get(client, module, stop);
    if (!has_versions(*own_fields)) {
        return {}; // Nothing would tell to which version of a record its lines belong.
    }
    auto tables = line_tables(stream.target, *own_fields, stream.select);
    for (auto& table : tables) {
        require_free(config, table);
        if (const auto own = fields.find(client, table.module, stop)) {
            add_line_fields(table, *own);
        } else if (sink != nullptr) {
            add_known_columns(*sink, table);
        }
    }
    return tables;
}

std::vector<LineTable>
wanted_lines(const RunContext& context, const StreamConfig& stream, const std::stop_token& stop) {
    return wanted_lines(
        context.config, stream, context.fields, context.client, &context.sink, stop);
}

} // namespace zohosyncd
