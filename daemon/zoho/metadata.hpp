#pragma once

#include "daemon/core/errors.hpp"
#include "daemon/core/zoho_field.hpp"
#include "daemon/zoho/api_client.hpp"

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

namespace zohosyncd {

using ZohoFields = std::shared_ptr<const std::vector<ZohoField>>;

/// Whether something was said often and long enough to be believed: three times, the first of them
/// an hour ago.
class Confirmation {
public:
    /// Said once more. True when it is to be believed.
    bool said(Clock::TimePoint now);

    void reset() { times_ = 0; }

    [[nodiscard]] int times() const { return times_; }

private:
    int times_ = 0;
    Clock::TimePoint first_;
};

/// While it is not believed yet, Zoho is asked again this often.
constexpr std::chrono::minutes between_confirmations{20};

/// What a list of fields holds.
struct FieldList {
    /// An entry that is not quite what it should be.
    struct Oddity {
        std::string field; ///< Its API name, or its place in the list.
        std::string what;  ///< What is wrong and what follows.

        bool operator==(const Oddity&) const = default;
    };

    std::vector<ZohoField> fields;
    std::vector<Oddity> oddities;
};

/// The fields of each module, asked for at most once per `max_age`. A list that can not be read, or
/// that lacks most of the fields of the one before, changes nothing before it is confirmed.
/// Thread-safe: shared by the fetchers and the thread for details. Two who ask for the same module
/// at once may both ask Zoho.
class FieldCatalog {
public:
    FieldCatalog(Clock& clock, std::chrono::seconds max_age) : clock_(clock), max_age_(max_age) {}

    ZohoFields get(ApiClient& client, const std::string& module, const std::stop_token& stop);

    /// The same, but null when Zoho does not give them: not every subform has a list of its own.
    /// That, too, is asked for at most once per `max_age`.
    ZohoFields find(ApiClient& client, const std::string& module, const std::stop_token& stop);
    /// Whether the next get() asks Zoho.
    [[nodiscard]] bool is_old(const std::string& module);
    /// The next get() asks Zoho: the list seems to have changed.
    void forget(const std::string& module);

private:
    struct Entry {
        ZohoFields fields;
        Clock::TimePoint good_until;
        Confirmation doubt = {};
        std::vector<FieldList::Oddity> oddities = {}; ///< They were said.
    };

    [[nodiscard]] Entry entry_of(const std::string& module);
    ZohoFields keep(const std::string& module, Entry entry, const std::string& reason);

    Clock& clock_;
    std::chrono::seconds max_age_;
    std::mutex mutex_;
    std::map<std::string, Entry> entries_;
    std::map<std::string, Clock::TimePoint> refused_at_;
};

/// Whether it is what read_fields() throws for a module without fields.
bool says_no_fields(const SyncError& error);

/// `GET settings/fields`. Entries that are no usable field are left out, each with a warning that
/// names it. Throws SyncError{denied} when the module has no fields, SyncError{bad_response} when
/// the reply is no list of them.
std::vector<ZohoField>
read_fields(ApiClient& client, const std::string& module, const std::stop_token& stop);

FieldList parse_field_list(const std::string& body);
std::vector<ZohoField> parse_fields(const std::string& body);

/// One module of the organisation, as `GET settings/modules` lists it.
struct ZohoModule {
    std::string api_name;
    std::string label;
    std::string generated_type;
    bool is_api_supported = false;
    bool is_viewable = false;
    std::string status = {}; ///< "visible", "user_hidden", "system_hidden", …; may be empty.
};

/// Why Zoho's own list says that its records can not be read; empty when they may be.
std::string why_not_listed(const ZohoModule& module);

std::vector<ZohoModule> read_modules(ApiClient& client, const std::stop_token& stop);
std::vector<ZohoModule> parse_modules(const std::string& body);

/// The organisation behind the credentials.
struct ZohoOrganisation {
    std::string id;      ///< zgid, the number in soid.
    std::string edition; ///< "free", "enterprise", …; empty when Zoho does not say.
    std::uint64_t licences = 0;
    std::optional<std::chrono::sys_seconds> date; ///< Zoho's clock when it answered.
    std::optional<std::chrono::seconds> skew;     ///< How far that is ahead of ours, however much.
};

ZohoOrganisation read_organisation(ApiClient& client, const std::stop_token& stop);

/// API credits per day of an edition (zoho-api-facts §11.1); 5,000 when it is not known.
std::uint64_t daily_credits(const ZohoOrganisation& organisation);

} // namespace zohosyncd
