#pragma once

#include "daemon/app/page_buffer.hpp"
#include "daemon/app/run_context.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/app/scan_json.hpp"
#include "daemon/core/scan.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/zoho/list_reader.hpp"

#include <memory>
#include <stop_token>
#include <vector>

namespace zohosyncd {

/// One pass over a module of records: a scan of its list, committed page by page, then its
/// deletions; or, in full-refresh mode, a scan into the stage and a merge. Both marks move with the
/// last commit only.
class RecordsRun {
public:
    RecordsRun(const RunContext& context,
               const StreamConfig& stream,
               StreamMemory& memory,
               std::stop_token stop);

    void run();

private:
    [[nodiscard]] bool is_staged() const { return is_full_walk(stream_.mode); }

    [[nodiscard]] bool reads_deletions() const {
        return stream_.endpoint.has_delete_list && stream_.delete_missing != DeleteMissing::none;
    }

    [[nodiscard]] std::optional<bool> known_comparison() const;
    [[nodiscard]] StreamSchema wanted_schema();
    void prepare(const StreamSchema& wanted);
    void follow_fields(const Scan& scan);
    void look_for_absent(const std::vector<std::string>& absent, const Scan& scan);
    void choose_anchor();
    [[nodiscard]] bool takes_over() const;
    void take_over();
    [[nodiscard]] std::chrono::sys_seconds default_anchor() const;
    [[nodiscard]] std::chrono::sys_seconds zoho_now() const;
    [[nodiscard]] Scan choose_scan();
    [[nodiscard]] bool has_its_stage(const StoredScan& scan);
    [[nodiscard]] bool must_backfill() const;
    [[nodiscard]] std::chrono::sys_seconds lower_bound() const;
    [[nodiscard]] bool must_wait() const;
    void walk(Scan& scan);
    void note_emptiness(bool says_empty);
    void commit_pages(const Scan& scan);
    void finish(const Scan& scan);
    void finish_staged(const Scan& scan);
    void finish_incremental();
    void retry_set_aside();
    [[nodiscard]] std::chrono::sys_seconds deletions_since() const;
    void read_deletions(DeletePolicy policy);
    void move_deletes_mark(std::chrono::sys_seconds read_at);
    [[nodiscard]] std::vector<Deletion> held_deletions(DeletePolicy policy);
    void revive_vanished(const std::vector<Deletion>& held,
                         std::chrono::sys_seconds since,
                         const std::map<std::int64_t, std::chrono::sys_seconds>& listed);
    void commit_revived(std::vector<std::int64_t> gone = {});
    void finish_trial();
    [[nodiscard]] bool reached_limit() const;

    const RunContext& context_;
    const StreamConfig& stream_;
    StreamMemory& memory_;
    std::stop_token stop_;
    RunRecorder recorder_;
    PreparedStream prepared_;
    std::string wanted_hash_;  ///< Of what the fields ask for.
    std::string mapping_hash_; ///< Of what the table gets of it.
    std::string scan_mapping_; ///< What all rows of the scan were read under, or mixed_mapping.
    Checkpoint at_start_;      ///< The state as the run found it.
    Checkpoint checkpoint_;
    std::chrono::sys_seconds scan_began_at_; ///< Where this run took the scan up.
    std::unique_ptr<ListReader> reader_;
    std::unique_ptr<PageBuffer> buffer_;
    std::uint64_t rows_read_ = 0;
    std::optional<std::uint64_t> staged_rows_; ///< What the stage holds, as far as that is known.
    bool is_load_ = false;                     ///< What it reads is mostly old.
    bool is_put_off_ = false;                  ///< It ended early, to leave the credits to others.
};

/// The sink's word for the configuration's.
DeletePolicy delete_policy(DeleteMissing setting);

} // namespace zohosyncd
