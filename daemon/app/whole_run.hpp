#pragma once

#include "daemon/app/page_buffer.hpp"
#include "daemon/app/run_context.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/zoho/whole_list.hpp"

#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// One pass over a module that has no Modified_Time, whatever the stream's mode: the whole list
/// into the stage, then a merge. A walk that is cut off begins anew, because nothing in such a list
/// tells where it was.
class WholeRun {
public:
    WholeRun(const RunContext& context,
             const StreamConfig& stream,
             StreamMemory& memory,
             std::stop_token stop);

    void run();

private:
    void say_why();
    [[nodiscard]] StreamSchema wanted_schema();
    void prepare();
    void walk();
    void read_page(WholeList& list);
    void store_pages();
    void finish();
    void finish_trial();
    [[nodiscard]] bool reached_limit() const;

    const RunContext& context_;
    StreamConfig stream_; ///< With the mode that it is read in.
    StreamMemory& memory_;
    std::stop_token stop_;
    RunRecorder recorder_;
    PreparedStream prepared_;
    std::string wanted_hash_;  ///< Of what the fields ask for.
    std::string mapping_hash_; ///< Of what the table gets of it.
    Checkpoint checkpoint_;
    std::unique_ptr<PageBuffer> buffer_;
    std::optional<std::chrono::sys_seconds> first_date_;
    std::uint64_t rows_read_ = 0;
    std::uint64_t staged_rows_ = 0;
};

/// `stream` as a module without Modified_Time is read: by full refresh, or as a snapshot. Throws
/// SyncError{schema_conflict} when it asks for more than that.
StreamConfig read_whole(StreamConfig stream);

} // namespace zohosyncd
