#include "daemon/core/expression.hpp"

#include <charconv>
#include <compare>
#include <optional>
#include <stdexcept>

namespace zohosyncd {
namespace {

constexpr std::size_t longest = 2000; // Real ones have one line.
constexpr int deepest = 32;           // The evaluation recurses.

std::optional<double> number_in(std::string_view text) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return !text.empty() && error == std::errc{} && end == text.data() + text.size()
               ? std::optional(number)
               : std::nullopt;
}

bool is_word_char(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.';
}

} // namespace

/// Recursive descent: or, and, not, comparison, operand.
class ExpressionParser {
public:
    explicit ExpressionParser(std::string_view text) : text_(text) {}

    Expression parse() {
        if (text_.size() > longest) {
            throw std::invalid_argument("longer than " + std::to_string(longest) + " characters");
        }
        result_.root_ = either(0);
        skip_blanks();
        if (at_ < text_.size()) {
            fail("expected a comparison, && or ||");
        }
        return std::move(result_);
    }

private:
    using Kind = Expression::Kind;
    using Comparison = Expression::Comparison;

    std::size_t either(int depth) {
        auto left = both(depth);
        while (take("||")) {
            left = join(Kind::disjunction, left, both(depth));
        }
        return left;
    }

    std::size_t both(int depth) {
        auto left = negation(depth);
        while (take("&&")) {
            left = join(Kind::conjunction, left, negation(depth));
        }
        return left;
    }

    std::size_t negation(int depth) {
        if (depth > deepest) {
            fail("nested too deep");
        }
        skip_blanks();
        if (text_.substr(at_).starts_with('!') && !text_.substr(at_).starts_with("!=")) {
            ++at_;
            return join(Kind::negation, negation(depth + 1), 0);
        }
        return comparison(depth);
    }

    std::size_t comparison(int depth) {
        const auto left = operand(depth);
        constexpr std::pair<std::string_view, Comparison> operators[] = {
            {"==", Comparison::equal},
            {"!=", Comparison::unequal},
            {"<=", Comparison::at_most},
            {">=", Comparison::at_least},
            {"<", Comparison::less},
            {">", Comparison::greater},
        };
        for (const auto& [sign, comparison] : operators) {
            if (take(sign)) {
                const auto right = operand(depth);
                const auto node = join(Kind::compare, left, right);
                result_.nodes_[node].comparison = comparison;
                check_order(comparison, left, right);
                return node;
            }
        }
        return left;
    }

    /// true and false have no order, and what a comparison says is no operand of another.
    void check_order(Comparison comparison, std::size_t left, std::size_t right) const {
        for (const auto side : {left, right}) {
            const auto kind = result_.nodes_[side].kind;
            const bool is_equality =
                comparison == Comparison::equal || comparison == Comparison::unequal;
            if (kind == Kind::negation || kind == Kind::conjunction || kind == Kind::disjunction ||
                kind == Kind::compare) {
                fail("only numbers, texts and variables can be compared");
            }
            if (kind == Kind::boolean && !is_equality) {
                fail("true and false can only be compared with == and !=");
            }
        }
    }

    std::size_t operand(int depth) {
        skip_blanks();
        if (at_ == text_.size()) {
            fail("expected a value");
        }
        const char c = text_[at_];
        if (take("(")) {
            const auto inner = either(depth + 1);
            if (!take(")")) {
                fail("expected )");
            }
            return inner;
        }
        if (c == '"' || c == '\'') {
            return quoted(c);
        }
        if (c == '{') {
            return braced();
        }
        if (is_word_char(c) || c == '-') {
            return word();
        }
        fail("expected a number, a text in quotes, a variable or (");
    }

    std::size_t quoted(char quote) {
        const auto end = text_.find(quote, at_ + 1);
        if (end == std::string_view::npos) {
            fail("the quote is not closed");
        }
        Expression::Node node;
        node.kind = Kind::text;
        node.text = TextTemplate(text_.substr(at_ + 1, end - at_ - 1));
        for (const auto& name : node.text.variables()) {
            result_.variables_.push_back(name);
        }
        at_ = end + 1;
        return add(std::move(node));
    }

    std::size_t braced() {
        const auto end = text_.find('}', at_);
        const auto name = end == std::string_view::npos ? std::string_view{}
                                                        : text_.substr(at_ + 1, end - at_ - 1);
        if (!is_variable_name(name)) {
            fail("expected the name of a variable in braces");
        }
        at_ = end + 1;
        return variable(name);
    }

