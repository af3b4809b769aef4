#include "daemon/zoho/record_count.hpp"

#include "daemon/core/errors.hpp"
#include "daemon/core/load_estimate.hpp"
#include "daemon/core/time.hpp"
#include "daemon/zoho/json_text.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace zohosyncd {
namespace {

using nlohmann::json;
using std::chrono::seconds;

// Zoho lets page numbers reach 2,000 records (zoho-api-facts §3.1).
constexpr int last_numbered_page = 10;
constexpr int samples = 12;
// Somebody imports thousands in bursts: beyond this a plan costs more than it tells.
constexpr int most_probes = 300;

/// The times of a page's rows.
struct TimesOfPage {
    std::vector<Instant> times;
    bool has_more = false;
};

TimesOfPage times_in(const std::string& body) {
    const json reply = json::parse(body, nullptr, false);
    if (!reply.is_object() || !reply.contains("data") || !reply["data"].is_array()) {
        throw SyncError(ErrorKind::bad_response, "list reply: there is no list \"data\" in it");
    }
    TimesOfPage page;
    for (const auto& row : reply["data"]) {
        if (const auto time =
                row.is_object() ? parse_zoho_time(text_at(row, "Modified_Time")) : std::nullopt) {
            page.times.push_back(*time);
        }
    }
    const auto info = reply.find("info");
    page.has_more = info != reply.end() && info->is_object() && info->value("more_records", false);
    return page;
}

class Sampler {
public:
    Sampler(ApiClient& client,
            const std::string& module,
            Instant since,
            const std::stop_token& stop)
        : client_(client), module_(module), since_(since), stop_(stop) {}

    RecordCount count() {
        const auto first = read(since_, 1, "asc");
        if (!first.has_more) {
            return {first.times.size(), true};
        }
        const auto last = read(since_, last_numbered_page, "asc");
        if (!last.has_more) {
            return {count_by_pages(), true};
        }
        return {sample(first), false};
    }

private:
    TimesOfPage read(Instant since, int page, const char* order) {
        ApiRequest request{"/" + module_,
                           {{"fields", "id,Modified_Time"},
                            {"sort_by", "Modified_Time"},
                            {"sort_order", order},
                            {"per_page", std::to_string(rows_per_page)},
                            {"page", std::to_string(page)}},
                           since};
        if (module_ == "Leads") {
            request.query.emplace_back("converted", "both");
        }
        const auto reply = client_.get(request, stop_);
        return reply.has_body() ? times_in(*reply.body) : TimesOfPage{};
    }

    /// Page `low` has more behind it, page `high` has not.
    std::uint64_t count_by_pages() {
        int low = 1;
        int high = last_numbered_page;
        while (high - low > 1) {
            const int middle = (low + high) / 2;
            (read(since_, middle, "asc").has_more ? low : high) = middle;
        }
        return static_cast<std::uint64_t>(high - 1) * rows_per_page +
               read(since_, high, "asc").times.size();
    }

    /// Between two samples the records are taken to come at the mean of both rates.
    std::uint64_t sample(const TimesOfPage& first) {
        const auto newest_page = read(since_, 1, "desc");
        if (first.times.empty() || newest_page.times.empty()) {
            return 0;
        }
        const Instant oldest = first.times.front();
        const Instant newest = newest_page.times.front();
        const auto step = (newest - oldest) / samples;
        double rows = 0;
        TimesOfPage here = first;
        for (int i = 0; i < samples; ++i) {
            const Instant end = i + 1 == samples ? newest : oldest + step * (i + 1);
            const TimesOfPage next = i + 1 == samples ? newest_page : read(end, 1, "asc");
            rows += rows_until(here, end, next);
            here = next;
        }
        return static_cast<std::uint64_t>(rows);
    }

    static double rows_until(const TimesOfPage& page, Instant end, const TimesOfPage& next) {
        const auto before =
            std::lower_bound(page.times.begin(), page.times.end(), end) - page.times.begin();
        if (before < static_cast<std::ptrdiff_t>(page.times.size())) {
            return static_cast<double>(before);
        }
        const double rest = static_cast<double>((end - page.times.back()).count());
        return static_cast<double>(before) + rest * (rate_of(page) + rate_of(next)) / 2;
    }

