#include "sinks/sqlite/statements_of_others.hpp"

#include "daemon/runtime/clock.hpp"
#include "sinks/sqlite/database.hpp"

namespace zohosyncd::sqlite {
namespace {

// Virtual machine instructions between two looks: under a millisecond.
constexpr int instructions_between_looks = 10'000;

struct Limit {
    SystemClock clock;
    Clock::TimePoint end;
    const std::stop_token* stop = nullptr;
};

int is_over(void* user) {
    auto& limit = *static_cast<Limit*>(user);
    return limit.stop->stop_requested() || limit.clock.now() > limit.end ? 1 : 0;
}

} // namespace

void run_statements(const SqliteOptions& options,
                    const std::string& sql,
                    std::chrono::milliseconds longest,
                    const std::stop_token& stop) {
    Database database(options);
    Limit limit;
    limit.end = limit.clock.now() + longest;
    limit.stop = &stop;
    sqlite3_progress_handler(database.handle(), instructions_between_looks, is_over, &limit);
    database.script(sql);
}

} // namespace zohosyncd::sqlite
