#include "daemon/core/time.hpp"
#include "tests/simulation/history.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <string>
#include <vector>

using namespace zohosyncd;
using namespace zohosyncd::simulation;
using namespace std::chrono_literals;

namespace {

/// How many seeds, unless SIMULATION_SEEDS says otherwise. Sanitizers take twenty times as long.
std::uint64_t seeds(std::uint64_t usual) {
    if (const char* asked = std::getenv("SIMULATION_SEEDS"); asked != nullptr) {
        return std::strtoull(asked, nullptr, 10);
    }
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return std::max<std::uint64_t>(usual / 20, 1);
#else
    return usual;
#endif
}

std::string violations_of(const Verdict& verdict) {
    std::string text;
    for (const auto& violation : verdict.violations()) {
        text += violation + "\n";
    }
    return text;
}

/// One module that is read every minute, with records of the last year.
struct Small : World {
    explicit Small(std::uint64_t seed, Manners manners = {}, Habits habits = quiet())
        : World(seed, manners, habits) {
        organisation.fall_silent();
    }

    static Habits quiet() {
        Habits habits;
        habits.mean_pause = 24h * 365;
        return habits;
    }

    ModuleModel& add(const std::string& name,
                     std::size_t slices,
                     std::size_t records,
                     std::size_t ties = 1,
                     const std::string& schedule = "@every 1m") {
        auto& module = organisation.add_module(name, slices, true);
        const Instant now = organisation.second();
        organisation.fill(module, records, ties, now - std::chrono::days(300), now - 1h);
        daemon.add_stream(module, schedule);
        return module;
    }

    void run_for(std::chrono::milliseconds time) { daemon.run_until(clock.moment() + time); }

    void require_good() {
        compare(*this);
        INFO(violations_of(verdict));
        CHECK(verdict.is_good());
    }
};

enum class Churn { none, edits, deletes };

struct Cell {
    Churn churn = Churn::none;
    std::size_t ties = 1;
};

/// What users do around each request while a cell is read.
void churn_once(World& world, ModuleModel& module, Churn churn) {
    auto& dice = world.dice;
    const auto one = world.organisation.any_of(module.living);
    if (!one || churn == Churn::none) {
        return;
    }
    if (churn == Churn::deletes && module.living.size() > 300) {
        world.organisation.remove(module, *one);
    } else if (churn == Churn::edits) {
        dice.happens(0.1) ? world.organisation.edit_many(module, dice.between(2, 250))
                          : world.organisation.edit(module, *one);
    }
}

/// Reads a module from nothing while it is changed, and compares. Returns the requests for pages.
std::uint64_t read_cell(std::uint64_t seed,
                        TokenKind token,
                        const Cell& cell,
                        std::size_t slices,
                        std::string& violations) {
    Manners manners;
    manners.token = token;
    manners.inclusive = seed % 3 != 0;
    Small world(seed, manners);
    auto& module = world.add("Deals", slices, 400);
    world.organisation.fill(module,
                            cell.ties,
                            cell.ties,
                            world.organisation.second() - 1h,
                            world.organisation.second() - 1h + 1s);
    const Instant now = world.organisation.second();
    world.organisation.fill(module, 400, 1, now - 59min, now - 1min);
    std::uint64_t pages = 0;
    world.zoho.on_request = [&](const std::string& path) {
        pages += path == "Deals" ? 1U : 0U;
        churn_once(world, module, cell.churn);
    };
    world.run_for(20s); // A run of the stream at least, with churn all through it.
    while (world.database.table("deals").completed_runs == 0 &&
           world.clock.moment() < the_beginning + 1h) {
        world.run_for(5s);
    }
    const auto pages_of_first_run = pages;
    world.zoho.on_request = {};
    settle(world, 10min);
    compare(world);
    violations = violations_of(world.verdict);
    return pages_of_first_run;
}

} // namespace

