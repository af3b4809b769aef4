#include "daemon/config/sling_settings.hpp"

#include "daemon/config/words.hpp"

#include <charconv>
#include <cstdint>

namespace zohosyncd {
namespace {

constexpr const char* timeout_name = "SLING_TIMEOUT";
constexpr const char* loaded_at_name = "SLING_LOADED_AT_COLUMN";
constexpr const char* synced_name = "SLING_SYNCED_AT_COLUMN";

class SettingsReader {
public:
    SettingsReader(const std::map<std::string, std::string>& own,
                   const std::string& file,
                   const std::map<std::string, std::string>& foreign,
                   Problems& problems)
        : own_(own), file_(file), foreign_(foreign), problems_(problems) {}

    SlingSettings read() {
        SlingSettings settings;
        settings.timeout = read_timeout();
        settings.metadata.synced = read_synced();
        settings.metadata.loaded_at = read_loaded_at();
        if (settings.metadata.synced) {
            settings.metadata.loaded_at = MetadataColumns::LoadedAt::none; // As in Sling.
        }
        return settings;
    }

private:
    /// Empty: not set.
    [[nodiscard]] std::string value_of(const std::string& name) const {
        const auto own = own_.find(name);
        if (own != own_.end()) {
            return std::string(trim(own->second));
        }
        const auto foreign = foreign_.find(name);
        return foreign == foreign_.end() ? std::string{} : std::string(trim(foreign->second));
    }

    void error(const std::string& name, const std::string& message) {
        const bool is_own = own_.contains(name);
        problems_.error(
            is_own ? file_ : "variable " + name, 0, is_own ? "env." + name : "", message);
    }

    std::optional<std::chrono::milliseconds> read_timeout() {
        const auto text = value_of(timeout_name);
        if (text.empty()) {
            return std::nullopt;
        }
        double minutes = 0;
        const auto [end, failure] =
            std::from_chars(text.data(), text.data() + text.size(), minutes);
        constexpr double most = 60.0 * 24 * 365;
        if (failure != std::errc{} || end != text.data() + text.size() || !(minutes > 0) ||
            minutes > most) {
            error(timeout_name, "expected minutes, such as 30");
            return std::nullopt;
        }
        return std::chrono::milliseconds(static_cast<std::int64_t>(minutes * 60'000));
    }

    MetadataColumns::LoadedAt read_loaded_at() {
        using enum MetadataColumns::LoadedAt;
        const auto text = lower(value_of(loaded_at_name));
        if (text == "true" || text == "unix") {
            return unix_time;
        }
        if (text == "timestamp") {
            return timestamp;
        }
        if (!text.empty() && text != "false") {
            error(loaded_at_name, "expected true, unix, timestamp or false");
        }
        return none;
    }

    bool read_synced() {
        const auto text = lower(value_of(synced_name));
        if (!text.empty() && text != "true" && text != "false") {
            error(synced_name, "expected true or false");
        }
        return text == "true";
    }

    const std::map<std::string, std::string>& own_;
    const std::string& file_;
    const std::map<std::string, std::string>& foreign_;
    Problems& problems_;
};

} // namespace

bool is_sling_setting(std::string_view name) {
    return name == timeout_name || name == loaded_at_name || name == synced_name;
}

SlingSettings read_sling_settings(const std::map<std::string, std::string>& env_of_file,
                                  const std::string& file,
                                  const std::map<std::string, std::string>& environment,
                                  Problems& problems) {
    return SettingsReader(env_of_file, file, environment, problems).read();
}

} // namespace zohosyncd
