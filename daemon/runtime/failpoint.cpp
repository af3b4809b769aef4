#include "daemon/runtime/failpoint.hpp"

#ifdef ZOHOSYNCD_FAILPOINTS

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>

namespace zohosyncd::failpoint {
namespace {

using namespace std::chrono_literals;

enum class Action { none, kill, fail, hang };

constexpr std::size_t nowhere = points.size();

struct Order {
    Action action = Action::none;
    long passage = 1;
    std::size_t after = nowhere;
    std::chrono::milliseconds hang{0}; ///< 0: for ever.
};

[[noreturn]] void refuse(std::string_view entry) {
    std::fprintf(stderr,
                 "ZOHOSYNCD_FAILPOINTS: \"%.*s\" is not understood\n",
                 static_cast<int>(entry.size()),
                 entry.data());
    std::_Exit(2); // A test with a misspelt order would otherwise pass.
}

std::size_t find(std::string_view name) {
    const auto found = std::find_if(
        points.begin(), points.end(), [&](const Point& point) { return point.name == name; });
    return static_cast<std::size_t>(found - points.begin());
}

long number_in(std::string_view text) {
    return std::atol(std::string(text).c_str());
}

Order parse_order(std::string_view text, std::string_view entry) {
    Order order;
    if (const auto at = text.find('@'); at != std::string_view::npos) {
        const auto when = text.substr(at + 1);
        text = text.substr(0, at);
        order.after = find(when);
        order.passage = order.after == nowhere ? number_in(when) : 0;
        if (order.after == nowhere && order.passage < 1) {
            refuse(entry);
        }
    }
    if (text == "kill") {
        order.action = Action::kill;
    } else if (text == "throw") {
        order.action = Action::fail;
    } else if (text == "hang" || text.starts_with("hang:")) {
        order.action = Action::hang;
        order.hang = std::chrono::milliseconds(
            number_in(text.substr(std::min(text.size(), std::size_t{5}))));
    } else {
        refuse(entry);
    }
    return order;
}

/// What the environment asks for, read once.
struct Orders {
    std::array<Order, points.size()> at{};
    int log = -1;

    Orders() {
        const char* list = std::getenv("ZOHOSYNCD_FAILPOINTS");
        std::string_view rest = list == nullptr ? "" : list;
        while (!rest.empty()) {
            const auto entry = rest.substr(0, rest.find(';'));
            rest.remove_prefix(std::min(rest.size(), entry.size() + 1));
            const auto equals = std::min(entry.find('='), entry.size());
            const auto point = find(entry.substr(0, equals));
            if (point == nowhere || equals == entry.size()) {
                refuse(entry);
            }
            at[point] = parse_order(entry.substr(equals + 1), entry);
        }
        if (const char* path = std::getenv("ZOHOSYNCD_FAILPOINT_LOG")) {
            log = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        }
    }
};

const Orders& orders() {
    static const Orders instance;
    return instance;
}

void note(std::size_t point, const char* what) {
    if (orders().log >= 0) {
        const std::string line = std::string(points[point].name) + what + "\n";
        (void)!write(
            orders().log, line.data(), line.size()); // One call: lines of threads stay whole.
    }
}

[[noreturn]] void stand_still() {
    while (true) {
        std::this_thread::sleep_for(1h);
    }
}

/// Counts a passage; true when it is the one that an order is about.
bool is_due(std::size_t point) {
    static std::array<std::atomic<long>, points.size()> passages{};
    static std::array<std::atomic<bool>, points.size()> has_fired{};
    thread_local std::array<bool, points.size()> passed_here{};
    const Order& order = orders().at[point];
    const long passage = ++passages[point];
    const bool fits = order.after == nowhere ? passage == order.passage : passed_here[order.after];
    passed_here[point] = true;
    return order.action != Action::none && fits && !has_fired[point].exchange(true);
}

} // namespace

bool fires(std::size_t point) {
    if (!is_due(point)) {
        note(point, "");
        return false;
    }
    const Order& order = orders().at[point];
    switch (order.action) {
    case Action::kill:
        note(point, " kill");
        kill(getpid(), SIGKILL);
        stand_still();
    case Action::hang:
        note(point, " hang");
        if (order.hang == 0ms) {
            stand_still();
        }
        std::this_thread::sleep_for(order.hang);
        return false;
    case Action::fail:
        note(point, " throw");
        return true;
    case Action::none:
        break;
    }
    return false;
}

void fail(std::size_t point) {
    throw SyncError(points[point].thrown, "failpoint " + std::string(points[point].name));
}

std::chrono::milliseconds deadline(std::chrono::milliseconds usual) {
    static const char* shorter = std::getenv("ZOHOSYNCD_DEADLINE_MS");
    return shorter == nullptr ? usual
                              : std::min(usual, std::chrono::milliseconds(std::atol(shorter)));
}

} // namespace zohosyncd::failpoint

#endif
