#include "daemon/config/stream_block.hpp"
#include "daemon/config/words.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <utility>

namespace zohosyncd {
namespace {

// PostgreSQL's own limits.
constexpr unsigned most_digits = 1000;
constexpr unsigned most_characters = 10485760;

/// "name(a, b)" apart.
struct Call {
    std::string name;
    std::vector<std::string> arguments;
    std::string inside; ///< Of the parentheses, as written.
};

Call parse_call(std::string_view text) {
    Call call;
    const auto open = text.find('(');
    call.name = lower(trim(text.substr(0, open)));
    if (open != std::string_view::npos && text.ends_with(')')) {
        call.inside = text.substr(open + 1, text.size() - open - 2);
        call.arguments = split(call.inside, ',');
    }
    return call;
}

/// At white space outside parentheses.
std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    int depth = 0;
    for (const char c : text) {
        depth += c == '(' ? 1 : c == ')' ? -1 : 0;
        if ((c == ' ' || c == '\t') && depth == 0) {
            if (!word.empty()) {
                words.push_back(std::exchange(word, {}));
            }
        } else {
            word += c;
        }
    }
    if (!word.empty()) {
        words.push_back(word);
    }
    return words;
}

/// What is written within the limits, else nothing.
std::optional<unsigned> number_in(std::string_view text, unsigned from, unsigned to) {
    unsigned number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    const bool is_number = error == std::errc{} && end == text.data() + text.size();
    return is_number && number >= from && number <= to ? std::optional(number) : std::nullopt;
}

struct TypeWord {
    std::string_view word;
    ColumnType type;
    std::string_view declared;
    int bits = 64;
};

constexpr std::array<TypeWord, 14> type_words{{
    {"bigint", ColumnType::bigint, ""},
    {"integer", ColumnType::bigint, "integer", 32},
    {"int", ColumnType::bigint, "integer", 32},
    {"smallint", ColumnType::bigint, "smallint", 16},
    {"decimal", ColumnType::numeric, ""},
    {"numeric", ColumnType::numeric, ""},
    {"float", ColumnType::numeric, "double precision"},
    {"bool", ColumnType::boolean, ""},
    {"boolean", ColumnType::boolean, ""},
    {"date", ColumnType::date, ""},
    {"datetime", ColumnType::timestamptz, "timestamp"},
    {"timestamp", ColumnType::timestamptz, "timestamp"},
    {"timestampz", ColumnType::timestamptz, ""},
    {"json", ColumnType::json, ""},
}};

constexpr std::array<std::string_view, 3> types_not_yet{"binary", "time", "uuid"};
constexpr std::array<std::string_view, 4> modifiers_of_nobody{
    "default", "check", "auto_increment", "identity"};

/// Reads the value of one column under `columns`.
class RuleReader {
public:
    RuleReader(const Block& columns, const Node::Entry& entry, std::string name)
        : columns_(columns), entry_(entry) {
        rule_.name = std::move(name);
    }

    ColumnRule read() {
        const auto words = words_of(entry_.value.text);
        if (entry_.value.text.find('|') != std::string::npos) {
            error("a constraint behind `|` is not supported by this version");
            return rule_;
        }
        if (std::ranges::count(entry_.value.text, '(') !=
            std::ranges::count(entry_.value.text, ')')) {
            error("a parenthesis is not closed: between `{` and `}`, quote a type with a comma, "
                  "such as 'decimal(18,2)'");
            return rule_;
        }
        if (words.empty()) {
            error("expected a type such as string, bigint or decimal(18,2)");
            return rule_;
        }
        std::size_t next = 0;
        if (!read_modifier(parse_call(words.front()))) {
            read_type(parse_call(words.front()));
        }
        for (++next; next < words.size(); ++next) {
            if (!read_modifier(parse_call(words[next]))) {
                error("`" + words[next] +
                      "` is no modifier: expected not_null, nullable, "
                      "primary_key, unique, index or description(…)");
            }
        }
        check_key();
        return rule_;
    }

private:
    void error(const std::string& message) const { columns_.error(entry_.key, message); }

