#pragma once

#include "daemon/core/batch.hpp"
#include "daemon/core/errors.hpp"
#include "daemon/core/schema.hpp"
#include "daemon/core/slices.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/list_reader.hpp"
#include "daemon/zoho/record_decoder.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// Asked for where the id is all there is: `fields=id` alone is refused (zoho-api-facts §3.1).
constexpr const char* beside_a_lone_id = "Created_Time";

/// One walk over the whole list of a module without Modified_Time, by ascending id.
///
/// Nothing tells where such a list changed, so pages hang on tokens: while records are deleted
/// under a walk, a page may lack one that the next walk brings. Zoho follows tokens for 100,000
/// rows; what lies beyond is read from the other end of the list. Fields that take several slices
/// are read twice for each page (see join_readings), and records that changed meanwhile are fetched
/// whole by id. One instance per walk.
class WholeList {
public:
    /// `schema` names the fields; it has no version. Rows are appended as it has them.
    WholeList(ApiClient& client, std::string module, const StreamSchema& schema);

    [[nodiscard]] bool is_finished() const { return is_finished_; }

    /// Appends the next page's rows, repeats included, and returns how many they are. Throws
    /// SyncError; then the walk is over, and `out` may hold rows of the failed page.
    std::size_t read(Batch& out, const std::stop_token& stop);

    /// Fields that no row of the page that was read last has.
    [[nodiscard]] const std::vector<std::string>& absent() const { return absent_; }

    /// `Date` of the first reply.
    [[nodiscard]] std::optional<std::chrono::sys_seconds> first_date() const { return first_date_; }

private:
    struct Turn {
        std::string token;      ///< Of the page to read; empty for the first one.
        bool has_ended = false; ///< The slice has no further page.
    };

    [[nodiscard]] ApiRequest request_for(std::size_t slice) const;
    std::size_t read_asked(Batch& out, const std::stop_token& stop);
    void read_page(Batch& out, const std::stop_token& stop);
    void read_all_slices(std::vector<Batch>& batches, const std::stop_token& stop);
    void read_slice(std::size_t slice, Batch& out, const std::stop_token& stop);
    void turn_around(const SyncError& error);
    void note_progress(const Batch& out, std::size_t rows_before);

    ApiClient& client_;
    std::string module_;
    StreamSchema asked_;
    bool folds_; ///< Rows of `asked_` are to be folded.
    Batch unfolded_;
    std::vector<Slice> slices_;
    std::vector<RecordDecoder> decoders_;
    std::vector<Batch> first_readings_;
    std::vector<Batch> second_readings_;
    std::vector<Turn> turns_; ///< Of each slice: the page under way,
    std::vector<Turn> next_;  ///< and the one after it.
    ListReader singles_;
    std::vector<std::string> absent_;
    std::optional<std::chrono::sys_seconds> first_date_;
    std::int64_t greatest_id_ = 0; ///< Of the walk upwards.
    bool is_descending_ = false;
    bool is_finished_ = false;
};

} // namespace zohosyncd
