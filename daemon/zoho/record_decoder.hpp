#pragma once

#include "daemon/core/batch.hpp"
#include "daemon/core/schema.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zohosyncd {

/// What a page says besides its rows.
struct PageInfo {
    std::size_t rows = 0; ///< Appended to the batch.
    bool says_whether_more =
        false; ///< `info.more_records` was there: without it a page may be cut.
    bool more_records = false;
    std::string next_page_token;
    bool holds_asked_fields = true;       ///< False when no row has any of them but id and version.
    std::vector<std::string> absent = {}; ///< Fields that no row of the page has.
};

/// The one place where pages of records are decoded: simdjson on demand, straight into a batch,
/// without a tree; numbers keep every digit. One instance per thread.
class RecordDecoder {
public:
    RecordDecoder();
    RecordDecoder(const RecordDecoder&) = delete;
    RecordDecoder& operator=(const RecordDecoder&) = delete;
    ~RecordDecoder();

    /// Which keys to take: `columns[0]` is the record's id, the others fill the batch's columns of
    /// the same index. `version` is the index of Modified_Time, if there is one. `is_single` cuts
    /// rich text as lists do.
    struct Shape {
        std::vector<Column> columns;
        std::optional<std::size_t> version;
        bool is_single = false;
    };

    void set_shape(Shape shape);

    /// Decodes {"`list_key`":[…],"info":{…}} and appends to `batch`. Keys that were not asked for
    /// are passed over. A record without a usable id goes to quarantine alone. Throws
    /// SyncError{bad_response} when the body as a whole is not such a page; the batch is then as it
    /// was before.
    PageInfo decode(std::string& body, std::string_view list_key, Batch& batch);

private:
    class Implementation;
    std::unique_ptr<Implementation> implementation_;
};

} // namespace zohosyncd
