#include "tests/simulation/zoho_model.hpp"

#include "daemon/core/errors.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace zohosyncd::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t most_snapshots = 8;
constexpr auto life_of_token = 1h;
constexpr std::size_t requests_in_a_second = 5;
constexpr std::size_t token_requests_allowed = 5;

/// Zoho prints a user's time zone, and daylight saving changes it inside one list.
std::string zoho_time(Instant instant, std::int64_t id) {
    struct Zone {
        std::chrono::minutes offset;
        const char* text;
    };

    static constexpr std::array<Zone, 3> zones{
        {{0min, "+00:00"}, {330min, "+05:30"}, {-480min, "-08:00"}}};
    const Zone& zone = zones.at(static_cast<std::size_t>(id) % zones.size());
    const auto local = static_cast<std::time_t>((instant + zone.offset).time_since_epoch().count());
    std::tm parts{};
    gmtime_r(&local, &parts);
    char text[40];
    (void)std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
    return std::string(text) + zone.text;
}

std::string http_date(Instant instant) {
    const auto seconds = static_cast<std::time_t>(instant.time_since_epoch().count());
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char text[64];
    (void)std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
    return text;
}

/// "2026-11-23T10:00:00+00:00", as the daemon writes it. Read apart from its own code.
std::optional<Instant> instant_from(const std::string& text) {
    std::tm parts{};
    int hours = 0;
    int minutes = 0;
    char sign = '+';
    if (std::sscanf(text.c_str(),
                    "%d-%d-%dT%d:%d:%d%c%d:%d",
                    &parts.tm_year,
                    &parts.tm_mon,
                    &parts.tm_mday,
                    &parts.tm_hour,
                    &parts.tm_min,
                    &parts.tm_sec,
                    &sign,
                    &hours,
                    &minutes) != 9) {
        return std::nullopt;
    }
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    const auto offset = (hours * 3600 + minutes * 60) * (sign == '-' ? -1 : 1);
    return Instant(std::chrono::seconds(timegm(&parts) - offset));
}

std::string unescaped(const std::string& text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size()) {
            out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string header_of(const HttpRequest& request, const std::string& name) {
    for (const auto& header : request.headers) {
        if (header.starts_with(name + ": ")) {
            return header.substr(name.size() + 2);
        }
    }
    return {};
}

} // namespace

std::string field_name(std::size_t index) {
    return "F" + std::to_string(index);
}

std::string marker_field(std::size_t slice) {
    return field_name(slice * fields_per_slice);
}

std::string marker(std::int64_t id, std::uint64_t edit) {
    return std::to_string(id) + "." + std::to_string(edit);
}

ZohoModel::ZohoModel(OrganisationModel& organisation,
                     VirtualClock& clock,
                     Dice& dice,
                     Verdict& verdict)
    : organisation_(organisation), clock_(clock), dice_(dice), verdict_(verdict) {}

std::string ZohoModel::Query::get(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string{} : found->second;
}

ZohoModel::Query ZohoModel::parse(const HttpRequest& request) {
    Query query;
    const auto begin = request.url.find("/crm/v6/") + 8;
    const auto mark = request.url.find('?', begin);
    query.path = request.url.substr(begin, mark - begin);
    std::size_t at = mark == std::string::npos ? request.url.size() : mark + 1;
    while (at < request.url.size()) {
        const auto end = std::min(request.url.find('&', at), request.url.size());
        const std::string part = request.url.substr(at, end - at);
        const auto equals = part.find('=');
        query.parameters[part.substr(0, equals)] = unescaped(part.substr(equals + 1));
        if (!part.starts_with("page_token=")) {
            query.shape += part + "&";
        }
        at = end + 1;
    }
    const std::string since = header_of(request, "If-Modified-Since");
    query.since = instant_from(since);
    query.shape += since;
    query.bound = std::to_string(std::hash<std::string>{}(query.shape));
    return query;
}

