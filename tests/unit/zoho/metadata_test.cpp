#include "daemon/core/errors.hpp"
#include "daemon/zoho/metadata.hpp"
#include "tests/fakes/zoho_client.hpp"

#include <doctest/doctest.h>

#include <string>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using fakes::ZohoClient;

const std::string two_fields =
    R"({"fields":[{"api_name":"Last_Name","data_type":"text","json_type":"string","id":"1","field_label":"Last",)"
    R"("display_label":"Last Name","virtual_field":false,"formula":{},"rollup_summary":{},"ui_type":1},)"
    R"({"api_name":"Sum","data_type":"formula","json_type":"double","id":"2","field_label":"Sum",)"
    R"("formula":{"return_type":"currency"},"virtual_field":true,"ui_type":250},)"
    R"({"data_type":"text"},5,null,)"
    R"({"api_name":"Roll","data_type":"rollup_summary","json_type":null,"rollup_summary":{"return_type":"integer"}}]})";

TEST_CASE("fields are read with all that shapes their columns") {
    const auto fields = parse_fields(two_fields);

    REQUIRE(fields.size() == 3);
    CHECK(fields[0].api_name == "Last_Name");
    CHECK(fields[0].label == "Last Name");
    CHECK(fields[0].id == "1");
    CHECK(fields[0].json_type == "string");
    CHECK(fields[0].return_type.empty());
    CHECK_FALSE(fields[0].is_rich_text);
    CHECK_FALSE(fields[0].is_virtual);
    CHECK(fields[1].label == "Sum");
    CHECK(fields[1].return_type == "currency");
    CHECK(fields[1].is_rich_text);
    CHECK(fields[1].is_virtual);
    CHECK(fields[2].json_type.empty());
    CHECK(fields[2].return_type == "integer");
}

TEST_CASE("metadata without its list is a bad response") {
    for (const std::string body : {"{}", "[]", R"({"fields":{}})", R"({"code":"X"})", ""}) {
        CAPTURE(body);
        CHECK_THROWS_AS((void)parse_fields(body), SyncError);
        CHECK_THROWS_AS((void)parse_modules(body), SyncError);
    }
}

TEST_CASE("a module without fields is denied") {
    ZohoClient zoho;
    zoho.script.reply(204, "");
    auto kind = ErrorKind::internal;

    try {
        (void)read_fields(zoho.api, "Visits", {});
    } catch (const SyncError& error) {
        kind = error.kind();
    }

    CHECK(kind == ErrorKind::denied);
    CHECK(zoho.script.requests()[0].url ==
          "https://www.zohoapis.com/crm/v6/settings/fields?module=Visits");
}

TEST_CASE("field lists are asked for again only when they are old") {
    ZohoClient zoho;
    FieldCatalog catalog(zoho.clock, 3600s);
    zoho.script.reply(200, two_fields);
    zoho.script.reply(200, two_fields);
    zoho.script.reply(200, two_fields);

    CHECK(catalog.get(zoho.api, "Leads", {})->size() == 3);
    zoho.clock.advance(3599s);
    (void)catalog.get(zoho.api, "Leads", {});
    CHECK(zoho.script.requests().size() == 1);
    (void)catalog.get(zoho.api, "Deals", {});
    CHECK(zoho.script.requests().size() == 2);
    zoho.clock.advance(1s);
    (void)catalog.get(zoho.api, "Leads", {});
    CHECK(zoho.script.requests().size() == 3);
}

TEST_CASE("a list of fields that can not be read, or lacks most, changes nothing until confirmed") {
    struct Case {
        const char* name;
        int status;
        std::string body;
        ErrorKind want;
    };

    const Case cases[] = {
        {"no fields", 204, "", ErrorKind::denied},
        {"no list", 200, "{}", ErrorKind::bad_response},
        {"no module", 400, R"({"code":"INVALID_MODULE"})", ErrorKind::unknown_module},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        ZohoClient zoho;
        FieldCatalog catalog(zoho.clock, 3600s);
        zoho.script.reply(200, two_fields);
        (void)catalog.get(zoho.api, "Leads", {});
        zoho.clock.advance(3600s);
        for (int minute = 0; minute < 60; minute += 20) {
            zoho.script.reply(c.status, c.body);
            CHECK(catalog.get(zoho.api, "Leads", {})->size() == 3);
            const auto asked = zoho.script.requests().size();
            catalog.forget("Leads"); // A suspicion asks no more often.
            CHECK(catalog.get(zoho.api, "Leads", {})->size() == 3);
            CHECK(zoho.script.requests().size() == asked);
            zoho.clock.advance(20min);
        }
        zoho.script.reply(c.status, c.body);
        auto kind = ErrorKind::internal;
        try {
            (void)catalog.get(zoho.api, "Leads", {});
        } catch (const SyncError& error) {
            kind = error.kind();
        }
        CHECK(kind == c.want);
        zoho.script.reply(200, two_fields);
        CHECK(catalog.get(zoho.api, "Leads", {})->size() == 3);
    }
}