    void read_type(const Call& call) {
        const auto known = std::ranges::find_if(
            type_words, [&](const TypeWord& word) { return word.word == call.name; });
        if (std::ranges::find(types_not_yet, call.name) != types_not_yet.end()) {
            error("type " + call.name + " is not supported by this version: use string");
        } else if (call.name == "string" || call.name == "text" || call.name == "varchar") {
            read_text(call);
        } else if (known == type_words.end()) {
            columns_.warn(entry_.key,
                          "Provided unknown column type (" + call.name + ") for column '" +
                              rule_.name + "'. Using string.");
            rule_.type = ColumnType::text;
        } else {
            rule_.type = known->type;
            rule_.declared = known->declared;
            rule_.limits.bits = known->bits;
            rule_.limits.converts_times =
                known->type == ColumnType::date || known->type == ColumnType::timestamptz;
            read_digits(call);
        }
    }

    void read_text(const Call& call) {
        rule_.type = ColumnType::text;
        if (call.arguments.empty()) {
            return;
        }
        const auto characters = number_in(call.arguments.front(), 1, most_characters);
        if (!characters || call.arguments.size() > 1) {
            error("expected string(n) with n from 1 to " + std::to_string(most_characters));
            return;
        }
        rule_.limits.characters = *characters;
        rule_.declared = "varchar(" + std::to_string(*characters) + ")";
    }

    void read_digits(const Call& call) {
        if (rule_.type != ColumnType::numeric || !rule_.declared.empty() ||
            call.arguments.empty()) {
            return;
        }
        const auto precision = number_in(call.arguments.front(), 1, most_digits);
        const auto scale = call.arguments.size() == 2
                               ? number_in(call.arguments.back(), 0, precision.value_or(0))
                               : std::optional(0U);
        if (!precision || !scale || call.arguments.size() > 2) {
            error("expected decimal(digits,decimals), such as decimal(18,2)");
            return;
        }
        rule_.limits.decimals = *scale;
        rule_.limits.digits = *precision - *scale;
        rule_.declared =
            "numeric(" + std::to_string(*precision) + "," + std::to_string(*scale) + ")";
    }

    /// False when it is none.
    bool read_modifier(const Call& call) {
        if (call.name == "nullable") {
            return true;
        }
        if (call.name == "description") {
            rule_.description = call.inside;
            return true;
        }
        if (std::ranges::find(modifiers_of_nobody, call.name) != modifiers_of_nobody.end()) {
            error("`" + call.name + "` is not yet supported, in Sling neither");
            return true;
        }
        if (call.name == "primary_key") {
            if (!means_field(rule_.name, "id")) {
                error("`primary_key` can only be `id` for Zoho CRM: use `unique`");
            }
            return true;
        }
        const std::pair<std::string_view, bool*> flags[] = {{"not_null", &rule_.not_null},
                                                            {"unique", &rule_.is_unique},
                                                            {"index", &rule_.is_indexed},
                                                            {"unique_index", &rule_.is_unique}};
        for (const auto& [name, flag] : flags) {
            if (call.name == name) {
                *flag = true;
                if (!call.inside.empty()) {
                    error("`" + call.name + "(…)` is not supported by this version: write `" +
                          call.name + "`, or use target_options.table_keys");
                }
                return true;
            }
        }
        return false;
    }

    /// Contract §6: the key's and the version's types are fixed.
    void check_key() const {
        const bool is_id = means_field(rule_.name, "id");
        const bool is_version = means_field(rule_.name, "Modified_Time");
        const auto own = is_id ? ColumnType::bigint : ColumnType::timestamptz;
        if ((is_id || is_version) && rule_.type &&
            (*rule_.type != own || !rule_.declared.empty())) {
            columns_.warn(entry_.key,
                          std::string("has no effect: this column is always ") +
                              (is_id ? "bigint, the table's key" : "timestamptz, a row's version"));
        }
    }