void ZohoModel::watch_rate() {
    const Moment now = clock_.moment();
    sent_.push_back(now);
    if (sent_.size() > requests_in_a_second) {
        if (now - sent_.front() < 1s) {
            verdict_.fail("more than five requests in a second");
        }
        sent_.pop_front();
    }
}

void ZohoModel::crash_perhaps() {
    if (dice_.happens(troubles.crash)) {
        throw Crash{};
    }
}

void ZohoModel::send(const HttpRequest& request,
                     HttpResponse& response,
                     const std::stop_token& stop) {
    if (stop.stop_requested()) {
        throw SyncError(ErrorKind::stopped, "stopped before a request");
    }
    crash_perhaps();
    watch_rate();
    const bool is_token = request.url.find("/oauth/v2/token") != std::string::npos;
    clock_.advance(dice_.between(5ms, 120ms));
    if (dice_.happens(troubles.stir)) {
        organisation_.stir();
    }
    response.headers.clear();
    response.body.clear();
    if (!is_token) {
        recent_.push_back(clock_.moment());
        while (recent_.front() < clock_.moment() - 24h) {
            recent_.pop_front();
        }
        ++requests_;
    }
    if (!fail_perhaps(response)) {
        is_token ? answer_token(response) : answer(request, response);
    }
    if (manners.sends_date) {
        response.headers["date"] = http_date(organisation_.second());
    }
    if (!is_token && recent_.size() * 2 >= manners.daily_credits && manners.daily_credits > 0) {
        const auto left = manners.daily_credits - std::min(manners.daily_credits, recent_.size());
        response.headers["x-api-credits-remaining"] = std::to_string(left);
    }
    // The reply is under way: what happens now it does not show.
    if (!is_token && meanwhile) {
        meanwhile();
    }
    if (dice_.happens(troubles.stir)) {
        organisation_.stir();
    }
    clock_.advance(dice_.happens(0.01) ? dice_.between(1s, 20s) : dice_.between(5ms, 150ms));
    crash_perhaps();
    if (stop.stop_requested()) {
        throw SyncError(ErrorKind::stopped, "stopped during a request");
    }
}

