#include "daemon/config/stream_block.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace zohosyncd {
namespace {

// Sling has them for databases that sort or spread their tables.
constexpr std::array<std::string_view, 7> types_of_others{
    "aggregate", "cluster", "distribution", "duplicate", "hash", "sort", "update"};

/// Reads the entries of one type.
class KeyReader {
public:
    KeyReader(const Block& keys, const Node::Entry& entry, bool is_unique)
        : keys_(keys), entry_(entry), is_unique_(is_unique) {}

    std::vector<WantedIndex> read() {
        const Node& node = entry_.value;
        if (node.kind == Node::Kind::sequence) {
            for (const auto& item : node.items) {
                read_item(item);
            }
        } else if (!node.is_null()) {
            read_item(node);
        }
        return std::move(indexes_);
    }

private:
    void error(const std::string& message) const { keys_.error(entry_.key, message); }

    void read_item(const Node& item) {
        if (item.is_map() && !is_unique_) {
            for (const auto& named : item.entries) {
                read_named(named);
            }
        } else {
            add("", item, is_unique_);
        }
    }

    /// `name: [columns]` or `name: {columns: […], unique: true}`
    void read_named(const Node::Entry& named) {
        if (!named.value.is_map()) {
            add(named.key, named.value, false);
            return;
        }
        bool is_unique = false;
        const Node* columns = nullptr;
        for (const auto& part : named.value.entries) {
            if (equal_ignoring_case(part.key, "columns")) {
                columns = &part.value;
            } else if (equal_ignoring_case(part.key, "unique") && as_boolean(part.value)) {
                is_unique = *as_boolean(part.value);
            } else {
                error("index `" + named.key + "`: `" + part.key +
                      "` is not supported by this version: expected `columns` and `unique: true`");
            }
        }
        if (columns == nullptr) {
            error("index `" + named.key + "` has no `columns`");
            return;
        }
        add(named.key, *columns, is_unique);
    }

    void add(const std::string& name, const Node& node, bool is_unique) {
        WantedIndex index{name, {}, is_unique};
        const auto add_column = [&](const Node& column) {
            const auto text = column.is_scalar() ? trim(column.text) : std::string_view{};
            if (text.empty() || text.find_first_of("()|:, ") != std::string_view::npos) {
                error("`" + (column.is_scalar() ? column.text : found(column)) +
                      "` is no column: expected names of columns, or lists of them");
                return;
            }
            index.columns.emplace_back(text);
        };
        if (node.kind == Node::Kind::sequence) {
            std::ranges::for_each(node.items, add_column);
        } else {
            add_column(node);
        }
        if (!index.columns.empty()) {
            indexes_.push_back(std::move(index));
        }
    }

    const Block& keys_;
    const Node::Entry& entry_;
    bool is_unique_;
    std::vector<WantedIndex> indexes_;
};

void check_primary(const Block& keys, const Node::Entry& entry) {
    for (const auto& index : KeyReader(keys, entry, true).read()) {
        if (index.columns.size() != 1 || !means_field(index.columns.front(), "id")) {
            keys.error(entry.key, "can only be `id` for Zoho CRM: use `unique`");
        }
    }
}

} // namespace

Setting<std::vector<WantedIndex>> read_table_keys(const Block& options) {
    Setting<std::vector<WantedIndex>> result;
    result.given = options.find("table_keys") != nullptr;
    const auto keys = options.block("table_keys");
    if (!keys) {
        return result;
    }
    result.value.emplace();
    for (const auto& entry : keys->node().entries) {
        const auto type = lower(entry.key);
        if (type == "primary") {
            check_primary(*keys, entry);
        } else if (type == "unique" || type == "index") {
            auto read = KeyReader(*keys, entry, type == "unique").read();
            std::ranges::move(read, std::back_inserter(*result.value));
        } else if (type == "partition") {
            keys->error(entry.key, "is not supported by this version");
        } else if (std::ranges::find(types_of_others, type) != types_of_others.end()) {
            keys->warn(entry.key, "has no effect on PostgreSQL and SQLite");
        } else {
            keys->warn(entry.key,
                       "is no type of key and left out: expected primary, unique or index");
        }
    }
    return result;
}

} // namespace zohosyncd
