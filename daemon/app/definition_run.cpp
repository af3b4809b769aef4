#include "daemon/app/definition_run.hpp"

#include "daemon/app/loose_run.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/app/wanted_lines.hpp"
#include "daemon/core/zoho_field.hpp"

namespace zohosyncd {

void run_definition(const RunContext& context,
                    const StreamConfig& stream,
                    const std::stop_token& stop) {
    RunRecorder recorder(context, stream);
    auto wanted =
        stream.endpoint.kind == EndpointKind::records
            ? schema_of_records(stream.target,
                                *context.fields.get(context.client, stream.endpoint.module, stop),
                                stream.select,
                                stream.columns)
            : known_loose_schema(context.sink, stream);
    wanted.lines = wanted_lines(context, stream, stop);
    std::string said;
    const auto prepared = recorder.prepare(wanted, said);
    // No mark, no anchor, no mapping: the first run of another mode reads from the anchor.
    Checkpoint checkpoint = recorder.checkpoint_from(prepared.state);
    recorder.finish(checkpoint);
    const Batch nothing(prepared.schema.columns.size());
    recorder.count_written(
        context.sink.write(recorder.key(), prepared.schema, {&nothing, nullptr}, checkpoint));
    recorder.log_finished(checkpoint);
}

} // namespace zohosyncd
