#include "tests/simulator/users.hpp"

#include <array>
#include <functional>
#include <map>

namespace zohosim {

namespace {

constexpr std::int64_t first_user = id_base + 310'000;

using Test = std::function<bool(const nlohmann::json&)>;

const std::map<std::string, Test>& types() {
    static const auto status = [](const char* wanted) {
        return [wanted](const nlohmann::json& user) { return user["status"] == wanted; };
    };
    static const Test confirmed = [](const auto& user) { return user["confirm"] == true; };
    static const Test admin = [](const auto& user) {
        return user["profile"]["name"] == "Administrator";
    };
    static const std::map<std::string, Test> table{
        {"AllUsers", [](const auto&) { return true; }},
        {"ActiveUsers", status("active")},
        {"DeactiveUsers", status("inactive")},
        {"DeletedUsers", status("deleted")},
        {"ConfirmedUsers", confirmed},
        {"NotConfirmedUsers", [](const auto& user) { return !confirmed(user); }},
        {"ActiveConfirmedUsers",
         [](const auto& user) { return user["status"] == "active" && confirmed(user); }},
        {"AdminUsers", admin},
        {"ActiveConfirmedAdmins",
         [](const auto& user) {
             return user["status"] == "active" && confirmed(user) && admin(user);
         }},
        {"CurrentUser", [](const auto& user) { return user.contains("customize_info"); }},
    };
    return table;
}

} // namespace

Users::Users(std::size_t count, const TimeZone& zone, Seconds now) {
    for (std::size_t i = 0; i < std::max<std::size_t>(count, 1); ++i) {
        users_.push_back(make(i, zone.iso(now - 86'400 * static_cast<Seconds>(100 + i))));
    }
    created_ = users_.size();
}

nlohmann::json Users::make(std::size_t index, const std::string& time) {
    constexpr std::array<const char*, 6> first{"Patricia", "Jörg", "Ana", "李", "Sven", "O'Dea"};
    constexpr std::array<const char*, 5> last{"Boyle", "Müller", "da Silva", "Wei", "Ng"};
    const std::string first_name = first[index % first.size()];
    const auto last_name = std::string{last[index % last.size()]} + " " + std::to_string(index);
    const auto id = [](std::int64_t offset) { return std::to_string(id_base + offset); };
    const bool invited = index % 7 == 6;
    nlohmann::json user{
        {"id", std::to_string(first_user + static_cast<std::int64_t>(index))},
        {"first_name", first_name},
        {"last_name", last_name},
        {"full_name", first_name + " " + last_name},
        {"email", "user" + std::to_string(index) + "@example.com"},
        {"role", {{"name", "CEO"}, {"id", id(26'005)}}},
        {"profile", {{"name", index % 3 == 0 ? "Administrator" : "Standard"}, {"id", id(26'011)}}},
        {"status",
         index % 5 == 4     ? "inactive"
         : index % 11 == 10 ? "deleted"
                            : "active"},
        {"confirm", !invited},
        {"Isonline", index % 2 == 0},
        {"offset", -18'000'000},
        {"time_zone", "America/New_York"},
        {"created_time", time},
        {"Modified_Time", time},
        {"created_by", {{"name", "Patricia Boyle"}, {"id", std::to_string(first_user)}}},
        {"Modified_By", {{"name", "Patricia Boyle"}, {"id", std::to_string(first_user)}}},
        {"type__s", "Regular User"},
        {"language", "en_US"},
        {"locale", "en_US"},
        {"country_locale", "US"},
        {"date_format", "MMM d, yyyy"},
        {"time_format", "hh:mm a"},
        {"decimal_separator", "Period"},
        {"number_separator", "Comma"},
        {"microsoft", false},
        {"sandboxDeveloper", false},
        {"$current_shift", nullptr},
        {"$next_shift", nullptr},
        {"$shift_effective_from", nullptr}};
    user["zuid"] = invited ? nlohmann::json{} : nlohmann::json(std::to_string(808'233'918 + index));
    for (const auto* name : {"country",
                             "city",
                             "street",
                             "state",
                             "zip",
                             "fax",
                             "mobile",
                             "phone",
                             "website",
                             "alias",
                             "dob",
                             "status_reason__s"}) {
        user[name] = nullptr;
    }
    if (index == 0) { // Only the current user's entry has these.
        user["customize_info"] = {{"notes_desc", nullptr}, {"show_home", false}};
        user["theme"] = {{"normal_tab", {{"font_color", "#FFFFFF"}}}};
        user["signature"] = nullptr;
        user["name_format__s"] = "Salutation,First Name,Last Name";
    }
    if (index % 4 == 3) {
        user["Reporting_To"] = {{"name", "Patricia Boyle"}, {"id", std::to_string(first_user)}};
    }
    return user;
}

std::vector<UserRef> Users::references() const {
    const std::scoped_lock lock{mutex_};
    std::vector<UserRef> references;
    for (const auto& user : users_) {
        references.push_back(
            {std::stoll(user["id"].get<std::string>()), user["full_name"], user["email"]});
    }
    return references;
}

std::optional<std::vector<nlohmann::json>> Users::of_type(const std::string& type) {
    const auto test = types().find(type);
    if (test == types().end()) {
        return std::nullopt;
    }
    const std::scoped_lock lock{mutex_};
    std::vector<nlohmann::json> found;
    for (const auto& user : users_) {
        if (test->second(user)) {
            found.push_back(user);
        }
    }
    return found;
}

std::string Users::edit(std::size_t index, const nlohmann::json& fields, const std::string& now) {
    const std::scoped_lock lock{mutex_};
    auto& user = users_[index % users_.size()];
    if (fields.empty()) {
        user["phone"] = "+1 555 " + now;
    }
    user.update(fields);
    // Presence and the zone's offset change without a modification.
    const bool only_noise =
        !fields.empty() &&
        std::all_of(fields.items().begin(), fields.items().end(), [](const auto& item) {
            return item.key() == "Isonline" || item.key() == "offset";
        });
    if (!only_noise) {
        user["Modified_Time"] = now;
    }
    return user["id"];
}

std::string Users::create(const std::string& now) {
    const std::scoped_lock lock{mutex_};
    users_.push_back(make(created_++, now));
    return users_.back()["id"];
}

bool Users::erase(const std::string& id) {
    const std::scoped_lock lock{mutex_};
    return std::erase_if(users_, [&](const auto& user) { return user["id"] == id; }) > 0;
}

} // namespace zohosim
