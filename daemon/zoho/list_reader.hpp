#pragma once

#include "daemon/core/batch.hpp"
#include "daemon/core/scan.hpp"
#include "daemon/core/schema.hpp"
#include "daemon/core/slices.hpp"
#include "daemon/zoho/api_client.hpp"
#include "daemon/zoho/record_decoder.hpp"

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

/// The calls that a page of the schema takes. A field is asked for once, whatever number of columns
/// its parts have.
std::vector<Slice> slices_of(const StreamSchema& schema);

/// Reads the list of one module page by page, in as many slices as its fields need, and joins them.
/// A record whose slices do not agree is fetched whole by its id. One instance per run of a stream.
class ListReader {
public:
    /// `schema` names the fields. Without a version it can read single records only.
    ListReader(ApiClient& client, std::string module, const StreamSchema& schema);

    /// The ids and versions of the page's rows, kept here until the next read.
    struct Page {
        std::vector<std::int64_t> ids;
        std::vector<std::chrono::sys_seconds> versions;
        bool more_records = false;
        bool says_module_is_empty = false; ///< 204; but some answer so to "nothing new", too.
        std::string next_page_token;
        std::optional<std::chrono::sys_seconds> date;
        std::size_t rows_fetched_singly = 0;
        std::vector<std::string> absent; ///< Fields asked for that no row has: do they still exist?

        [[nodiscard]] PageFacts facts() const {
            return {ids, versions, more_records, next_page_token, date};
        }
    };

    /// Appends the page's rows to `listed`, and those fetched by id to `authoritative`. On a throw
    /// both may hold rows of the failed page, which has to be read again.
    const Page& read(const PageRequest& request,
                     Batch& listed,
                     Batch& authoritative,
                     const std::stop_token& stop);

    /// Fetches one record whole. False when Zoho has it no more.
    bool read_record(std::int64_t id, Batch& authoritative, const std::stop_token& stop);

    [[nodiscard]] std::size_t slices() const { return slices_.size(); }

    [[nodiscard]] std::uint64_t pages_read() const { return pages_read_; }

private:
    const Page& read_asked(const PageRequest& request,
                           Batch& listed,
                           Batch& authoritative,
                           const std::stop_token& stop);
    bool read_asked_record(std::int64_t id, Batch& authoritative, const std::stop_token& stop);
    [[nodiscard]] ApiRequest list_request(std::size_t slice, const PageRequest& request) const;
    void read_first(const PageRequest& request, Batch& out, const std::stop_token& stop);
    void read_slice(std::size_t slice,
                    const PageRequest& request,
                    Batch& out,
                    const std::stop_token& stop);
    void note_settled(const PageRequest& request);

    ApiClient& client_;
    std::string module_;
    StreamSchema asked_; ///< What the columns below are of.
    bool folds_ = false; ///< Rows of it are folded before they are handed out.
    Batch unfolded_;
    Batch unfolded_singly_;
    std::vector<Slice> slices_;
    std::vector<RecordDecoder> decoders_; ///< One per slice, because each remembers its shape.
    RecordDecoder single_decoder_;
    std::vector<Batch> slice_batches_;
    std::vector<std::string> tokens_; ///< Each slice has a token chain of its own.
    std::chrono::sys_seconds settled_before_;
    Page page_;
    std::uint64_t pages_read_ = 0;
};

} // namespace zohosyncd
