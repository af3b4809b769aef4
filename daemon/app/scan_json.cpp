#include "daemon/app/scan_json.hpp"

#include "daemon/core/time.hpp"

#include <nlohmann/json.hpp>

namespace zohosyncd {
namespace {

using nlohmann::json;

std::optional<Instant> instant_at(const json& object, const char* key) {
    const auto found = object.find(key);
    return found != object.end() && found->is_string() ? parse_zoho_time(found->get<std::string>())
                                                       : std::nullopt;
}

} // namespace

std::string to_json(const StoredScan& scan) {
    json object{{"start", format_utc(scan.progress.start)},
                {"at", format_utc(scan.progress.at)},
                {"staged", scan.is_staged},
                {"mapping", scan.mapping_hash}};
    if (scan.progress.first_date) {
        object["first_date"] = format_utc(*scan.progress.first_date);
    }
    if (scan.progress.greatest) {
        object["greatest"] = format_utc(*scan.progress.greatest);
    }
    if (!scan.window.empty()) {
        object["window"] = scan.window;
        object["done"] = scan.is_done;
    }
    return object.dump();
}

std::optional<StoredScan> stored_scan_from(const std::string& text) {
    const json object = json::parse(text, nullptr, false);
    if (!object.is_object()) {
        return std::nullopt;
    }
    const auto start = instant_at(object, "start");
    const auto at = instant_at(object, "at");
    if (!start || !at) {
        return std::nullopt;
    }
    return StoredScan{
        {*start, *at, instant_at(object, "first_date"), instant_at(object, "greatest")},
        object.value("staged", false),
        object.value("mapping", ""),
        object.value("window", ""),
        object.value("done", false),
        object.contains("rows") && object["rows"].is_number_unsigned()
            ? std::optional(object["rows"].get<std::uint64_t>())
            : std::nullopt};
}

} // namespace zohosyncd
