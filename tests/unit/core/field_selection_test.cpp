#include "daemon/core/field_selection.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Texts = std::vector<std::string>;

const Texts fields{"id", "Last_Name", "Last_Activity_Time", "Owner", "$approved", "createdTime"};

Texts kept_by(const FieldSelection& select) {
    Texts kept;
    for (const auto& name : fields) {
        if (select.keeps(name)) {
            kept.push_back(name);
        }
    }
    return kept;
}

TEST_CASE("a selection keeps what its items match") {
    struct Case {
        const char* name;
        FieldSelection select;
        Texts want;
    };

    const Case cases[] = {
        {"nothing said", {}, fields},
        {"a star", {{"*"}, {}}, fields},
        {"Zoho's name", {{"Last_Name"}, {}}, {"Last_Name"}},
        {"any case", {{"LAST_name", "owner"}, {}}, {"Last_Name", "Owner"}},
        {"the column's name", {{"created_time"}, {}}, {"createdTime"}},
        {"a pattern", {{"last_*"}, {}}, {"Last_Name", "Last_Activity_Time"}},
        {"a single character", {{"?wner"}, {}}, {"Owner"}},
        {"no part of a name", {{"Last", "Name"}, {}}, {}},
        {"all but one",
         {{}, {"Owner"}},
         {"id", "Last_Name", "Last_Activity_Time", "$approved", "createdTime"}},
        {"leaving out wins", {{"Last_Name", "Owner"}, {"last_*"}}, {"Owner"}},
        {"everything left out", {{"*"}, {"*"}}, {}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        CHECK(kept_by(c.select) == c.want);
    }
}

TEST_CASE("items without a field are found") {
    const FieldSelection select{{"Last_Name", "x*", "Ownr"}, {"Owner", "Emial"}};

    CHECK(select.without_match(fields) == Texts{"x*", "Ownr", "-Emial"});
    CHECK(FieldSelection{}.without_match(fields).empty());
}

} // namespace
} // namespace zohosyncd