TEST_CASE("histories keep the promise") {
    for (std::uint64_t seed = 1; seed <= seeds(60); ++seed) {
        const Story story = tell(seed);
        CAPTURE(seed);
        CAPTURE(story.plan);
        INFO(violations_of(story.verdict));
        CHECK(story.verdict.is_good());
    }
}

TEST_CASE("a seed tells the same history twice") {
    for (const std::uint64_t seed : {2, 9}) {
        const auto first = tell(seed);
        const auto second = tell(seed);
        CHECK(first.fingerprint == second.fingerprint);
        CHECK(first.requests == second.requests);
        CHECK(first.simulated == second.simulated);
    }
}

TEST_CASE("paging loses nothing and tears nothing, whatever tokens are") {
    std::vector<Cell> cells{{Churn::edits, 60}, {Churn::deletes, 60}};
    for (const std::size_t ties : {1, 199, 200, 201, 1000, 5000}) {
        cells.push_back({Churn::edits, ties});
        cells.push_back({Churn::none, ties});
    }
    const auto most_seeds = seeds(1);
    for (const auto token : {TokenKind::offset, TokenKind::keyset, TokenKind::snapshot}) {
        for (const auto& cell : cells) {
            for (const std::size_t slices : {1, 2, 4}) {
                for (std::uint64_t seed = 1; seed <= most_seeds; ++seed) {
                    CAPTURE(seed);
                    CAPTURE(static_cast<int>(token));
                    CAPTURE(static_cast<int>(cell.churn));
                    CAPTURE(cell.ties);
                    CAPTURE(slices);
                    std::string violations;
                    (void)read_cell(seed, token, cell, slices, violations);
                    INFO(violations);
                    CHECK(violations.empty());
                }
            }
        }
    }
}

