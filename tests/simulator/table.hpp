#pragma once

#include "tests/simulator/clock.hpp"
#include "tests/simulator/schema.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace zohosim {

enum class SortField { id, created, modified };

/// The rows a list call may see, in the order it asks for.
struct ListQuery {
    SortField sort = SortField::id;
    bool descending = true;
    std::optional<Seconds> since;
    bool since_exclusive = false;
    bool with_unconverted = true;
    bool with_converted = true;
    std::vector<std::int64_t> ids; ///< not empty: only these
    std::vector<FieldPtr> fields;
    std::string field_names; ///< the raw parameter; names the projection
    std::string extra;       ///< raw JSON members appended to each record, `$` keys
};

/// The frozen rows of a token walk in snapshot mode: (row, version).
using Snapshot = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

/// Where a page begins. Exactly one of the three ways is used, by token mode.
struct Position {
    std::size_t offset = 0;
    std::optional<std::pair<std::int64_t, std::int64_t>> after; ///< keyset: (sort value, id)
    std::shared_ptr<const Snapshot> snapshot;
};

struct ListPage {
    std::string rows; ///< JSON objects separated by commas
    std::size_t count = 0;
    bool more = false;
    std::pair<std::int64_t, std::int64_t> last; ///< keyset position of the last row
};

struct DeletedRow {
    std::int64_t id;
    Seconds deleted_time;
    bool permanent;
};

/// What an edit, deletion or restoration chooses and how it stamps the result.
struct Change {
    std::vector<std::int64_t> ids; ///< empty: `count` random ones
    std::size_t count = 1;
    bool move_modified_time = true;
    bool permanent = false;
    bool values_alone = false; ///< nothing is drawn anew
    bool convert = false;
    std::optional<Seconds> modified_at;                      ///< default: now
    std::vector<std::pair<std::string, std::string>> values; ///< field → raw JSON text
};

/// The records of one module. Every function locks; instants come from the caller.
class Table {
public:
    virtual ~Table() = default;

    virtual ListPage list(const ListQuery& query, const Position& begin, std::size_t limit) = 0;

    /// Freezes what `query` sees now.
    virtual std::shared_ptr<const Snapshot> snapshot(const ListQuery& query) = 0;

    /// The whole record as a JSON object; nothing when it does not exist or is deleted.
    virtual std::optional<std::string> single(std::int64_t id,
                                              const std::vector<FieldPtr>& fields) = 0;

    /// The visible deletions, newest first.
    virtual std::vector<DeletedRow> deletions() = 0;

    // Each returns the ids it touched.
    virtual std::vector<std::int64_t> create(std::size_t count) = 0;
    virtual std::vector<std::int64_t> edit(const Change& change) = 0;
    virtual std::vector<std::int64_t> erase(const Change& change) = 0;
    virtual std::vector<std::int64_t> restore(const Change& change) = 0;

    [[nodiscard]] virtual std::size_t live_count() = 0;

    /// Number of rows that ever existed; the ledger walks [0, size).
    [[nodiscard]] virtual std::size_t size() = 0;

    /// Appends the ledger line of row `index` with a trailing newline.
    virtual void append_ledger(std::string& out, std::size_t index, bool with_full) = 0;

    virtual nlohmann::json versions(std::int64_t id) = 0;

    /// A line for each record that ever existed: its id, and of each version its Modified_Time,
    /// when it came to be (microseconds), and whether the record was deleted by it.
    virtual std::string history() = 0;

    virtual std::vector<FieldPtr> fields() = 0;

    /// Replaces the field list: metadata and values follow at once.
    virtual void set_fields(std::vector<FieldPtr> fields) = 0;
};

} // namespace zohosim