/// Answers in place of the API when something is wrong.
bool ZohoModel::fail_perhaps(HttpResponse& response) {
    const auto is_up = [this](double share) { return share > 0 && dice_.happens(share); };
    if (is_up(troubles.unreachable)) {
        clock_.advance(dice_.between(0ms, 5000ms));
        throw SyncError(ErrorKind::unreachable, "no connection");
    }
    if (is_up(troubles.network)) {
        clock_.advance(dice_.between(10ms, 60'000ms));
        throw SyncError(ErrorKind::network, "no answer in time");
    }
    if (is_up(troubles.server_error)) {
        const bool is_html = dice_.happens(0.5);
        response.status = is_html ? 502 : 500;
        response.body = is_html ? "<html>Bad Gateway</html>"
                                : R"({"code":"INTERNAL_ERROR","message":"m","status":"error"})";
        return true;
    }
    if (is_up(troubles.too_many)) {
        refuse(response, 429, "TOO_MANY_REQUESTS");
        if (is_up(troubles.retry_after)) {
            response.headers["retry-after"] = std::to_string(dice_.between(1, 300));
        }
        return true;
    }
    if (is_up(troubles.bad_body)) {
        static constexpr std::array<const char*, 5> bodies{
            "<html>Please log in</html>",
            "{\"data\":[{\"id\":\"12",
            "{\"data\":[]}",
            "{\"data\":\"nothing\",\"info\":{}}",
            "",
        };
        response.status = 200;
        response.body = bodies.at(dice_.below(bodies.size()));
        return true;
    }
    return false;
}

void ZohoModel::answer_token(HttpResponse& response) {
    const Moment now = clock_.moment();
    ++token_requests_;
    tokens_asked_.push_back(now);
    while (tokens_asked_.front() <= now - 10min) {
        tokens_asked_.pop_front();
    }
    if (tokens_asked_.size() > token_requests_allowed) {
        verdict_.fail("more than five token requests in ten minutes");
    }
    response.status = 200;
    if (dice_.happens(troubles.token_fails)) {
        response.body = dice_.happens(0.5) ? R"({"error":"Access Denied","status":"failure"})"
                                           : "<html>Accounts is down</html>";
        return;
    }
    const std::string token = "1000." + std::to_string(token_requests_);
    tokens_[token] = now;
    std::erase_if(tokens_, [&](const auto& entry) { return entry.second < now - life_of_token; });
    response.body = R"({"access_token":")" + token +
                    R"(","expires_in":3600,"token_type":"Bearer","api_domain":")" + api_domain +
                    "\"}";
}

void ZohoModel::answer(const HttpRequest& request, HttpResponse& response) {
    const std::string token = header_of(request, "Authorization").substr(16);
    const auto known = tokens_.find(token);
    if (known == tokens_.end() || known->second + life_of_token < clock_.moment() ||
        dice_.happens(troubles.token_revoked)) {
        tokens_.erase(token);
        refuse(response, 401, "INVALID_TOKEN");
        return;
    }
    const Query query = parse(request);
    if (on_request) {
        on_request(query.path);
    }
    response.status = 200;
    if (query.path == "org") {
        const std::string edition = manners.daily_credits > 0 ? "free" : "ultimate";
        response.body = R"({"org":[{"zgid":"42","license_details":{"paid_type":")" + edition +
                        R"(","users_license_purchased":1000}}]})";
        return;
    }
    if (query.path == "settings/fields") {
        answer_fields(query, response);
        return;
    }
    const auto slash = query.path.find('/');
    const auto module = organisation_.modules().find(query.path.substr(0, slash));
    if (module == organisation_.modules().end()) {
        refuse(response, 400, "INVALID_MODULE");
    } else if (dice_.happens(troubles.denied)) {
        refuse(response, 403, "NO_PERMISSION");
    } else if (slash == std::string::npos) {
        answer_list(module->second, query, response);
    } else if (query.path.substr(slash + 1) == "deleted") {
        answer_deletions(module->second, query, response);
    } else {
        answer_record(module->second, query.path.substr(slash + 1), response);
    }
}

void ZohoModel::refuse(HttpResponse& response, long status, const char* code, const char* message) {
    response.status = status;
    response.body = std::string(R"({"code":")") + code + R"(","details":{},"message":")" + message +
                    R"(","status":"error"})";
}

void ZohoModel::nothing(HttpResponse& response) const {
    response.status = manners.empty_is_304 ? 304 : 204;
    response.body.clear();
}

void ZohoModel::answer_fields(const Query& query, HttpResponse& response) {
    const auto module = organisation_.modules().find(query.get("module"));
    if (module == organisation_.modules().end()) {
        refuse(response, 400, "INVALID_MODULE");
        return;
    }
    response.body = R"({"fields":[{"api_name":"Modified_Time","data_type":"datetime",)"
                    R"("json_type":"string"})";
    // The last slice holds its marker and one field more.
    const auto fields = (module->second.slices - 1) * fields_per_slice + 2;
    for (std::size_t field = 0; field < fields; ++field) {
        response.body += R"(,{"api_name":")" + field_name(field) +
                         R"(","data_type":"text","json_type":"string"})";
    }
    response.body += "]}";
}

const std::vector<std::size_t>& ZohoModel::slices_in(const std::string& fields) {
    auto [known, is_new] = known_fields_.try_emplace(fields);
    for (std::size_t slice = 0; is_new && slice < 8; ++slice) {
        if (("," + fields + ",").find("," + marker_field(slice) + ",") != std::string::npos) {
            known->second.push_back(slice);
        }
    }
    return known->second;
}

