#include "tests/simulation/history.hpp"

#include "daemon/core/time.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <utility>

namespace zohosyncd::simulation {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

/// The plan of a history. Short ones are dense: much happens between any two requests.
struct Plan {
    milliseconds span{0};
    std::string schedule;
    std::chrono::seconds longest_interval{0};
    std::size_t modules = 1;
    std::size_t records = 100;
    milliseconds downtime{0}; ///< Once in the middle.
    std::uint64_t daily_credits = 0;
    std::string name;
    Manners manners;
    Habits habits;
    Troubles troubles;
    DatabaseTroubles database_troubles;
};

TokenKind draw_token(Dice& dice) {
    static constexpr std::array kinds{
        TokenKind::offset, TokenKind::keyset, TokenKind::snapshot, TokenKind::snapshot_live};
    return kinds.at(dice.below(kinds.size()));
}

Manners draw_manners(Dice& dice) {
    Manners manners;
    manners.token = draw_token(dice);
    manners.inclusive = dice.happens(0.7);
    manners.sends_date = dice.happens(0.95);
    manners.single_reads_truth = dice.happens(0.5);
    manners.empty_is_304 = dice.happens(0.5);
    manners.skew = std::chrono::seconds(dice.below(240)) - 120s;
    if (dice.happens(0.05)) {
        manners.skew = 20min; // Beyond belief: marks fall back on Modified_Time.
    }
    return manners;
}

Habits draw_habits(Dice& dice, const Manners& manners) {
    Habits habits;
    habits.late = dice.happens(0.6) && manners.sends_date && manners.skew < 5min ? 0.3 : 0.0;
    habits.lateness = 5min; // The overlap: later is not promised.
    habits.purges_vanish = dice.happens(0.5);
    habits.deletes = dice.happens(0.9);
    // A restore that leaves Modified_Time as it was is found by the deletions' time, for which
    // there must be a Date to believe.
    const bool has_date = manners.sends_date && manners.skew < 5min;
    habits.restores_move_time = !has_date || dice.happens(0.3);
    return habits;
}

Troubles draw_troubles(Dice& dice) {
    Troubles troubles;
    const auto perhaps = [&](double most) { return dice.happens(0.6) ? most * dice.share() : 0.0; };
    troubles.server_error = perhaps(0.05);
    troubles.network = perhaps(0.03);
    troubles.unreachable = perhaps(0.01);
    troubles.too_many = perhaps(0.02);
    troubles.retry_after = dice.share();
    troubles.bad_body = perhaps(0.03);
    troubles.token_revoked = perhaps(0.01);
    troubles.token_fails = perhaps(0.3);
    troubles.page_token_expires = perhaps(0.1);
    troubles.denied = perhaps(0.002);
    troubles.crash = perhaps(0.01);
    return troubles;
}

void draw_span(Plan& plan, Dice& dice) {
    const auto kind = dice.below(10);
    if (kind < 4) {
        plan.name = "dense";
        plan.span = dice.between(1h, 3h);
        plan.schedule = dice.happens(0.5) ? "@every 1m" : "@every 5m";
        plan.longest_interval = 5min;
        plan.habits.mean_pause = dice.between(2s, 20s);
        plan.records = dice.between(50, 1500);
        plan.habits.largest_bulk = dice.between(10, 1200);
        plan.troubles.stir = 0.5 * dice.share();
    } else if (kind < 8) {
        plan.name = "days";
        plan.span = dice.between(24h, 96h);
        plan.schedule = dice.happens(0.5) ? "@every 15m" : "*/10 * * * *";
        plan.longest_interval = 15min;
        plan.habits.mean_pause = dice.between(30s, 300s);
        plan.records = dice.between(20, 800);
        plan.habits.largest_bulk = dice.between(5, 300);
        plan.troubles.stir = 0.1 * dice.share();
        plan.daily_credits = dice.happens(0.3) ? dice.between(800, 3000) : 0;
    } else {
        plan.name = "months";
        plan.span = dice.between(24h * 30, 24h * 120);
        plan.schedule = dice.happens(0.5) ? "@every 2h" : "@every 6h";
        plan.longest_interval = 6h;
        plan.habits.mean_pause = dice.between(20min, 120min);
        plan.records = dice.between(20, 400);
        plan.habits.largest_bulk = dice.between(2, 100);
        plan.troubles.crash /= 10; // Each restart asks for everything at once.
        plan.database_troubles.crash /= 10;
        plan.downtime = dice.happens(0.6) ? dice.between(24h, 24h * 50) : 0ms;
    }
    if (!plan.manners.sends_date || plan.manners.skew > 5min) {
        plan.troubles.stir = 0; // Without a Date only the end of the list ends a scan.
        plan.habits.largest_bulk = std::min<std::size_t>(plan.habits.largest_bulk, 50);
    }
    if (dice.happens(0.03) && plan.name == "dense") {
        plan.records = 6000;
        plan.habits.largest_bulk = 5000;
        plan.span = 2h;
    }
}

Plan draw_plan(Dice& dice) {
    Plan plan;
    plan.manners = draw_manners(dice);
    plan.habits = draw_habits(dice, plan.manners);
    plan.troubles = draw_troubles(dice);
    plan.database_troubles.down = dice.happens(0.5) ? 0.05 * dice.share() : 0.0;
    plan.database_troubles.in_doubt = dice.happens(0.5) ? 0.03 * dice.share() : 0.0;
    plan.database_troubles.crash = dice.happens(0.5) ? 0.03 * dice.share() : 0.0;
    plan.modules = dice.between(1, 3);
    draw_span(plan, dice);
    return plan;
}

void watch_credits(World& world, std::uint64_t daily) {
    const auto allowed = static_cast<std::size_t>(static_cast<double>(daily) * 0.7);
    world.zoho.on_request = [&world, allowed](const std::string&) {
        if (const auto spent = world.zoho.recent().size(); spent > allowed) {
            world.verdict.fail("more credits spent in a day than allowed: " +
                               std::to_string(spent) + " of " + std::to_string(allowed));
        }
    };
}

/// Modules and streams, full refreshes among them, and an anchor that leaves old records out.
void furnish(World& world, const Plan& plan) {
    static constexpr std::array names{"Leads", "Deals", "Contacts"};
    for (std::size_t i = 0; i < plan.modules; ++i) {
        const bool has_bin = !world.dice.happens(0.1);
        auto& module = world.organisation.add_module(
            names.at(i), world.dice.happens(0.5) ? 1 : world.dice.between(2, 4), has_bin);
        const auto ties = world.dice.happens(0.5) ? world.dice.between(1, 450) : 1;
        const Instant now = world.organisation.second();
        world.organisation.fill(module, plan.records, ties, now - std::chrono::days(700), now);
        auto& stream = world.daemon.add_stream(module, plan.schedule);
        if (world.dice.happens(0.1)) {
            stream.mode = StreamMode::full_refresh;
        }
        stream.delete_missing =
            world.database.policy == DeletePolicy::hard ? DeleteMissing::hard : DeleteMissing::soft;
    }
    if (world.dice.happens(0.3)) {
        world.daemon.config.source.read_everything = false; // The default: a year back.
    }
}

/// Quiet stretches between the troubles, so that marks come forward too.
void run_through(World& world, const Plan& plan) {
    const Moment end = the_beginning + plan.span;
    const Moment middle = the_beginning + plan.span / 2;
    bool was_down = plan.downtime == 0ms;
    while (world.clock.moment() < end) {
        const bool is_rough = world.dice.happens(0.5);
        world.zoho.troubles = is_rough ? plan.troubles : Troubles{};
        world.zoho.troubles.stir = plan.troubles.stir;
        world.database.troubles = is_rough ? plan.database_troubles : DatabaseTroubles{};
        const auto part = world.dice.between(plan.span / 40, plan.span / 8);
        world.daemon.run_until(std::min(end, world.clock.moment() + part));
        if (!was_down && world.clock.moment() >= middle) {
            was_down = true;
            world.daemon.kill();
            world.clock.advance(plan.downtime);
        } else if (world.dice.happens(0.1)) {
            world.daemon.stop_soon();
        } else if (world.dice.happens(0.02)) {
            world.database.reset(world.daemon.config.streams.front().endpoint.stream);
        }
    }
}

std::string described(const Plan& plan) {
    static constexpr std::array tokens{"offset", "keyset", "snapshot", "snapshot_live"};
    return plan.name + " " + plan.schedule + " modules=" + std::to_string(plan.modules) +
           " records=" + std::to_string(plan.records) +
           " bulk=" + std::to_string(plan.habits.largest_bulk) +
           " token=" + tokens.at(static_cast<std::size_t>(plan.manners.token)) +
           (plan.manners.inclusive ? " >=" : " >") + (plan.manners.sends_date ? "" : " no Date") +
           " skew=" + std::to_string(plan.manners.skew.count()) +
           (plan.habits.late > 0 ? " late" : "") +
           (plan.habits.restores_move_time ? "" : " silent restores") +
           (plan.manners.single_reads_truth ? "" : " late singles") +
           (plan.downtime > 0ms ? " down" : "") +
           (plan.daily_credits > 0 ? " credits=" + std::to_string(plan.daily_credits) : "");
}

} // namespace