    std::size_t word() {
        const auto begin = at_;
        ++at_; // Perhaps a sign.
        while (at_ < text_.size() && is_word_char(text_[at_])) {
            ++at_;
        }
        const auto word = text_.substr(begin, at_ - begin);
        Expression::Node node;
        if (word == "true" || word == "false") {
            node.boolean = word == "true";
        } else if (word == "null" || word == "nil") {
            node.kind = Kind::text;
        } else if (const auto number = number_in(word); number && word.front() != 'n') {
            node.kind = Kind::number;
            node.number = *number;
        } else if (is_variable_name(word)) {
            if (text_.substr(at_).starts_with('(')) {
                fail("there are no functions");
            }
            return variable(word);
        } else {
            at_ = begin;
            fail("expected a number or a variable");
        }
        return add(std::move(node));
    }

    std::size_t variable(std::string_view name) {
        Expression::Node node;
        node.kind = Kind::variable;
        node.text = TextTemplate("{" + std::string(name) + "}");
        result_.variables_.emplace_back(name);
        return add(std::move(node));
    }

    std::size_t add(Expression::Node node) {
        result_.nodes_.push_back(std::move(node));
        return result_.nodes_.size() - 1;
    }

    std::size_t join(Kind kind, std::size_t left, std::size_t right) {
        Expression::Node node;
        node.kind = kind;
        node.left = left;
        node.right = right;
        return add(std::move(node));
    }

    void skip_blanks() {
        while (at_ < text_.size() &&
               (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n')) {
            ++at_;
        }
    }

    bool take(std::string_view sign) {
        skip_blanks();
        if (!text_.substr(at_).starts_with(sign)) {
            return false;
        }
        at_ += sign.size();
        return true;
    }

    [[noreturn]] void fail(const std::string& message) const {
        throw std::invalid_argument("at character " + std::to_string(at_ + 1) + ": " + message);
    }

    std::string_view text_;
    std::size_t at_ = 0;
    Expression result_;
};

Expression Expression::parse(std::string_view text) {
    return ExpressionParser(text).parse();
}

bool Expression::is_true(const Variables& values) const {
    return truth(root_, values);
}

bool Expression::truth(std::size_t node, const Variables& values) const {
    const Node& own = nodes_[node];
    switch (own.kind) {
    case Kind::negation:
        return !truth(own.left, values);
    case Kind::conjunction:
        return truth(own.left, values) && truth(own.right, values);
    case Kind::disjunction:
        return truth(own.left, values) || truth(own.right, values);
    case Kind::compare:
        return compare(own.comparison, value(own.left, values), value(own.right, values));
    case Kind::number:
        return own.number != 0;
    case Kind::boolean:
        return own.boolean;
    case Kind::text:
    case Kind::variable:
        break;
    }
    const auto text = own.text.render(values);
    return !text.empty() && text != "0" && text != "false";
}

Expression::Value Expression::value(std::size_t node, const Variables& values) const {
    const Node& own = nodes_[node];
    if (own.kind == Kind::number || own.kind == Kind::boolean) {
        return {own.kind, own.number, own.boolean};
    }
    return {Kind::text, 0, false, own.text.render(values)};
}

bool Expression::compare(Comparison comparison, const Value& left, const Value& right) {
    std::partial_ordering order = std::partial_ordering::unordered;
    const auto as_text = [](const Value& value) {
        return value.kind == Kind::boolean ? std::string(value.boolean ? "true" : "false")
                                           : value.text;
    };
    const auto as_number = [](const Value& value) {
        return value.kind == Kind::number ? std::optional(value.number) : number_in(value.text);
    };
    const bool is_equality = comparison == Comparison::equal || comparison == Comparison::unequal;
    const bool has_number = left.kind == Kind::number || right.kind == Kind::number;
    const auto first = as_number(left);
    const auto second = as_number(right);
    if (has_number || (first && second && !is_equality)) {
        if (first && second) {
            order = *first <=> *second;
        }
    } else {
        order = as_text(left) <=> as_text(right);
    }
    switch (comparison) {
    case Comparison::equal:
        return order == 0;
    case Comparison::unequal:
        return order != 0;
    case Comparison::less:
        return order < 0;
    case Comparison::at_most:
        return order <= 0;
    case Comparison::greater:
        return order > 0;
    case Comparison::at_least:
        return order >= 0;
    }
    return false;
}

} // namespace zohosyncd
