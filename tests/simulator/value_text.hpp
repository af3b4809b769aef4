#pragma once

#include "tests/simulator/schema.hpp"
#include "tests/simulator/values.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace zohosim {

/// Draws further hashes from one.
class Draw {
public:
    explicit Draw(std::uint64_t hash) : state_(hash) {}

    std::uint64_t next() { return state_ = mix(state_ + 0x9e3779b97f4a7c15ULL); }

    std::uint64_t below(std::uint64_t limit) { return next() % limit; }

private:
    std::uint64_t state_;
};

// Each appends one JSON value.

/// HTML; a list view gets its first 500 characters.
void append_rich_text(std::string& out, Draw& draw, bool list_view);

/// A string of one of the text kinds, no longer than `length`.
void append_text(std::string& out, Kind kind, int length, Draw& draw);

/// A number with its digits as a server would print them, a few of them extreme.
void append_number(std::string& out, Kind kind, Draw& draw);

/// A long integer, which Zoho sends as a string.
void append_bigint(std::string& out, Draw& draw);

/// `{"name":…,"id":…}`.
void append_named(std::string& out, std::string_view name, std::int64_t id);

/// Some of a multi-select's choices, at least one.
void append_choices(std::string& out, const Field& field, Draw& draw);

} // namespace zohosim