World::World(std::uint64_t seed, Manners manners, Habits habits)
    : dice(seed), clock(the_beginning), organisation(dice, habits, the_beginning + manners.skew),
      zoho(organisation, clock, dice, verdict), database(organisation, clock, dice, verdict),
      daemon(zoho, database, clock, dice) {
    zoho.manners = manners;
    organisation.may_vanish = [this](const ModuleModel& module, std::int64_t id) {
        const auto& rows = database.table(daemon.stream_of(module)).rows;
        const auto row = rows.find(id);
        return row == rows.end() || row->second.deleted_at.has_value();
    };
    clock.on_advance = [this](Moment now) { organisation.live_until(now + zoho.manners.skew); };
}

void compare(World& world) {
    for (const auto& stream : world.daemon.config.streams) {
        const auto& name = stream.endpoint.stream;
        const auto& table = world.database.table(name);
        const auto& state = world.database.state(name);
        const auto complain = [&](const char* what, std::int64_t id) {
            world.verdict.fail(name + " " + std::to_string(id) + " is " + what);
        };
        const auto anchor = state.anchor.value_or(Instant{});
        const bool sees_deletions =
            stream.mode == StreamMode::full_refresh || table.module->has_delete_list;
        for (const auto& [id, record] : table.module->records) {
            const auto row = table.rows.find(id);
            const bool is_live = row != table.rows.end() && !row->second.deleted_at;
            if (record.exists && record.truth.modified >= anchor) {
                if (row == table.rows.end()) {
                    // Made and deleted unseen, and then restored without a new Modified_Time: no
                    // list of changes tells of it, so it is not promised.
                    if (!record.is_restored_silently) {
                        complain("lost", id);
                    }
                } else if (!is_live) {
                    complain("deleted here only", id);
                } else if (row->second.edit != record.truth.edit) {
                    complain("stale", id);
                }
            } else if (!record.exists && is_live && sees_deletions &&
                       !(needs_verification(state) && record.deleted_at > *state.deletes_mark)) {
                complain("resurrected or not deleted", id);
            }
        }
        for (const auto& [id, row] : table.rows) {
            if (!table.module->records.contains(id)) {
                complain("extra", id);
            }
        }
        if (state.status != StreamStatus::ok || !state.scan.empty()) {
            world.verdict.fail(name + " is not at rest: " + to_string(state.status) + " " +
                               state.last_error);
        }
    }
}