TEST_CASE("without churn a load costs at most a twentieth more than its pages") {
    for (const std::size_t ties : {1, 60, 199, 200}) {
        for (const std::size_t slices : {1, 2, 4}) {
            Small world(1);
            auto& module = world.add("Deals", slices, 20'000);
            const Instant at = world.organisation.second() - 2h;
            world.organisation.fill(module, ties, ties, at, at + 1s);
            std::uint64_t pages = 0;
            world.zoho.on_request = [&](const std::string& path) {
                pages += path == "Deals" ? 1U : 0U;
            };
            while (world.database.table("deals").completed_runs == 0) {
                world.run_for(5s);
            }
            const auto ideal = (20'000 + ties + 199) / 200 * slices;
            CAPTURE(ties);
            CAPTURE(slices);
            MESSAGE("ties " << ties << ", slices " << slices << ": " << pages << " requests, ideal "
                            << ideal);
            CHECK(static_cast<double>(pages) <= 1.05 * static_cast<double>(ideal));
        }
    }
}

TEST_CASE("a thousand restarts in ten minutes ask for five tokens at most") {
    Small world(1);
    world.add("Deals", 1, 300);
    world.zoho.troubles.token_revoked = 0.02; // Enough to want more tokens than there are.
    world.daemon.rests_after_crash = false;
    // Wherever it is, waiting for its turn or for a reply, the process is killed every 580 ms.
    Moment death = world.clock.moment();
    const auto goes_on = world.clock.on_advance;
    world.clock.longest_step = 290ms;
    world.clock.on_advance = [&](Moment now) {
        goes_on(now);
        if (now >= death) {
            death = now + 580ms;
            throw Crash{};
        }
    };
    const Moment begin = world.clock.moment();
    const auto most_sleeps = begin + 10min;
    world.daemon.run_until(most_sleeps);
    world.clock.on_advance = goes_on;

    CHECK(world.daemon.lives() >= 1000);
    CHECK(world.zoho.token_requests() <= 5);
    MESSAGE(world.daemon.lives() << " lives, " << world.zoho.token_requests() << " token requests");
    settle(world, 1h);
    world.require_good();
}

TEST_CASE("in a storm of 429 one request goes out per back-off step, and all is well after it") {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Small world(seed);
        for (const char* name : {"Deals", "Leads", "Contacts", "Quotes"}) {
            world.add(name, 1, 100);
        }
        world.run_for(10min);
        std::vector<Moment> asked;
        world.zoho.troubles.too_many = 1.0;
        const auto before = world.zoho.requests();
        world.organisation.edit_many(world.organisation.modules().at("Deals"), 50);
        world.run_for(2h);
        const auto in_storm = world.zoho.requests() - before;

        // Steps of 2, 4, … 256 and then 300 s with full jitter: some 60 of them in two hours. The
        // first may meet a second fetcher's request that is out already.
        MESSAGE(in_storm << " requests in two hours");
        CHECK(in_storm >= 20);
        CHECK(in_storm <= 110);
        settle(world, 30min);
        world.require_good();
    }
}

TEST_CASE("a day of idle polling writes no row, and one small update of state a run") {
    Small world(1);
    world.add("Deals", 1, 500);
    world.add("Leads", 3, 500);
    world.run_for(30min);
    for (const auto* name : {"deals", "leads"}) {
        CHECK(world.database.table(name).rows.size() == 500);
    }
    const auto deals = world.database.table("deals");
    const auto leads = world.database.table("leads");

    world.run_for(24h);

    for (const auto& [name, before] : {std::pair("deals", deals), std::pair("leads", leads)}) {
        const auto& after = world.database.table(name);
        const auto runs = after.completed_runs - before.completed_runs;
        CHECK(after.row_versions == before.row_versions);
        CHECK(runs >= 24 * 60 - 60);
        CHECK(after.state_updates - before.state_updates <= runs);
    }
    world.require_good();
}

TEST_CASE("a scan ends however much is edited while it runs") {
    for (const auto token : {TokenKind::offset, TokenKind::keyset, TokenKind::snapshot}) {
        Manners manners;
        manners.token = token;
        Small world(7, manners);
        auto& module = world.add("Deals", 2, 3000);
        world.zoho.on_request = [&](const std::string&) {
            world.organisation.edit_many(module, 400); // More than a page brings.
        };
        // Ending is what counts here: a run takes its time, and then the next begins.
        world.run_for(2h);
        CHECK(world.database.table("deals").completed_runs >= 3);

        world.zoho.on_request = {};
        settle(world, 30min);
        world.require_good();
    }
}

TEST_CASE("a gap longer than deletions are listed is shown, a shorter one is made up for") {
    for (const auto days : {50, 130}) {
        Habits habits = Small::quiet();
        habits.purges_vanish = true; // After 60 days nothing tells of a deletion.
        Small world(3, {}, habits);
        auto& module = world.add("Deals", 1, 400, 1, "@every 1h");
        world.run_for(6h);
        world.daemon.kill();
        for (int i = 0; i < 20; ++i) {
            world.organisation.remove(module, *world.organisation.any_of(module.living));
        }
        const auto edited = *world.organisation.any_of(module.living);
        world.clock.advance(std::chrono::days(days));
        world.organisation.edit(module, edited);
        settle(world, 4h);

        const auto& rows = world.database.table("deals").rows;
        const auto live = std::count_if(
            rows.begin(), rows.end(), [](const auto& row) { return !row.second.deleted_at; });
        const bool is_long = days > 60;
        CHECK(live == (is_long ? 400 : 380)); // What nobody lists, nobody can know.
        CHECK(needs_verification(world.database.state("deals")) == is_long);
        world.require_good();
    }
}

namespace {

/// How old the streams' data was, minute by minute.
class FreshnessLog {
public:
    void note(World& world, const std::vector<std::string>& streams) {
        for (const auto& stream : streams) {
            const auto& state = world.database.state(stream);
            if (state.consistent_as_of) {
                ages_.push_back(std::chrono::floor<std::chrono::seconds>(world.organisation.now() -
                                                                         *state.consistent_as_of));
            }
        }
    }

    [[nodiscard]] std::string described() {
        std::sort(ages_.begin(), ages_.end());
        return ages_.empty() ? "never fresh"
                             : "half " + format_duration(ages_[ages_.size() / 2]) + ", 99 % " +
                                   format_duration(ages_[ages_.size() * 99 / 100]) + ", at most " +
                                   format_duration(ages_.back());
    }

    [[nodiscard]] std::chrono::seconds worst() const {
        return ages_.empty() ? std::chrono::seconds::max()
                             : *std::max_element(ages_.begin(), ages_.end());
    }

private:
    std::vector<std::chrono::seconds> ages_;
};

/// A Free edition's organisation with 14 streams: deals every minute, the others every five, two
/// full refreshes every hour.
struct SmallBudget : World {
    SmallBudget(std::uint64_t seed, std::size_t leads) : World(seed, manners_of_free(), lively()) {
        for (const char* name : {"Deals",
                                 "Leads",
                                 "Contacts",
                                 "Accounts",
                                 "Tasks",
                                 "Events",
                                 "Calls",
                                 "Campaigns",
                                 "Products",
                                 "Quotes",
                                 "Vendors",
                                 "Notes"}) {
            const bool is_first = std::string(name) == "Deals";
            const bool is_large = std::string(name) == "Leads";
            add(name, is_first ? "@every 1m" : "@every 5m", is_large ? leads : 1500);
        }
        for (const char* name : {"Regions", "Currencies"}) { // In the place of users and modules.
            add(name, "@every 1h", 100).mode = StreamMode::full_refresh;
        }
        zoho.on_request = [this](const std::string&) {
            most_spent = std::max<std::uint64_t>(most_spent, zoho.recent().size());
        };
    }

    static Manners manners_of_free() {
        Manners manners;
        manners.daily_credits = 5000;
        return manners;
    }

    static Habits lively() {
        Habits habits;
        habits.mean_pause = 60s;
        habits.largest_bulk = 10;
        return habits;
    }

    StreamConfig& add(const std::string& name, const std::string& schedule, std::size_t records) {
        auto& module = organisation.add_module(name, name == "Leads" ? 4 : 1, name != "Notes");
        const Instant now = organisation.second();
        organisation.fill(module, records, 1, now - std::chrono::days(300), now - 1h);
        auto& stream = daemon.add_stream(module, schedule);
        (name == "Deals"           ? first
         : schedule == "@every 1h" ? refreshed
                                   : others)
            .push_back(stream.endpoint.stream);
        return stream;
    }

    /// A day; with restarts in good order and others.
    void live_a_day(FreshnessLog& of_first, FreshnessLog& of_others, bool restarts) {
        for (int minute = 0; minute < 24 * 60; ++minute) {
            daemon.run_until(clock.moment() + 1min);
            of_first.note(*this, first);
            of_others.note(*this, others);
            if (restarts && minute % 240 == 120) {
                daemon.stop_soon();
            } else if (restarts && minute % 240 == 239) {
                daemon.kill();
            }
        }
    }

    std::vector<std::string> first;
    std::vector<std::string> others;
    std::vector<std::string> refreshed;
    std::uint64_t most_spent = 0;
};

} // namespace

TEST_CASE("fourteen streams live on the 5,000 credits of a Free edition") {
    constexpr std::uint64_t allowed = 3500; // Less the reserve of 30 %.
    for (std::uint64_t seed = 1; seed <= seeds(3); ++seed) {
        CAPTURE(seed);
        // Once there is more to load than a day's credits would do.
        SmallBudget world(seed, seed == 1 ? 100'000 : 1500);
        for (const std::string day :
             {"the day of the first load", "a day", "a day with restarts"}) {
            FreshnessLog of_first;
            FreshnessLog of_others;
            world.most_spent = 0;
            world.live_a_day(of_first, of_others, day == "a day with restarts");
            MESSAGE(day << ": at most " << world.most_spent << " credits in 24 h; deals "
                        << of_first.described() << "; the others " << of_others.described());
            CHECK(world.most_spent <= allowed);
            CHECK(of_first.worst() < of_others.worst());
        }
        settle(world, 30h);
        compare(world);
        INFO(violations_of(world.verdict));
        CHECK(world.verdict.is_good());
    }
}