void ZohoModel::append_record(std::string& body,
                              const Row& row,
                              const std::vector<std::size_t>& slices) {
    body += R"({"id":")" + std::to_string(row.id) + R"(","Modified_Time":")" +
            zoho_time(row.version.modified, row.id) + '"';
    const std::string value = marker(row.id, row.version.edit);
    for (const auto slice : slices) {
        body += ",\"" + marker_field(slice) + "\":\"" + value + '"';
    }
    body += '}';
}

std::vector<ZohoModel::Row> ZohoModel::sorted(const ModuleModel& module, const Query& query) const {
    const Instant since = query.since.value_or(Instant{});
    const bool only_unconverted = module.name == "Leads" && query.get("converted") != "both";
    auto at = module.list.lower_bound({manners.inclusive ? since : since + 1s, 0});
    std::vector<Row> rows;
    for (; at != module.list.end(); ++at) {
        const Version& version = module.records.at(at->second).shown;
        if (!only_unconverted || !version.is_converted) {
            rows.push_back({at->second, version});
        }
        // Nobody asks how long the list is: a page, and whether another follows. A token may lie
        // anywhere, and a snapshot is the whole.
        const bool is_enough = query.get("page_token").empty() && rows.size() > page_size &&
                               manners.token != TokenKind::snapshot &&
                               manners.token != TokenKind::snapshot_live;
        if (is_enough) {
            break;
        }
    }
    return rows;
}

std::vector<ZohoModel::Row> ZohoModel::rows_of(ModuleModel& module,
                                               const Query& query,
                                               std::size_t& from,
                                               std::size_t& snapshot) {
    const std::string token = query.get("page_token");
    const auto body = token.substr(0, token.find('|'));
    const auto colon = body.find(':');
    if (token.empty()) {
        auto rows = sorted(module, query);
        if (rows.size() > page_size &&
            (manners.token == TokenKind::snapshot || manners.token == TokenKind::snapshot_live)) {
            snapshot = snapshots_taken_++;
            snapshots_.push_back({snapshot, rows});
            if (snapshots_.size() > most_snapshots) {
                snapshots_.pop_front();
            }
        }
        return rows;
    }
    if (manners.token == TokenKind::offset) {
        auto rows = sorted(module, query);
        from = std::min<std::size_t>(std::stoull(body), rows.size());
        return rows;
    }
    if (manners.token == TokenKind::keyset) {
        auto rows = sorted(module, query);
        const std::pair after(Instant(std::chrono::seconds(std::stoll(body))),
                              static_cast<std::int64_t>(std::stoll(body.substr(colon + 1))));
        from = static_cast<std::size_t>(
            std::partition_point(
                rows.begin(),
                rows.end(),
                [&](const Row& row) { return std::pair(row.version.modified, row.id) <= after; }) -
            rows.begin());
        return rows;
    }
    snapshot = std::stoull(body);
    const auto kept = std::find_if(snapshots_.begin(), snapshots_.end(), [&](const Snapshot& one) {
        return one.number == snapshot;
    });
    if (kept == snapshots_.end()) {
        from = std::string::npos; // Expired.
        return {};
    }
    from = std::min<std::size_t>(std::stoull(body.substr(colon + 1)), kept->rows.size());
    auto rows = kept->rows;
    if (manners.token == TokenKind::snapshot_live) {
        for (auto& row : rows) {
            row.version = module.records.at(row.id).shown;
        }
    }
    return rows;
}