void settle(World& world, milliseconds patience) {
    world.zoho.troubles = {};
    world.database.troubles = {};
    world.organisation.fall_silent();
    world.daemon.run_until(world.clock.moment() + world.daemon.config.daemon.overlap + 1s);
    std::vector<std::uint64_t> wanted;
    for (const auto& stream : world.daemon.config.streams) {
        // A full refresh deletes what two walks have missed; both have to begin from here on.
        wanted.push_back(world.database.table(stream.endpoint.stream).completed_runs +
                         (stream.mode == StreamMode::full_refresh ? 3 : 2));
    }
    const auto is_settled = [&] {
        for (std::size_t i = 0; i < wanted.size(); ++i) {
            const auto& name = world.daemon.config.streams[i].endpoint.stream;
            if (world.database.table(name).completed_runs < wanted[i]) {
                return false;
            }
        }
        return true;
    };
    const Moment deadline = world.clock.moment() + patience;
    while (!is_settled() && world.clock.moment() < deadline) {
        world.daemon.run_until(std::min(deadline, world.clock.moment() + 30s));
    }
    if (!is_settled()) {
        world.verdict.fail("no progress: two runs of every stream took longer than " +
                           format_duration(std::chrono::floor<std::chrono::seconds>(patience)));
    }
    if (world.zoho.manners.sends_date && world.zoho.manners.skew < 5min) {
        for (const auto& stream : world.daemon.config.streams) {
            const auto& state = world.database.state(stream.endpoint.stream);
            if (state.consistent_as_of.value_or(Instant{}) + patience <
                world.organisation.second()) {
                world.verdict.fail(stream.endpoint.stream + ": freshness does not come forward");
            }
        }
    }
}

Story tell(std::uint64_t seed) {
    Dice planning(seed + 1'000'000);
    const Plan plan = draw_plan(planning);
    World world(seed, plan.manners, plan.habits);
    if (plan.habits.restores_move_time && planning.happens(0.2)) {
        world.database.policy = DeletePolicy::hard;
    }
    furnish(world, plan);
    if (plan.daily_credits > 0) {
        world.daemon.config.daemon.credits.daily = plan.daily_credits;
        watch_credits(world, plan.daily_credits);
    }
    run_through(world, plan);
    // Two intervals, three for a full refresh; what Zoho's own hints and refusals may still hold
    // up; and a day where credits are short.
    const auto stretched = plan.longest_interval * 3.0 * std::max(world.daemon.stretch(), 1.0);
    settle(world,
           std::chrono::ceil<milliseconds>(stretched) + 90min +
               (plan.daily_credits > 0 ? 26h : 0h));
    compare(world);

    Story story;
    story.seed = seed;
    story.simulated = world.clock.moment() - the_beginning;
    story.requests = world.zoho.requests();
    story.runs = world.daemon.runs();
    story.lives = world.daemon.lives();
    for (const auto& [name, module] : world.organisation.modules()) {
        story.records += module.records.size();
        story.changes += module.edits.size() - 1;
    }
    story.fingerprint = world.dice.below(std::uint64_t{1} << 62U) ^ story.requests;
    story.plan = described(plan);
    story.verdict = std::move(world.verdict);
    return story;
}

} // namespace zohosyncd::simulation
