#pragma once

#include "daemon/app/page_buffer.hpp"
#include "daemon/app/run_context.hpp"
#include "daemon/app/run_recorder.hpp"
#include "daemon/core/scan.hpp"
#include "daemon/zoho/list_reader.hpp"

#include <memory>
#include <stop_token>
#include <string>

namespace zohosyncd {

/// Upserts the records whose Modified_Time lies in the stream's window (`range`), and nothing else:
/// no mark moves, and no deletion is read. It ends with the window, not with the list. In the
/// daemon a window that was read to its end is not read again; that, and how far an unfinished one
/// came, stands in the state's scan unless an unfinished scan of another kind does.
class WindowRun {
public:
    /// Requires `stream.window`.
    WindowRun(const RunContext& context,
              const StreamConfig& stream,
              StreamMemory& memory,
              std::stop_token stop);

    void run();

private:
    [[nodiscard]] bool was_read() const;
    void rest();
    void prepare();
    [[nodiscard]] Scan choose_scan();
    void walk(Scan& scan);
    void read_page(Scan& scan);
    void commit(const ScanProgress& progress);
    void finish(const Scan& scan);
    [[nodiscard]] bool is_beyond(const Scan& scan) const;

    const RunContext& context_;
    const StreamConfig& stream_;
    StreamMemory& memory_;
    std::stop_token stop_;
    TimeWindow window_;
    std::string window_text_;
    RunRecorder recorder_;
    PreparedStream prepared_;
    std::string mapping_hash_;
    bool keeps_progress_ = false; ///< The state's scan is ours to write.
    std::unique_ptr<ListReader> reader_;
    std::unique_ptr<PageBuffer> buffer_;
    std::uint64_t rows_read_ = 0;
    bool is_put_off_ = false;
};

/// Forgets the rows from `first` on whose version lies outside the window, with what quarantine was
/// to keep of them from `first_quarantined` on.
void keep_window(Batch& batch,
                 std::size_t first,
                 std::size_t first_quarantined,
                 const TimeWindow& window);

} // namespace zohosyncd
