#pragma once

#include "daemon/app/exit_code.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace zohosyncd {

/// What the doctor found in one place. The text says what is so and, unless that is fine, what to
/// change.
struct CheckLine {
    enum class Level { ok, warn, fail };

    Level level = Level::ok;
    std::string check; ///< "configuration", "target", "endpoint leads", …
    std::string text;
    std::string place = {}; ///< "env.yaml:7: ZOHO_CRM.secrets.soid"; may be empty.
};

/// All lines of a check, in the order in which they were found.
class CheckReport {
public:
    void ok(std::string check, std::string text);
    void warn(std::string check, std::string text, std::string place = {});
    void fail(std::string check, std::string text, std::string place = {});
    /// A failure that ends with a code of its own: contract §10.
    void fail_with(ExitCode code, std::string check, std::string text, std::string place = {});
    void add(CheckLine line);

    [[nodiscard]] const std::vector<CheckLine>& lines() const { return lines_; }

    [[nodiscard]] std::size_t failures() const;
    [[nodiscard]] std::size_t warnings() const;
    /// 77 and 65 where the configuration is at fault, 1 for any other failure.
    [[nodiscard]] ExitCode exit_code() const;

    /// One line each: "FAIL  target  the database … (env.yaml:7: WAREHOUSE.database)".
    [[nodiscard]] std::string text() const;
    [[nodiscard]] std::string json() const;

private:
    std::vector<CheckLine> lines_;
    ExitCode code_ = ExitCode::ok;
};

const char* to_string(CheckLine::Level level);

} // namespace zohosyncd
