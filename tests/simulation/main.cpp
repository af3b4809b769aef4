#define DOCTEST_CONFIG_IMPLEMENT
#include "daemon/core/time.hpp"
#include "daemon/runtime/log.hpp"
#include "tests/simulation/history.hpp"

#include <doctest/doctest.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

using namespace zohosyncd;
using simulation::Story;

/// `simulation_tests --seed N` tells one history, `--seeds FROM-TO` many, with `--stop` until one
/// is bad; with `--verbose` the daemon's own log is shown. Anything else is doctest's.
struct Arguments {
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    bool has_seeds = false;
    bool is_verbose = false;
    bool stops_at_first = false;
};

Arguments read_arguments(int count, char** values) {
    Arguments arguments;
    for (int i = 1; i < count; ++i) {
        const std::string_view word = values[i];
        if (word == "--verbose") {
            arguments.is_verbose = true;
        } else if (word == "--stop") {
            arguments.stops_at_first = true;
        } else if ((word == "--seed" || word == "--seeds") && i + 1 < count) {
            char* rest = nullptr;
            arguments.has_seeds = true;
            arguments.first = arguments.last = std::strtoull(values[++i], &rest, 10);
            if (*rest == '-') {
                arguments.last = std::strtoull(rest + 1, nullptr, 10);
            }
        }
    }
    return arguments;
}

void print(const Story& story) {
    std::printf("seed %llu: %s, %s; %llu requests, %llu runs, %llu lives, %llu records, "
                "%llu changes; fingerprint %016llx: %s\n",
                static_cast<unsigned long long>(story.seed),
                format_duration(std::chrono::floor<std::chrono::seconds>(story.simulated)).c_str(),
                story.plan.c_str(),
                static_cast<unsigned long long>(story.requests),
                static_cast<unsigned long long>(story.runs),
                static_cast<unsigned long long>(story.lives),
                static_cast<unsigned long long>(story.records),
                static_cast<unsigned long long>(story.changes),
                static_cast<unsigned long long>(story.fingerprint),
                story.verdict.is_good() ? "good" : "VIOLATED");
    for (const auto& violation : story.verdict.violations()) {
        std::printf("    %s\n", violation.c_str());
    }
    (void)std::fflush(stdout);
}

/// Returns whether all were good.
bool tell_all(const Arguments& arguments) {
    std::uint64_t bad = 0;
    std::uint64_t requests = 0;
    std::uint64_t lives = 0;
    std::uint64_t changes = 0;
    double years = 0;
    for (auto seed = arguments.first; seed <= arguments.last; ++seed) {
        const Story story = simulation::tell(seed);
        bad += story.verdict.is_good() ? 0U : 1U;
        requests += story.requests;
        lives += story.lives;
        changes += story.changes;
        years += static_cast<double>(story.simulated.count()) / (365.25 * 86'400'000.0);
        if (!story.verdict.is_good() || arguments.first == arguments.last) {
            print(story);
        }
        if (bad > 0 && arguments.stops_at_first) {
            return false;
        }
    }
    std::printf("%llu histories, %.2f years, %llu requests, %llu changes, %llu lives: "
                "%llu with violations\n",
                static_cast<unsigned long long>(arguments.last - arguments.first + 1),
                years,
                static_cast<unsigned long long>(requests),
                static_cast<unsigned long long>(changes),
                static_cast<unsigned long long>(lives),
                static_cast<unsigned long long>(bad));
    return bad == 0;
}

} // namespace

int main(int count, char** values) {
    const Arguments arguments = read_arguments(count, values);
    log::configure(arguments.is_verbose ? log::Level::debug : log::Level::off, log::Format::text);
    if (arguments.has_seeds) {
        return tell_all(arguments) ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    doctest::Context context(count, values);
    return context.run();
}
