#pragma once

#include "daemon/app/run_context.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/zoho/record_decoder.hpp"

#include <stop_token>
#include <string>

namespace zohosyncd {

/// One pass over `users` or `modules`: the whole list into the stage, then a merge.
class LooseRun {
public:
    LooseRun(const RunContext& context, const StreamConfig& stream, std::stop_token stop);

    void run();

private:
    void begin();
    bool look_at_columns(const std::string& body);
    void store_page(std::string& body);
    void finish();

    const RunContext& context_;
    const StreamConfig& stream_;
    std::stop_token stop_;
    RunRecorder recorder_;
    StreamSchema wanted_;
    PreparedStream prepared_;
    Checkpoint checkpoint_;
    RecordDecoder decoder_;
    Batch batch_;
    std::uint64_t staged_rows_ = 0;
    bool has_more_ = false;
    std::string left_out_; ///< Columns, as said in this run.
    std::optional<std::chrono::sys_seconds> first_date_;
};

/// The selected columns that the target's table has, with their types. Their names are there once a
/// run has prepared it.
StreamSchema known_loose_schema(Sink& sink, const StreamConfig& stream);

} // namespace zohosyncd
