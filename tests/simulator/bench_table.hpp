#pragma once

#include "tests/simulator/record_table.hpp"

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace zohosim {

/// The field list of a bench module: the system fields plus `count` plain ones.
std::vector<FieldPtr> bench_fields(const Module& module, std::size_t count);

/// A module whose rows are JSON text from the start, side by side in the order of Modified_Time:
/// a page is one copy of one range. An edit appends the new text and kills the old one.
///
/// No versions, no restoring; a request for fewer fields builds a second copy on first use.
class BenchTable : public Table {
public:
    BenchTable(World& world, std::vector<FieldPtr> fields, const SeedPlan& plan);

    ListPage list(const ListQuery& query, const Position& begin, std::size_t limit) override;
    std::shared_ptr<const Snapshot> snapshot(const ListQuery& query) override;
    std::optional<std::string> single(std::int64_t id,
                                      const std::vector<FieldPtr>& fields) override;
    std::vector<DeletedRow> deletions() override;
    std::vector<std::int64_t> create(std::size_t count) override;
    std::vector<std::int64_t> edit(const Change& change) override;
    std::vector<std::int64_t> erase(const Change& change) override;
    std::vector<std::int64_t> restore(const Change& change) override;
    std::size_t live_count() override;
    std::size_t size() override;
    void append_ledger(std::string& out, std::size_t index, bool with_full) override;
    nlohmann::json versions(std::int64_t id) override;
    std::string history() override;
    std::vector<FieldPtr> fields() override;
    void set_fields(std::vector<FieldPtr> fields) override;

private:
    /// One version of one record; slots are in the order of Modified_Time.
    struct Slot {
        Seconds modified;
        Seconds created;
        std::uint32_t record;
        std::uint32_t salt;
        bool alive;
    };

    /// The text of all slots for one set of fields.
    struct Projection {
        std::vector<FieldPtr> fields;
        std::string base;              ///< slots made at the start, comma after each
        std::vector<std::uint64_t> at; ///< where each of them begins; one more at the end
        std::deque<std::string> later; ///< slots made since, comma after each
    };

    void build(Projection& projection);
    void append_slot(std::string& out, const Projection& projection, const Slot& slot) const;
    Projection& projection_for(const ListQuery& query);
    static std::string_view text_of(const Projection& projection, std::size_t slot);
    std::size_t add_slot(std::uint32_t record, Seconds created, Seconds modified);

    /// Calls visitor(slot) in the order of `query` until it returns false.
    template <typename Visitor>
    void visit(const ListQuery& query, const Position& begin, Visitor visitor) const;

    World& world_;
    std::int64_t first_id_;
    std::mutex mutex_;
    std::vector<FieldPtr> fields_;
    std::vector<Slot> slots_;
    std::vector<std::uint32_t> slot_of_;            ///< by record, its latest slot
    std::map<std::string, Projection> projections_; ///< by the sorted field names; "" has all
    std::vector<DeletedRow> deleted_;
    std::mt19937_64 random_;
};

} // namespace zohosim
