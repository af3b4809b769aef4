#pragma once

#include "tests/simulator/clock.hpp"
#include "tests/simulator/schema.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace zohosim {

/// SplitMix64's finaliser: one good hash of one number.
std::uint64_t mix(std::uint64_t value);
std::uint64_t hash_text(std::string_view text);

/// Appends `text` as a JSON string with quotes.
void append_json_string(std::string& out, std::string_view text);

/// What a value may depend on besides its field and its salt.
struct RecordFacts {
    std::int64_t id = 0;
    Seconds created = 0;
    Seconds modified = 0;
    Seconds converted_at = 0; ///< 0: not converted
};

struct UserRef {
    std::int64_t id;
    std::string name;
    std::string email;
};

/// Where the seed records of one module are; lookups point at them.
struct IdRange {
    std::int64_t first = 0;
    std::uint64_t count = 0;
    std::int64_t module_id = 0;
};

/// Makes values out of nothing but (seed, field, record id, salt), so that a version of a record
/// is a salt instead of sixty strings. Immutable after set-up, hence thread-safe.
class ValueSource {
public:
    ValueSource(std::uint64_t seed, const TimeZone& zone) : seed_(seed), zone_(zone) {}

    void set_users(std::vector<UserRef> users) { users_ = std::move(users); }

    void set_range(const std::string& module, IdRange range) { ranges_[module] = range; }

    /// Appends the JSON value. In a list view rich text is cut; the caller leaves virtual fields
    /// out of lists.
    void append(std::string& out,
                const Field& field,
                const RecordFacts& record,
                std::uint64_t salt,
                bool list_view) const;

    /// The name under which a record appears in lookups and in the list of deletions.
    [[nodiscard]] std::string display_name(std::int64_t id) const;

    [[nodiscard]] const UserRef& user(std::uint64_t hash) const;

    [[nodiscard]] const TimeZone& zone() const { return zone_; }

private:
    void append_scalar(std::string& out,
                       const Field& field,
                       const RecordFacts& record,
                       std::uint64_t hash,
                       bool list_view) const;
    void append_time(std::string& out,
                     const Field& field,
                     const RecordFacts& record,
                     std::uint64_t hash) const;
    void append_object(std::string& out,
                       const Field& field,
                       const RecordFacts& record,
                       std::uint64_t hash) const;
    void append_array(std::string& out,
                      const Field& field,
                      const RecordFacts& record,
                      std::uint64_t hash) const;
    void append_detail(std::string& out,
                       const Field& field,
                       const RecordFacts& record,
                       std::uint64_t hash) const;
    void append_lookup(std::string& out, const std::string& module, std::uint64_t hash) const;
    void append_user(std::string& out, std::uint64_t hash) const;
    void append_file(std::string& out, const RecordFacts& record, std::uint64_t hash) const;

    std::uint64_t seed_;
    const TimeZone& zone_;
    std::vector<UserRef> users_;
    std::map<std::string, IdRange> ranges_;
};

} // namespace zohosim
