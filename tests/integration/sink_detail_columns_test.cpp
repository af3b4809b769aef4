// Columns of the records' own table that single records fill: a text that lists cut, and a field
// that they leave out.
#include "daemon/core/details.hpp"
#include "daemon/core/time.hpp"
#include "tests/integration/rows.hpp"
#include "tests/integration/targets.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <iterator>
#include <string>

namespace zohosyncd::tests {
namespace {

constexpr std::size_t story_column = 8;

/// leads() with a rich text and a multi-user lookup, as details or as lists have them.
StreamSchema with_details(bool wanted = true) {
    auto schema = leads();
    Column story;
    story.api_name = "Story";
    story.field_id = "f-Story";
    story.data_type = "textarea";
    story.list_limit = 500;
    story.is_detail = wanted;
    schema.columns.push_back(story);
    if (wanted) {
        Column helpers;
        helpers.api_name = "Helpers";
        helpers.field_id = "f-Helpers";
        helpers.data_type = "multiuserlookup";
        helpers.type = ColumnType::json;
        helpers.is_detail = true;
        helpers.counts_as_change = false;
        schema.columns.push_back(helpers);
    }
    return schema;
}

/// So long that a list gives its first 500 characters, some of which are more than a byte.
std::string story(const std::string& end = "the end") {
    std::string text;
    for (int i = 0; i < 300; ++i) {
        text += "aß";
    }
    return text + end;
}

std::string beginning() {
    std::string text;
    for (int i = 0; i < 250; ++i) {
        text += "aß";
    }
    return text;
}

StreamSchema details_wanted() {
    return with_details();
}

template <class Target> struct WithDetails : Prepared<Target, details_wanted> {
    void prepare(const StreamSchema& wanted) {
        this->stream = this->sink->prepare(this->key, wanted, ColumnCasing::snake);
    }

    Batch listed(std::int64_t id, int version, const std::string& text) {
        Batch batch(this->stream.schema.columns.size());
        add_lead(batch, id, version, "Ada", {{}, {}, {}, {}, {}, text});
        return batch;
    }

    WriteStats write(std::int64_t id, int version, const std::string& text) {
        const auto batch = listed(id, version, text);
        return Prepared<Target, details_wanted>::write(batch);
    }

    /// Id, version and the columns that details fill.
    StreamSchema details_schema() {
        StreamSchema schema;
        schema.target = this->stream.schema.target;
        const auto& columns = this->stream.schema.columns;
        schema.columns = {columns[0], columns[2]};
        std::copy(
            columns.begin() + story_column, columns.end(), std::back_inserter(schema.columns));
        for (auto& column : schema.columns) {
            column.is_detail = false;
            column.counts_as_change = true;
        }
        schema.version_column = 1;
        return schema;
    }

    [[nodiscard]] std::int64_t generation() {
        return this->sink->details_generation(leads().target);
    }

    DetailsWritten
    fill(std::int64_t id, int version, const std::string& text, const std::string& helpers) {
        return fill_of(generation(), id, version, text, helpers);
    }

    /// What was asked for under that generation.
    DetailsWritten fill_of(std::int64_t asked_under,
                           std::int64_t id,
                           int version,
                           const std::string& text,
                           const std::string& helpers) {
        DetailsPage page;
        page.generation = asked_under;
        page.ids = {id};
        page.versions = {at(version)};
        const auto schema = details_schema();
        page.columns = Batch(schema.columns.size());
        page.columns.column(1).append(format_utc(at(version)));
        page.columns.column(2).append(text);
        if (schema.columns.size() > 3) {
            page.columns.column(3).append(helpers);
        }
        page.columns.end_row(id, at(version));
        return this->sink->write_details(schema, {}, page);
    }

    std::string story_of(std::int64_t id) { return value_of("story", id); }

    std::string helpers_of(std::int64_t id) { return value_of("helpers", id); }

    std::string value_of(const std::string& column, std::int64_t id) {
        return this->target.value("SELECT " + column + " FROM " + Target::table("leads") +
                                  " WHERE id = " + std::to_string(id));
    }

    std::string waiting() {
        return std::to_string(this->sink->details_backlog(leads().target).value_or(999));
    }
};

} // namespace

TEST_CASE_TEMPLATE("a row has what lists give until its details come",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithDetails<Target> p;
    CHECK(text_of(p.write(1, 10, beginning())) == "1/0/0/0");
    CHECK(p.story_of(1) == beginning());
    CHECK(p.helpers_of(1) == "NULL");
    CHECK(p.waiting() == "1");

    p.fill(1, 10, story(), R"([{"id":"7"}])");

    CHECK(p.story_of(1) == story());
    CHECK(p.helpers_of(1).find("\"7\"") != std::string::npos);
    CHECK(p.waiting() == "0");
}

TEST_CASE_TEMPLATE("the beginning of a text that a row has whole is no news",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithDetails<Target> p;
    p.write(1, 10, beginning());
    p.fill(1, 10, story(), "[]");

    CHECK(text_of(p.write(1, 10, beginning())) == "0/0/1/0");
    CHECK(p.story_of(1) == story());
    CHECK(p.waiting() == "0");
    CHECK(p.sink->differing(p.stream.schema, p.listed(1, 10, beginning())).empty());

    struct Case {
        const char* name;
        std::string text;
    };

    for (const auto& c : {Case{"another text", "b" + beginning()},
                          Case{"one that is too short for a cut", "aß"},
                          Case{"none", ""}}) {
        CAPTURE(c.name);
        CHECK(p.sink->differing(p.stream.schema, p.listed(1, 10, c.text)).size() == 1);
        CHECK(text_of(p.write(1, 10, c.text)) == "0/1/0/0");
        CHECK(p.story_of(1) == c.text);
        CHECK(p.waiting() == "1");
        p.fill(1, 10, story(), "[]");
    }
}

TEST_CASE_TEMPLATE("a new version takes the details of the old one away",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithDetails<Target> p;
    p.write(1, 10, beginning());
    p.fill(1, 10, story(), R"([{"id":"7"}])");

    CHECK(text_of(p.write(1, 11, beginning())) == "0/1/0/0");
    CHECK(p.story_of(1) == beginning());
    CHECK(p.helpers_of(1) == "NULL");
    CHECK(p.waiting() == "1");

    p.fill(1, 10, story("of an older version"), R"([{"id":"8"}])");
    CHECK(p.helpers_of(1) == "NULL");
    CHECK(p.waiting() == "1");
    p.fill(1, 11, story("of this one"), "[]");
    CHECK(p.story_of(1) == story("of this one"));
    CHECK(p.waiting() == "0");
}

TEST_CASE_TEMPLATE("a full refresh leaves rows alone whose text it shows the beginning of",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithDetails<Target> p;
    p.write(1, 10, beginning());
    p.write(2, 10, beginning());
    p.fill(1, 10, story(), "[]");
    p.fill(2, 10, story(), "[]");
    p.sink->begin_stage(p.key, p.stream.schema);
    for (const auto& [id, text] : {std::pair{1, beginning()}, std::pair{2, "x" + beginning()}}) {
        const auto page = p.listed(id, 10, text);
        p.sink->write_stage(p.key, p.stream.schema, {&page, nullptr}, checkpoint_of(p.stream));
    }
    p.sink->merge_stage(
        p.key, p.stream.schema, DeletePolicy::soft, at(50), checkpoint_of(p.stream));

    CHECK(p.story_of(1) == story());
    CHECK(p.story_of(2) == "x" + beginning());
    CHECK(p.waiting() == "1");
}

TEST_CASE_TEMPLATE("all rows wait once details have a further column",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithDetails<Target> p;
    p.write(1, 10, beginning());
    p.fill(1, 10, story(), "[]");
    p.prepare(with_details());
    CHECK(p.waiting() == "0");
    const auto mark = p.stream.state.mapping_hash;

    SUBCASE("a new one") {
        auto wanted = with_details();
        auto more = wanted.columns.back();
        more.api_name = "Partners";
        more.field_id = "f-Partners";
        wanted.columns.push_back(more);
        p.prepare(wanted);
        CHECK(p.waiting() == "1");
        CHECK_FALSE(p.stream.added_columns_to_existing_rows); // Lists need not be read again.
        CHECK(p.stream.state.mapping_hash == mark);
        p.prepare(wanted);
        CHECK(p.stream.schema.columns.back().name == "partners");
    }
    SUBCASE("one under another name, which single records may have lacked") {
        auto wanted = with_details();
        wanted.columns.back().api_name = "Helping_Hands";
        p.prepare(wanted);
        CHECK(p.waiting() == "1");
        CHECK(p.stream.schema.columns.back().name == "helping_hands");
    }
    SUBCASE("one that was not kept for a while") {
        p.prepare(with_details(false));
        CHECK(p.waiting() == "0");
        p.prepare(with_details());
        CHECK(p.waiting() == "1");
    }
}

TEST_CASE_TEMPLATE("a text that lists filled until now waits to be whole",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithDetails<Target> p;
    auto cut = with_details();
    cut.columns.resize(story_column + 1);
    auto whole = cut;
    cut.columns.back().is_detail = false;
    p.prepare(cut);
    p.prepare(whole);
    p.write(1, 10, beginning());
    p.fill(1, 10, story(), "[]");
    p.prepare(whole);
    CHECK(p.waiting() == "0");

    p.prepare(cut);
    p.prepare(whole);

    CHECK(p.waiting() == "1");
}

TEST_CASE_TEMPLATE("details that were asked for before there was a place for more do not count",
                   Target,
                   ZOHOSYNCD_ALL_TARGETS) {
    WithDetails<Target> p;
    p.write(1, 10, beginning());
    const auto before = p.generation();
    auto wanted = with_details();
    auto more = wanted.columns.back();
    more.api_name = "Partners";
    more.field_id = "f-Partners";
    wanted.columns.push_back(more);
    p.sink->prepare(p.key, wanted, ColumnCasing::snake);
    CHECK(p.generation() == before + 1);
    auto text = wanted.columns[story_column];
    text.api_name = "Tale";
    text.field_id = "f-Tale";
    wanted.columns.push_back(text);
    p.sink->prepare(p.key, wanted, ColumnCasing::snake);
    CHECK(p.generation() == before + 2);
    p.sink->prepare(p.key, wanted, ColumnCasing::snake);
    CHECK(p.generation() == before + 2);

    CHECK(p.fill_of(before + 1, 1, 10, story(), "[]").is_outdated);
    CHECK(p.fill_of(before, 1, 10, story(), "[]").is_outdated);
    CHECK(p.story_of(1) == beginning());
    CHECK(p.waiting() == "1");

    CHECK_FALSE(p.fill(1, 10, story(), "[]").is_outdated);
    CHECK(p.waiting() == "0");
}

} // namespace zohosyncd::tests