TEST_CASE("a list of fields with less than half of them counts once it is confirmed") {
    ZohoClient zoho;
    FieldCatalog catalog(zoho.clock, 60s);
    const std::string one_field =
        R"({"fields":[{"api_name":"Sum","data_type":"formula","json_type":"double","id":"2"}]})";
    zoho.script.reply(200, two_fields);
    (void)catalog.get(zoho.api, "Leads", {});
    for (int minute = 0; minute < 60; ++minute) {
        zoho.clock.advance(60s);
        zoho.script.reply(200, one_field);
        CHECK(catalog.get(zoho.api, "Leads", {})->size() == 3);
    }
    zoho.clock.advance(60s);
    zoho.script.reply(200, one_field);
    CHECK(catalog.get(zoho.api, "Leads", {})->size() == 1);
}

TEST_CASE("a list of fields that seems to have changed is asked for at once") {
    ZohoClient zoho;
    FieldCatalog catalog(zoho.clock, 3600s);
    CHECK(catalog.is_old("Leads"));
    zoho.script.reply(200, two_fields);
    (void)catalog.get(zoho.api, "Leads", {});
    CHECK_FALSE(catalog.is_old("Leads"));

    catalog.forget("Leads");

    CHECK(catalog.is_old("Leads"));
    zoho.script.reply(200, two_fields);
    (void)catalog.get(zoho.api, "Leads", {});
    CHECK(zoho.script.requests().size() == 2);
}

TEST_CASE("an odd entry of a field list is named, and hides no other") {
    const auto list = parse_field_list(
        R"({"fields":[7,{"field_label":"x"},{"api_name":"A","data_type":null},{"api_name":"B,C","data_type":"text"},)"
        R"({"api_name":"D\u0000","data_type":"text"},{"api_name":["E"]},{"api_name":"F","data_type":"hologram"},)"
        R"({"api_name":"F","data_type":"text"},{"api_name":")" +
        std::string(201, 'x') +
        R"(","data_type":"text"},{"api_name":"G","data_type":"formula","formula":[],"ui_type":"x"}]})");

    std::vector<std::string> names;
    for (const auto& field : list.fields) {
        names.push_back(field.api_name);
    }
    CHECK(names == std::vector<std::string>{"A", "F", "G"});
    CHECK(list.fields[1].data_type == "hologram");
    CHECK(column_type_of(list.fields[0]) == ColumnType::text);
    CHECK(column_type_of(list.fields[2]) == ColumnType::text);
    std::vector<std::string> odd;
    for (const auto& oddity : list.oddities) {
        odd.push_back(oddity.field);
    }
    CHECK(odd == std::vector<std::string>{
                     "entry 1", "entry 2", "A", "entry 4", "entry 5", "entry 6", "F", "entry 9"});
}

TEST_CASE("half a character in one label does not hide the fields") {
    const auto fields = parse_fields("{\"fields\":[{\"api_name\":\"A\",\"field_label\":\"\\ud800 "
                                     "\xff\"},{\"api_name\":\"B\"}]}");

    REQUIRE(fields.size() == 2);
    CHECK(fields[1].api_name == "B");
}

TEST_CASE("Zoho's list of modules says which can not be read, and why") {
    ZohoModule module{"X", "X", "custom", true, true};
    CHECK(why_not_listed(module).empty());
    module.is_viewable = false;
    CHECK(why_not_listed(module).find("viewable is false") != std::string::npos);
    module.is_api_supported = false;
    CHECK(why_not_listed(module).find("api_supported is false") != std::string::npos);
}

TEST_CASE("modules are listed with what decides whether they can be read") {
    const auto modules = parse_modules(
        R"({"modules":[{"api_name":"Leads","plural_label":"Leads","generated_type":"default","api_supported":true,)"
        R"("viewable":true},{"plural_label":"no name"},{"api_name":"Notes","api_supported":true,"viewable":null}]})");

    REQUIRE(modules.size() == 2);
    CHECK(modules[0].api_name == "Leads");
    CHECK(modules[0].label == "Leads");
    CHECK(modules[0].is_api_supported);
    CHECK(modules[0].is_viewable);
    CHECK_FALSE(modules[1].is_viewable);
}

TEST_CASE("the organisation is known by its zgid") {
    ZohoClient zoho;
    zoho.script.reply(
        200,
        R"({"org":[{"id":"5725767000000020005","zgid":"808232144",)"
        R"("license_details":{"paid_type":"enterprise","users_license_purchased":10}}]})");

    const auto organisation = read_organisation(zoho.api, {});

    CHECK(organisation.id == "808232144");
    CHECK(organisation.edition == "enterprise");
    CHECK(organisation.licences == 10);
    CHECK(daily_credits(organisation) == 60'000);
}

TEST_CASE("credits per day follow the edition and the licences") {
    struct Case {
        std::string edition;
        std::uint64_t licences;
        std::uint64_t want;
    };

    const Case cases[] = {{"free", 3, 5'000},
                          {"standard", 10, 52'500},
                          {"standard", 1'000, 100'000},
                          {"professional", 100, 100'000},
                          {"enterprise", 100'000, 5'000'000},
                          {"ultimate", 10, 70'000},
                          {"", 10, 5'000},
                          {"new edition", 10, 5'000}};
    for (const auto& c : cases) {
        CAPTURE(c.edition);
        ZohoOrganisation organisation;
        organisation.edition = c.edition;
        organisation.licences = c.licences;
        CHECK(daily_credits(organisation) == c.want);
    }
}

} // namespace
} // namespace zohosyncd
