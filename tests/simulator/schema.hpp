#pragma once

#include "tests/simulator/clock.hpp"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace zohosim {

/// The organisation's prefix of every record id: 19 digits in all, above 2^53.
constexpr std::int64_t id_base = 4'876'876'000'000'000'000;

/// What kind of value a field holds; one enumerator per shape of §4 of the API's documentation.
enum class Kind {
    record_id,
    text,
    textarea,
    rich_text,
    email,
    phone,
    website,
    picklist,
    multiselect,
    boolean,
    integer,
    bigint,
    decimal,
    currency,
    percent,
    date,
    datetime,
    autonumber,
    formula,
    rollup_integer,
    rollup_datetime,
    lookup,
    user,
    layout,
    tag,
    territories,
    profile_image,
    file_upload,
    image_upload,
    what_id,
    parent_id,
    participants,
    reminders,
    alarm,
    rrule,
    tax,
    consent,
    duration,
    created_time,
    modified_time,
    constant_available,
    null_text,
    subform,
    line_items,
    multi_lookup,
    multi_user,
    full_name,
    converted_flag,
    converted_time,
    converted_lookup,
};

/// One field of a module. `seed` separates the value streams of two fields of one record.
struct Field {
    std::string api_name;
    Kind kind = Kind::text;
    int length = 255;
    std::string target;               ///< module a lookup points into
    std::vector<std::string> choices; ///< picklist values
    bool custom = false;
    bool mandatory = false;
    bool hidden = false; ///< view_type.view is false
    bool read_only = false;
    std::uint64_t seed = 0;
    std::int64_t id = 0;
    Micros added_at = 0;   ///< records not written since then hold null
    Micros retyped_at = 0; ///< values set by edits before are of another form
    bool is_cut = false;   ///< rich text is cut in single records, too
    // What the metadata says instead of what the kind would; empty: the kind's.
    std::string said_data_type;
    std::string said_json_type; ///< "null" for null
    std::string said_return_type;

    [[nodiscard]] bool is_virtual() const;
    [[nodiscard]] std::string_view data_type() const;
    [[nodiscard]] std::string_view json_type() const; ///< empty: the metadata says null
};

using FieldPtr = std::shared_ptr<const Field>;

struct Module {
    std::string api_name;
    std::string module_name;
    std::string singular;
    std::int64_t id = 0;
    std::string generated_type = "default";
    std::string status = "visible";
    bool api_supported = true;
    bool viewable = true;
    bool has_records = false;
    bool has_deleted_list = true;
    bool has_modified_time = true;
    std::string fields_refusal; ///< code of a 403 or 400 to `settings/fields`
    std::string list_refusal;   ///< the same to everything below the module's own path
    std::string odd_fields;     ///< JSON texts, comma between, that the field list has besides
    std::vector<FieldPtr> fields;
};

/// The default organisation: every module of the fact sheet with its default fields.
std::vector<Module> default_modules();

/// A module as `--modules` describes it; see README.md.
Module make_module(const nlohmann::json& description, std::int64_t number);

/// Adds custom fields of all data types in turn until the module has `count` fields that a list
/// call delivers.
void widen(Module& module, std::size_t count);

/// Makes a field of a named Zoho data type (`text`, `currency`, …); unknown names become text.
Field make_field(const Module& module, const std::string& api_name, const std::string& data_type);

/// The field under another data type: the same id, and values of the other form.
Field retyped(Field field, const std::string& data_type);

/// A field as a module's description or the control API gives it: `api_name, data_type`, and for
/// what only the metadata says `json_type, said_data_type, return_type`.
Field make_field(const Module& module, const nlohmann::json& description);

// Tables behind default_modules(), in schema_tables.cpp.
struct ModuleRow {
    const char* api_name;
    const char* module_name;
    std::int64_t id_suffix;
    const char* fields; ///< nullptr: a module without records
    bool api_supported;
    bool viewable;
};

const std::vector<ModuleRow>& module_rows();
const char* system_fields();
std::vector<std::string> picklist_values(const std::string& api_name);

} // namespace zohosim
