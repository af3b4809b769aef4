#include "daemon/app/formula_refresh.hpp"
#include "tests/unit/app/run_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace zohosyncd;
using namespace zohosyncd::fixture;

namespace {

using Lines = std::vector<std::string>;
constexpr auto year = std::chrono::days(365);

std::string fields_with(const std::string& formula) {
    return R"({"fields":[{"api_name":"Last_Name","data_type":"text","json_type":"string"},)"
           R"({"api_name":"Modified_Time","data_type":"datetime","json_type":"string"},)"
           R"({"api_name":")" +
           formula +
           R"(","data_type":"formula","json_type":"integer","formula":{"return_type":"integer"}}]})";
}

std::string scored(std::int64_t id,
                   std::chrono::sys_seconds modified,
                   int score,
                   const std::string& rest = "") {
    return R"({"id":")" + std::to_string(id) + R"(","Modified_Time":")" + format_utc(modified) +
           R"(","Score":)" + std::to_string(score) + rest + "}";
}

/// A stream whose first run is over, at noon by Zoho's clock, with two rows whose Score is 1.
struct Scored : RunFixture {
    Scored() {
        script.reply(200, fields_with("Score"));
        const std::string named = R"(,"Last_Name":"x")";
        script.reply(200,
                     page({scored(1, noon - 20h, 1, named), scored(2, noon - 10h, 1, named)}),
                     dated(noon));
        script.reply(204, "", dated(noon + 1s));
        run();
        (void)asked();
        memory.formulas.emplace();
    }

    bool refresh() {
        return FormulaWalk(context, stream, *memory.formulas, memory.absent, stop.get_token())
            .advance(10);
    }

    [[nodiscard]] std::string score_of(std::int64_t id) const {
        const auto values = rows().at(id).values;
        return values.contains("Score") ? values.at("Score") : "NULL";
    }
};

} // namespace

TEST_CASE("a refresh corrects rows of the very version, in these fields alone") {
    Scored zoho;
    const auto before = zoho.state();
    // 1 drifted; 2 is newer than its row, and 3 has none: both are for a run to bring.
    zoho.script.reply(
        200,
        page({scored(1, noon - 20h, 7), scored(2, noon - 9h, 8), scored(3, noon - 8h, 9)}),
        dated(noon + 60s));

    CHECK(zoho.refresh());

    CHECK(zoho.asked() == Lines{since("Leads", noon - year - 1s)});
    CHECK(zoho.script.requests().back().url.find("fields=id,Modified_Time,Score&") !=
          std::string::npos);
    CHECK(zoho.score_of(1) == "7");
    CHECK(zoho.rows().at(1).values.at("Last_Name") == "x");
    CHECK(zoho.score_of(2) == "1");
    CHECK(zoho.rows().size() == 2);
    CHECK(zoho.state().high_water_mark == before.high_water_mark);
    CHECK(zoho.state().consistent_as_of == before.consistent_as_of);
    REQUIRE(zoho.state().formulas);
    CHECK(zoho.state().formulas->at == noon + 60s);
    CHECK(zoho.state().formulas->compared == 3);
    CHECK(zoho.state().formulas->corrected == 1);
    CHECK(zoho.state().formulas->requests == 1);
}

TEST_CASE("a refresh that finds nothing writes nothing") {
    Scored zoho;
    const auto written = zoho.target.calls("write").size();
    zoho.script.reply(
        200, page({scored(1, noon - 20h, 1), scored(2, noon - 10h, 1)}), dated(noon + 60s));

    CHECK(zoho.refresh());

    CHECK(zoho.target.calls("write").size() == written);
    CHECK(zoho.state().formulas->compared == 2);
    CHECK(zoho.state().formulas->corrected == 0);
}

TEST_CASE("a field that is gone is no NULL, and its values stay") {
    Scored zoho;
    zoho.script.reply(200, page({record(1, noon - 20h), record(2, noon - 10h)}), dated(noon + 60s));
    zoho.script.reply(200, fields_with("Grade"));
    auto kind = ErrorKind::internal;
    try {
        (void)zoho.refresh();
    } catch (const SyncError& error) {
        kind = error.kind();
    }
    CHECK(kind == ErrorKind::bad_response);
    CHECK(zoho.score_of(1) == "1");
    // The next run makes the column of the new field; until then there is nothing to refresh.
    (void)zoho.asked();
    CHECK(zoho.refresh());
    CHECK(zoho.asked().empty());
    CHECK_FALSE(zoho.state().formulas);
}

TEST_CASE("a field that Zoho names and does not deliver is believed when it says so again") {
    Scored zoho;
    for (int reading = 0; reading < 2; ++reading) {
        zoho.script.reply(
            200, page({record(1, noon - 20h), record(2, noon - 10h)}), dated(noon + 60s));
        if (reading == 0) {
            zoho.script.reply(200, fields_with("Score"));
        }
    }

    CHECK(zoho.refresh());

    CHECK(zoho.asked() == Lines{since("Leads", noon - year - 1s),
                                "settings/fields",
                                since("Leads", noon - year - 1s)});
    CHECK(zoho.score_of(1) == "NULL");
}

TEST_CASE("a token that has expired is not tried again") {
    Scored zoho;
    const auto second = noon - 20h;
    zoho.script.reply(
        200, page({scored(1, second, 1), scored(5, second, 1)}, More::yes), dated(noon + 60s));
    zoho.script.reply(400, R"({"code":"EXPIRED_VALUE","message":"m","status":"error"})");
    CHECK_THROWS_AS((void)zoho.refresh(), SyncError);
    CHECK(zoho.asked() ==
          Lines{since("Leads", noon - year - 1s), since("Leads", noon - year - 1s) + " token"});

    zoho.script.reply(
        200, page({scored(1, second, 7), scored(2, noon - 10h, 8)}), dated(noon + 70s));
    CHECK(zoho.refresh());

    CHECK(zoho.asked() == Lines{since("Leads", second - 1s)});
    CHECK(zoho.score_of(1) == "7");
    CHECK(zoho.score_of(2) == "8");
}
