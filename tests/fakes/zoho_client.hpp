#pragma once

#include "daemon/zoho/api_client.hpp"
#include "tests/fakes/manual_clock.hpp"
#include "tests/fakes/scripted_transport.hpp"

#include <memory>
#include <string>

namespace zohosyncd::fakes {

inline ZohoSettings zoho_settings() {
    ZohoSettings settings;
    settings.connection = "ZOHO_CRM";
    settings.accounts_url = "https://accounts.zoho.com";
    settings.api_domain = "https://www.zohoapis.com";
    settings.api_version = "v6";
    settings.scopes = "ZohoCRM.modules.READ,ZohoCRM.org.READ";
    settings.client_id = Secret("1000.CLIENTID");
    settings.client_secret = Secret("hush&secret");
    settings.soid = "ZohoCRM.42";
    return settings;
}

/// An ApiClient with everything around it, in front of a script.
struct ZohoClient {
    ZohoSettings settings = zoho_settings();
    ManualClock clock;
    Script script;
    RequestGate gate{{5, 3}, clock};
    TokenProvider tokens{settings, gate, clock};
    ApiClient api{settings, tokens, gate, clock, std::make_unique<ScriptedTransport>(script)};
    std::stop_source stop;
};

/// A `Date` header of the manual clock's first moment plus `offset`.
inline std::map<std::string, std::string> date_header(int second_of_minute) {
    // 1700000000 is Tue, 14 Nov 2023 22:13:20 GMT.
    std::string digits = std::to_string(second_of_minute);
    digits.insert(0, digits.size() < 2 ? 1 : 0, '0');
    return {{"date", "Tue, 14 Nov 2023 22:13:" + digits + " GMT"}};
}

} // namespace zohosyncd::fakes
