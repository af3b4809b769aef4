#pragma once

#include "daemon/core/text_template.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// A condition of a hook, such as `run.status == "success" && run.total_rows > 0`.
///
/// It has comparisons (== != < <= > >=), && || !, parentheses, numbers, texts in quotes (in which
/// `{variables}` may stand), true, false, null (an empty text), and variables with or without
/// braces. Beside a number a variable is a number; one that is none is unequal to it and neither
/// less nor greater. Two texts that are both numbers are ordered as such, others by their bytes.
/// Alone, a text is true unless it is empty, "0" or "false". There is nothing else: no arithmetic,
/// no functions.
class Expression {
public:
    /// Throws std::invalid_argument that says where and what was expected.
    static Expression parse(std::string_view text);

    /// Names without braces, each as often as it is there.
    [[nodiscard]] const std::vector<std::string>& variables() const { return variables_; }

    [[nodiscard]] bool is_true(const Variables& values) const;

private:
    friend class ExpressionParser;

    enum class Kind {
        number,
        text,
        boolean,
        variable,
        negation,
        conjunction,
        disjunction,
        compare
    };
    enum class Comparison { equal, unequal, less, at_most, greater, at_least };

    struct Node {
        Kind kind = Kind::boolean;
        double number = 0;
        bool boolean = false;
        TextTemplate text; ///< Of a text; of a variable just that.
        Comparison comparison = Comparison::equal;
        std::size_t left = 0;
        std::size_t right = 0;
    };

    /// What a node without operators comes to.
    struct Value {
        Kind kind = Kind::text;
        double number = 0;
        bool boolean = false;
        std::string text = {};
    };

    [[nodiscard]] bool truth(std::size_t node, const Variables& values) const;
    [[nodiscard]] Value value(std::size_t node, const Variables& values) const;
    static bool compare(Comparison comparison, const Value& left, const Value& right);

    std::vector<Node> nodes_;
    std::size_t root_ = 0;
    std::vector<std::string> variables_;
};

} // namespace zohosyncd
