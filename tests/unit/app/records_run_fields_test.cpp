// A run whose module gets other fields, before it or under way.
#include "daemon/app/credit_pressure.hpp"
#include "daemon/app/scan_json.hpp"
#include "daemon/app/stream_run.hpp"
#include "tests/unit/app/run_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace zohosyncd;
using namespace zohosyncd::fixture;

namespace {

using namespace std::chrono_literals;

using Lines = std::vector<std::string>;
constexpr auto overlap = 5min;
constexpr auto year = std::chrono::days(365);

const std::string surname_fields =
    R"({"fields":[{"api_name":"Surname","data_type":"text","json_type":"string"},)"
    R"({"api_name":"Modified_Time","data_type":"datetime","json_type":"string"}]})";

std::string
record_of(std::int64_t id, std::chrono::sys_seconds modified, const std::string& rest = "") {
    return R"({"id":")" + std::to_string(id) + R"(","Modified_Time":")" + format_utc(modified) +
           "\"" + rest + "}";
}

} // namespace

TEST_CASE("a page that lacks a field is read again under the fields that there are now") {
    Settled zoho;
    zoho.script.reply(200, page({record_of(3, noon)}), dated(noon + 60s));
    zoho.script.reply(200, surname_fields);
    zoho.script.reply(200, page({record_of(3, noon, R"(,"Surname":"Ada")")}), dated(noon + 61s));
    zoho.script.reply(304, "", dated(noon + 62s));

    zoho.run();

    CHECK(zoho.asked() == Lines{since("Leads", noon - overlap),
                                "settings/fields",
                                since("Leads", noon - overlap),
                                since("Leads/deleted", noon + 1s - overlap)});
    CHECK(zoho.rows().at(3).values.at("Surname") == "Ada");
    CHECK_FALSE(zoho.rows().at(3).values.contains("Last_Name"));
    // Rows before lack the new field: the next run reads from the anchor, under one mapping.
    CHECK(zoho.state().mapping_hash == mixed_mapping);
    zoho.run_idle(noon + 120s);
    CHECK(zoho.asked().front() == since("Leads", noon - year));
    CHECK(zoho.state().mapping_hash != mixed_mapping);
}

TEST_CASE("a field that Zoho names and does not deliver is asked for once") {
    Settled zoho;
    const auto hash = zoho.state().mapping_hash;
    zoho.script.reply(200, page({record_of(3, noon)}), dated(noon + 60s));
    zoho.script.reply(200, lead_fields);
    zoho.script.reply(200, page({record_of(3, noon)}), dated(noon + 61s));
    zoho.script.reply(304, "", dated(noon + 62s));
    zoho.run();
    CHECK(zoho.asked().size() == 4);
    CHECK_FALSE(zoho.rows().at(3).values.contains("Last_Name"));

    zoho.script.reply(200, page({record_of(3, noon)}), dated(noon + 120s));
    zoho.script.reply(304, "", dated(noon + 121s));
    zoho.run();

    CHECK(zoho.asked() == Lines{since("Leads", noon + 61s - overlap),
                                since("Leads/deleted", noon + 62s - overlap)});
    CHECK(zoho.state().mapping_hash == hash);
}

TEST_CASE("a list of fields that gets old under way is read again, and the scan goes on") {
    RunFixture zoho;
    zoho.script.reply(200, lead_fields);
    for (int i = 1; i <= 2; ++i) {
        zoho.script.reply(
            200,
            page({record(i, noon - 5h + i * 1h - 1s), record(i + 10, noon - 5h + i * 1h)},
                 More::yes),
            dated(noon));
    }
    zoho.target.before("write", [&](const StreamKey&) { zoho.fields.forget("Leads"); });
    zoho.script.reply(200, surname_fields);
    zoho.script.reply(
        200, page({record_of(3, noon - 1h, R"(,"Surname":"Ada")")}), dated(noon + 5s));
    zoho.script.reply(204, "", dated(noon + 6s));

    zoho.run();

    const auto asked = zoho.asked();
    CHECK(asked.at(3) == "settings/fields");
    CHECK(asked.at(4) == since("Leads", noon - 3h));
    CHECK(zoho.rows().size() == 5);
    CHECK(zoho.state().consistent_as_of == noon);
    CHECK(zoho.state().mapping_hash == mixed_mapping);
}

TEST_CASE("a full refresh begins anew when its fields change under way") {
    RunFixture zoho;
    zoho.stream.mode = StreamMode::full_refresh;
    zoho.script.reply(200, lead_fields);
    zoho.script.reply(200, page({record_of(3, noon)}), dated(noon));
    zoho.script.reply(200, surname_fields);

    CHECK(zoho.run_fails() == ErrorKind::bad_response);
    zoho.script.reply(200, page({record_of(3, noon, R"(,"Surname":"Ada")")}), dated(noon + 1s));
    zoho.run();

    CHECK(zoho.rows().at(3).values.at("Surname") == "Ada");
    CHECK(zoho.target.calls("begin_stage").size() == 2);
}

TEST_CASE("a reply that is none makes the next run ask for the fields") {
    Settled zoho;
    zoho.script.reply(400, R"({"code":"INVALID_DATA","message":"m","status":"error"})");
    CHECK(zoho.run_fails() == ErrorKind::bad_response);
    zoho.script.reply(200, surname_fields);
    zoho.run_idle(noon + 60s);

    CHECK(zoho.asked().at(1) == "settings/fields");
}

TEST_CASE("a service believes that a module has vanished after three times over an hour") {
    Settled zoho;
    CreditPressure pressure(zoho.config, 5000, zoho.gate, zoho.clock);
    zoho.context.pressure = &pressure;
    const auto refuse = [&] {
        zoho.script.reply(400, R"({"code":"INVALID_MODULE","message":"m","status":"error"})");
        return attempt_stream(zoho.context, zoho.stream, zoho.memory, 1, {});
    };

    for (int minute = 0; minute < 60; minute += 20) {
        const auto result = refuse();
        CHECK(result.error == ErrorKind::bad_response);
        CHECK(result.retry_after == between_confirmations);
        CHECK(zoho.state().status == StreamStatus::backoff);
        zoho.clock.advance(20min);
    }
    CHECK(refuse().error == ErrorKind::unknown_module);
    CHECK(zoho.state().status == StreamStatus::denied);
    CHECK(zoho.rows().size() == 2);
}

TEST_CASE("a pass believes at once that a module has vanished") {
    Settled zoho;
    zoho.script.reply(400, R"({"code":"INVALID_MODULE","message":"m","status":"error"})");

    CHECK(attempt_stream(zoho.context, zoho.stream, zoho.memory, 1, {}).error ==
          ErrorKind::unknown_module);
}
