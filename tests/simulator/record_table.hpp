#pragma once

#include "tests/simulator/clock.hpp"
#include "tests/simulator/table.hpp"
#include "tests/simulator/values.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <random>

namespace zohosim {

/// What all tables share.
struct World {
    World(std::uint64_t seed_value, const std::string& zone_name)
        : seed(seed_value), zone(zone_name), values(seed_value, zone) {}

    std::uint64_t seed;
    Clock clock;
    TimeZone zone;
    ValueSource values;
    std::atomic<Micros> visibility_lag{0};
    std::atomic<bool> lag_jitter{false}; ///< each change lags a random part of the lag
};

struct SeedPlan {
    std::size_t count = 0;
    std::size_t tie = 0;   ///< so many records share one Modified_Time
    double per_second = 3; ///< records per second of the past, at most
    Seconds span = 300 * 86'400;
    std::int64_t first_id = 0;
};

/// A module whose every version is remembered: the ledger that tests compare against.
class RecordTable : public Table {
public:
    /// `world` must outlive the table.
    RecordTable(World& world, std::vector<FieldPtr> fields, const SeedPlan& plan);

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
    enum class Event : std::uint8_t { created, edited, converted, deleted, purged, restored };

    struct Version {
        Seconds modified = 0;
        Micros committed = 0;
        std::uint64_t salt = 0;
        Event event = Event::created;
        Seconds converted_at = 0;
        std::shared_ptr<const std::map<std::string, std::string>> values;
    };

    struct Record {
        Seconds created = 0;
        std::int32_t shown = -1; ///< the version that lists deliver; -1: none yet
        std::vector<Version> versions;
    };

    struct Key {
        Seconds modified;
        std::uint32_t row;
        auto operator<=>(const Key&) const = default;
    };

    struct Pending {
        std::uint32_t row;
        std::int32_t version;
    };

    void seed(const SeedPlan& plan);
    void seed_deleted(const SeedPlan& plan, Seconds begin, Seconds end);
    void rebuild_index();

    static bool is_gone(const Version& version);
    [[nodiscard]] std::int64_t id_of(std::uint32_t row) const;
    [[nodiscard]] std::optional<std::uint32_t> row_of(std::int64_t id) const;
    [[nodiscard]] const Version& current(std::uint32_t row) const;
    [[nodiscard]] bool is_listed(std::uint32_t row) const;
    [[nodiscard]] bool matches(const ListQuery& query, std::uint32_t row) const;

    template <typename Visitor>
    void visit(const ListQuery& query, const Position& begin, Visitor visitor) const;
    template <typename Visitor>
    void visit_by_modified(const ListQuery& query, const Position& begin, Visitor visitor) const;
    template <typename Visitor> void visit_ids(const ListQuery& query, Visitor visitor) const;
    template <typename Visitor>
    void visit_by_id(const ListQuery& query, const Position& begin, Visitor visitor) const;

    void append_value(std::string& out,
                      std::uint32_t row,
                      std::int32_t version,
                      const Field& field,
                      bool list_view) const;
    void append_record(std::string& out,
                       std::uint32_t row,
                       std::int32_t version,
                       const std::vector<FieldPtr>& fields,
                       bool list_view) const;

    [[nodiscard]] std::map<std::string, std::string>
    by_field(const std::vector<std::pair<std::string, std::string>>& values) const;
    std::vector<std::uint32_t> choose(const Change& change, bool want_deleted);
    void commit(std::uint32_t row, Version version);
    void show(std::uint32_t row, std::int32_t version, bool update_index);
    void show_due();

    World& world_;
    std::int64_t first_id_;
    std::mutex mutex_;
    std::vector<FieldPtr> fields_;
    std::vector<Record> records_;
    std::vector<Key> by_modified_; ///< listed records only, sorted
    std::vector<std::uint32_t> deleted_rows_;
    std::multimap<Micros, Pending> pending_;
    std::mt19937_64 random_;
    bool bulk_ = false; ///< the index is rebuilt at the end of a large change
};

} // namespace zohosim