    const Block& columns_;
    const Node::Entry& entry_;
    ColumnRule rule_;
};

/// One or several names of functions; errors for what is none.
std::vector<Transform> read_steps(const Block& block, std::string_view key, const Node& node) {
    std::vector<const Node*> items;
    if (node.kind == Node::Kind::sequence) {
        for (const auto& item : node.items) {
            items.push_back(&item);
        }
    } else if (!node.is_null()) {
        items.push_back(&node);
    }
    std::vector<Transform> steps;
    for (const auto* item : items) {
        const auto transform = item->is_scalar() ? transform_named(trim(item->text)) : std::nullopt;
        if (transform) {
            steps.push_back(*transform);
        } else {
            block.problems().error(block.file(),
                                   item->line,
                                   block.path_of(key),
                                   "`" + (item->is_scalar() ? item->text : found(*item)) +
                                       "` is not supported by this version: expected " +
                                       names_of_transforms());
        }
    }
    return steps;
}

void append_transforms_of_map(const Block& map, std::vector<TransformRule>& rules) {
    for (const auto& entry : map.node().entries) {
        if (means_field(entry.key, "id") || means_field(entry.key, "Modified_Time")) {
            map.error(entry.key, "the key and the version of a row can not be transformed");
            continue;
        }
        rules.push_back({entry.key, read_steps(map, entry.key, entry.value)});
    }
}

bool equal_names(const std::string& a, const std::string& b) {
    return means_field(a, b) || means_field(b, a);
}

} // namespace

ColumnsBlock read_columns(const Block& block) {
    ColumnsBlock result;
    const auto* entry = block.find("columns");
    result.given = entry != nullptr;
    const auto columns = block.block("columns");
    if (!columns) {
        return result;
    }
    for (const auto& column : columns->node().entries) {
        const bool has_plus = column.key.starts_with('+');
        result.merges = result.merges || has_plus;
        std::string name(trim(std::string_view(column.key).substr(has_plus ? 1 : 0)));
        if (name.empty()) {
            columns->error(column.key, "a column's name is missing");
        } else if (column.value.is_null()) {
            result.removed.push_back(std::move(name));
        } else if (!column.value.is_scalar()) {
            columns->error(column.key,
                           "expected a type such as string or decimal(18,2), found " +
                               found(column.value));
        } else {
            result.rules.push_back(RuleReader(*columns, column, std::move(name)).read());
        }
    }
    return result;
}

ColumnsBlock with_default_columns(ColumnsBlock own, const ColumnsBlock& defaults) {
    if (!own.given) {
        return defaults;
    }
    if (own.merges) {
        const auto replaced = [&](const ColumnRule& rule) {
            return std::ranges::any_of(own.rules,
                                       [&](const ColumnRule& other) {
                                           return equal_names(other.name, rule.name);
                                       }) ||
                   std::ranges::any_of(own.removed, [&](const std::string& name) {
                       return equal_names(name, rule.name);
                   });
        };
        std::vector<ColumnRule> added;
        std::ranges::copy_if(defaults.rules,
                             std::back_inserter(added),
                             [&](const ColumnRule& rule) { return !replaced(rule); });
        own.rules.insert(own.rules.end(), added.begin(), added.end());
    }
    return own;
}

Setting<std::vector<TransformRule>> read_transforms(const Block& block) {
    Setting<std::vector<TransformRule>> result;
    const auto* entry = block.find("transforms");
    if (entry == nullptr) {
        return result;
    }
    result.given = true;
    const Node& node = entry->value;
    if (node.is_null()) {
        return result;
    }
    std::vector<TransformRule> rules;
    if (const auto map = block.block("transforms")) {
        append_transforms_of_map(*map, rules);
    } else if (std::ranges::any_of(node.items, [](const Node& item) { return item.is_map(); })) {
        block.error("transforms",
                    "expressions (a list of maps) are not supported by this version: give a list "
                    "of functions, or a map from columns to such lists");
    } else {
        rules.push_back({"*", read_steps(block, "transforms", node)});
    }
    result.value = std::move(rules);
    return result;
}

ColumnRules column_rules_of(const StreamBlock& block) {
    ColumnRules rules;
    rules.columns = block.columns.given ? block.columns.rules : block.old_columns.rules;
    rules.transforms = (block.transforms.given ? block.transforms : block.old_transforms)
                           .value.value_or(std::vector<TransformRule>{});
    rules.flattens = block.flatten.value == Flatten::parts;
    rules.folds = block.flatten.value == Flatten::record;
    rules.table.adds_columns = block.adds_columns.value.value_or(true);
    rules.table.adjusts_types = block.adjusts_types.value.value_or(false);
    rules.table.indexes = block.table_keys.value.value_or(std::vector<WantedIndex>{});
    rules.empty_as_null = block.empty_as_null.value.value_or(false);
    rules.null_if = block.null_if.value;
    if (const int decimals = block.max_decimals.value.value_or(-1); decimals >= 0) {
        rules.max_decimals = static_cast<unsigned>(decimals);
    }
    return rules;
}

} // namespace zohosyncd