    /// Records a second, in whichever order the page is.
    static double rate_of(const TimesOfPage& page) {
        if (page.times.size() < 2) {
            return 0;
        }
        const auto span = std::chrono::abs(page.times.back() - page.times.front());
        return static_cast<double>(page.times.size() - 1) /
               static_cast<double>(std::max<std::int64_t>(span.count(), 1));
    }

    ApiClient& client_;
    const std::string& module_;
    const Instant since_;
    const std::stop_token& stop_;
};

} // namespace

std::optional<std::uint64_t> count_records(ApiClient& client,
                                           const std::string& module,
                                           std::chrono::sys_seconds since,
                                           const std::stop_token& stop) {
    try {
        const auto reply = client.get(
            {"/" + module + "/actions/count",
             {{"criteria", "(Modified_Time:greater_equal:" + format_header(since) + ")"}},
             {}},
            stop);
        if (!reply.has_body()) {
            return 0;
        }
        const json body = json::parse(*reply.body, nullptr, false);
        if (!body.is_object() || !body.contains("count") || !body["count"].is_number_unsigned()) {
            return std::nullopt;
        }
        return body["count"].get<std::uint64_t>();
    } catch (const SyncError& error) {
        // Not every module can be counted, and the default scopes do not cover it.
        if (error.kind() == ErrorKind::denied || error.kind() == ErrorKind::bad_response) {
            return std::nullopt;
        }
        throw;
    }
}

RecordCount count_whole_list(ApiClient& client,
                             const std::string& module,
                             const std::string& field,
                             const std::stop_token& stop) {
    struct Page {
        std::uint64_t rows = 0;
        bool has_more = false;
    };

    const auto read = [&](int number) {
        const ApiRequest request{"/" + module,
                                 {{"fields", "id," + field},
                                  {"sort_by", "id"},
                                  {"sort_order", "asc"},
                                  {"per_page", std::to_string(rows_per_page)},
                                  {"page", std::to_string(number)}},
                                 {}};
        const auto reply = client.get(request, stop);
        if (!reply.has_body()) {
            return Page{};
        }
        const json body = json::parse(*reply.body, nullptr, false);
        if (!body.is_object() || !body.contains("data") || !body["data"].is_array()) {
            throw SyncError(ErrorKind::bad_response, "list reply: there is no list \"data\" in it");
        }
        const auto info = body.find("info");
        return Page{body["data"].size(),
                    info != body.end() && info->is_object() && info->value("more_records", false)};
    };
    int low = 0; // Has more behind it, or is in front of the list.
    int high = 1;
    Page page = read(high);
    while (page.has_more && high < last_numbered_page) {
        low = high;
        high = std::min(2 * high, last_numbered_page);
        page = read(high);
    }
    bool is_exact = !page.has_more;
    while (is_exact && high - low > 1) {
        const int middle = (low + high) / 2;
        const Page found = read(middle);
        if (found.has_more) {
            low = middle;
        } else {
            high = middle;
            page = found;
        }
    }
    return {static_cast<std::uint64_t>(high - 1) * rows_per_page + page.rows, is_exact};
}

RecordCount sample_records(ApiClient& client,
                           const std::string& module,
                           std::chrono::sys_seconds since,
                           const std::stop_token& stop) {
    return Sampler(client, module, since, stop).count();
}

std::vector<std::uint64_t> find_ties(ApiClient& client,
                                     const std::string& module,
                                     const CountedSpan& span,
                                     std::uint64_t threshold,
                                     const std::stop_token& stop) {
    std::vector<std::uint64_t> ties;
    std::vector<CountedSpan> open{span};
    for (int probes = 0; !open.empty() && probes < most_probes;) {
        const auto part = open.back();
        open.pop_back();
        if (part.rows < threshold) {
            continue;
        }
        if (part.end - part.begin <= seconds(1)) {
            ties.push_back(part.rows);
            continue;
        }
        const Instant middle = part.begin + (part.end - part.begin) / 2;
        const auto from_middle = count_records(client, module, middle, stop);
        ++probes;
        if (!from_middle) {
            break;
        }
        const auto second_half =
            std::min(part.rows, *from_middle - std::min(*from_middle, part.later));
        open.push_back({part.begin, middle, part.rows - second_half, part.later + second_half});
        open.push_back({middle, part.end, second_half, part.later});
    }
    return ties;
}

} // namespace zohosyncd
