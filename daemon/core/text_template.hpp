#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace zohosyncd {

/// The variables of a hook, as texts. By the name that stands in braces: "run.status".
using Variables = std::map<std::string, std::string, std::less<>>;

/// A text with `{variable}` in it. Braces around anything but a name are text: JSON is.
class TextTemplate {
public:
    TextTemplate() = default;
    explicit TextTemplate(std::string_view text);

    /// In the order of the text, each as often as it is there.
    [[nodiscard]] std::vector<std::string> variables() const;

    /// `escape` is applied to each value that is put in. What has no value becomes nothing.
    [[nodiscard]] std::string
    render(const Variables& values,
           const std::function<std::string(std::string_view)>& escape = {}) const;

    [[nodiscard]] bool empty() const { return pieces_.empty(); }

    bool operator==(const TextTemplate&) const = default;

private:
    struct Piece {
        bool is_variable = false;
        std::string text;
        bool operator==(const Piece&) const = default;
    };

    std::vector<Piece> pieces_;
};

/// For a value inside a JSON string.
std::string escape_for_json(std::string_view value);
/// For a value inside an SQL literal.
std::string escape_for_sql(std::string_view value);

/// [A-Za-z_][A-Za-z0-9_.]*
bool is_variable_name(std::string_view text);

} // namespace zohosyncd