void ZohoModel::answer_list(ModuleModel& module, const Query& query, HttpResponse& response) {
    const std::string fields = query.get("fields");
    const auto names = static_cast<std::size_t>(std::count(fields.begin(), fields.end(), ',')) + 1;
    const bool is_as_agreed = query.get("sort_by") == "Modified_Time" &&
                              query.get("sort_order") == "asc" && query.get("per_page") == "200";
    if (names > 50 || fields.size() > 1000 || !is_as_agreed) {
        verdict_.fail("a list request that Zoho would refuse or sort otherwise: " + query.shape);
    }
    const std::string token = query.get("page_token");
    if (!token.empty() && token.substr(token.find('|') + 1) != query.bound) {
        refuse(response, 400, "TOKEN_BOUND_DATA_MISMATCH");
        return;
    }
    std::size_t from = 0;
    std::size_t snapshot = 0;
    const auto rows = rows_of(module, query, from, snapshot);
    if (from == std::string::npos ||
        (!token.empty() && dice_.happens(troubles.page_token_expires))) {
        refuse(response, 400, "EXPIRED_VALUE");
        return;
    }
    if (rows.empty()) {
        nothing(response);
        return;
    }
    const auto to = std::min(from + page_size, rows.size());
    const auto& slices = slices_in(fields);
    response.body.reserve((to - from) * 120 + 400);
    response.body = R"({"data":[)";
    for (auto row = from; row < to; ++row) {
        response.body += row == from ? "" : ",";
        append_record(response.body, rows[row], slices);
    }
    const bool has_more = to < rows.size();
    std::string next;
    if (has_more) {
        const Row& last = rows[to - 1];
        switch (manners.token) {
        case TokenKind::offset:
            next = std::to_string(to);
            break;
        case TokenKind::keyset:
            next = std::to_string(last.version.modified.time_since_epoch().count()) + ":" +
                   std::to_string(last.id);
            break;
        case TokenKind::snapshot:
        case TokenKind::snapshot_live:
            next = std::to_string(snapshot) + ":" + std::to_string(to);
            break;
        }
        next += "|" + query.bound;
    }
    response.body += R"(],"info":{"per_page":200,"count":)" + std::to_string(to - from) +
                     R"(,"page":1,"sort_by":"Modified_Time","sort_order":"asc","more_records":)" +
                     (has_more ? R"(true,"next_page_token":")" + next + "\"}}" : "false}}");
}

void ZohoModel::answer_deletions(const ModuleModel& module,
                                 const Query& query,
                                 HttpResponse& response) {
    const auto page = std::max<std::size_t>(std::stoull("0" + query.get("page")), 1);
    std::vector<std::pair<Instant, std::int64_t>> rows;
    for (auto at = module.bin.lower_bound({query.since.value_or(Instant{}), 0});
         at != module.bin.end();
         ++at) {
        rows.push_back(*at);
    }
    std::reverse(rows.begin(), rows.end()); // Newest first, as in Zoho's sample.
    const auto from = std::min((page - 1) * page_size, rows.size());
    const auto to = std::min(from + page_size, rows.size());
    if (from == to) {
        nothing(response);
        return;
    }
    response.body = R"({"data":[)";
    for (auto row = from; row < to; ++row) {
        response.body += (row == from ? R"({"id":")" : R"(,{"id":")") +
                         std::to_string(rows[row].second) +
                         R"(","type":"recycle","deleted_time":")" +
                         zoho_time(rows[row].first, rows[row].second) + "\"}";
    }
    response.body += R"(],"info":{"per_page":200,"more_records":)" +
                     std::string(to < rows.size() ? "true" : "false") + "}}";
}

void ZohoModel::answer_record(const ModuleModel& module,
                              const std::string& id,
                              HttpResponse& response) {
    const auto found = module.records.find(std::stoll(id));
    const bool is_there =
        found != module.records.end() &&
        (manners.single_reads_truth ? found->second.exists : found->second.is_listed);
    if (!is_there) {
        if (dice_.happens(0.5)) {
            response.status = 204;
        } else {
            refuse(response, 404, "INVALID_DATA", "the id given seems to be invalid");
        }
        return;
    }
    std::vector<std::size_t> slices;
    for (std::size_t slice = 0; slice < module.slices; ++slice) {
        slices.push_back(slice);
    }
    response.body = R"({"data":[)";
    append_record(
        response.body,
        {found->first, manners.single_reads_truth ? found->second.truth : found->second.shown},
        slices);
    response.body += "]}";
}

} // namespace zohosyncd::simulation
