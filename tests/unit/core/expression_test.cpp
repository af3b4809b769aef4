#include "daemon/core/expression.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace zohosyncd {
namespace {

const Variables values{{"run.status", "success"},
                       {"run.total_rows", "120"},
                       {"run.error", ""},
                       {"stream.name", "leads"},
                       {"env.FLAG", "false"},
                       {"env.NINE", "9"}};

TEST_CASE("a condition is as true as its comparisons") {
    struct Case {
        const char* text;
        bool want;
    };

    const Case cases[] = {
        {"run.status == 'success'", true},
        {"{run.status} == \"success\"", true},
        {"'{run.status}' == 'success'", true},
        {"'is {run.status}' == 'is success'", true},
        {"run.status != 'success'", false},
        {"run.total_rows > 100", true},
        {"run.total_rows > 1000", false},
        {"run.total_rows >= 120 && run.total_rows <= 120", true},
        {"run.total_rows < 120 || run.total_rows > 120", false},
        {"run.total_rows == 120.0", true},
        {"100 < run.total_rows", true},
        {"-5 < run.total_rows", true},
        {"env.NINE < run.total_rows", true}, // As numbers, not as texts.
        {"'b' > 'a'", true},
        {"run.status > 5", false}, // No number: neither less
        {"run.status < 5", false}, // nor greater
        {"run.status == 5", false},
        {"run.status != 5", true},
        {"run.error == ''", true},
        {"run.error == null", true},
        {"run.error", false},
        {"!run.error", true},
        {"!!run.status", true},
        {"env.FLAG", false},
        {"env.FLAG == false", true},
        {"true != false", true},
        {"1", true},
        {"0", false},
        {"false || true && false", false}, // && binds tighter.
        {"(false || true) && true", true},
        {"true || false && false", true},
        {"!(run.status == 'error') && stream.name == 'leads'", true},
        {"  run.status=='success'\n&&\trun.total_rows>0  ", true},
        {"missing == ''", true},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK(Expression::parse(c.text).is_true(values) == c.want);
    }
}

TEST_CASE("what a condition may not have is named with its place") {
    struct Case {
        std::string text;
        const char* want;
    };

    const Case cases[] = {
        {"", "at character 1: expected a value"},
        {"run.status = 'x'", "at character 12: expected a comparison, && or ||"},
        {"run.total_rows + 1 > 2", "at character 16: expected a comparison, && or ||"},
        {"run.status == 'x", "at character 15: the quote is not closed"},
        {"(run.status", "at character 12: expected )"},
        {"run.status)", "at character 11: expected a comparison, && or ||"},
        {"contains(run.error, 'x')", "at character 9: there are no functions"},
        {"a and b", "at character 3: expected a comparison, && or ||"},
        {"a == b == c", "at character 8: expected a comparison, && or ||"},
        {"(a == b) == c", "at character 14: only numbers, texts and variables can be compared"},
        {"true < a", "at character 9: true and false can only be compared with == and !="},
        {"{run status}", "at character 1: expected the name of a variable in braces"},
        {"{", "at character 1: expected the name of a variable in braces"},
        {"1x", "at character 1: expected a number or a variable"},
        {"&& a", "at character 1: expected a number, a text in quotes, a variable or ("},
        {"a ==", "at character 5: expected a value"},
        {std::string(2001, ' '), "longer than 2000 characters"},
        {std::string(100, '(') + "1" + std::string(100, ')'), "at character 34: nested too deep"},
        {std::string(100, '!') + "1", "at character 34: nested too deep"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.text);
        CHECK_THROWS_WITH_AS(Expression::parse(c.text), c.want, std::invalid_argument);
    }
}

TEST_CASE("the variables of a condition are told, those in texts too") {
    const auto expression = Expression::parse("run.status == '{env.WANT}' && {a} > 1 && true");

    CHECK(expression.variables() == std::vector<std::string>{"run.status", "env.WANT", "a"});
}

TEST_CASE("only names in braces are variables of a text") {
    const TextTemplate text(
        R"({"a": "{run.status}", "b": {}, "c": {1}, "d": "{no name} {env.NINE}"})");

    CHECK(text.variables() == std::vector<std::string>{"run.status", "env.NINE"});
    CHECK(text.render(values) == R"({"a": "success", "b": {}, "c": {1}, "d": "{no name} 9"})");
    CHECK(TextTemplate("{missing}|{").render(values) == "|{");
}

TEST_CASE("values are escaped for where they are put") {
    const Variables odd{{"x", "it's \"so\"\\\n"}};

    CHECK(TextTemplate("'{x}'").render(odd, escape_for_sql) == "'it''s \"so\"\\\n'");
    CHECK(TextTemplate("\"{x}\"").render(odd, escape_for_json) == "\"it's \\\"so\\\"\\\\\\u000a\"");
}

} // namespace
} // namespace zohosyncd
