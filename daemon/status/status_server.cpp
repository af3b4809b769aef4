#include "daemon/status/status_server.hpp"

#include "daemon/runtime/log.hpp"
#include "daemon/runtime/metrics.hpp"
#include "daemon/status/http_exchange.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <optional>
#include <vector>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;
using log::kv;
using log::Level;

// A browser, a Prometheus and a few consumers need no more; each may hold a whole answer.
constexpr std::size_t most_connections = 16;
// From connecting to having read the answer; on any network that works it is a fraction of this.
constexpr auto longest_connection = 2s;
// Who has not been served by then is slow, and makes place for somebody new when there is none.
constexpr auto quick_enough = 100ms;
constexpr std::size_t longest_request = 8192;
constexpr auto between_samples = 1s;
constexpr auto between_attempts = 30s;

/// A client, from its first byte to its last.
struct Connection {
    Descriptor socket;
    Clock::TimePoint accepted;
    std::string request;
    std::string response; ///< What is still to be sent.
    bool is_answered = false;
    bool is_over = false;
};

class Loop {
public:
    Loop(StatusStore& store,
         Clock& clock,
         const std::string& version,
         const StatusSettings& settings,
         int wake)
        : store_(store), clock_(clock), address_(read_address(settings.listen)), wake_(wake),
          answers_(store, {address_ && address_->is_loopback(), settings.token}, version),
          exchange_([this](const StatusRequest& request) { return answers_.answer(request); }),
          next_sample_(clock.now()), next_attempt_(clock.now()) {}

    void run(const std::stop_token& stop) {
        while (!stop.stop_requested()) {
            turn();
        }
        if (listener_.socket.is_open() && !address_->path.empty()) {
            unlink(address_->path.c_str());
        }
    }

private:
    void turn();
    void listen();
    void wait();
    [[nodiscard]] bool may_accept() const;
    [[nodiscard]] Clock::TimePoint next_moment() const;
    void accept();
    void advance(Connection& connection, short events);
    void receive(Connection& connection);
    void send(Connection& connection);

    StatusStore& store_;
    Clock& clock_;
    std::optional<ListenAddress> address_;
    int wake_;
    StatusAnswers answers_;
    HttpExchange exchange_;
    Listener listener_;
    std::string said_;                  ///< The last error of listening; said once.
    std::list<Connection> connections_; ///< The oldest first.
    Clock::TimePoint next_sample_;
    Clock::TimePoint next_attempt_;
    Clock::TimePoint accepts_again_;
};

void Loop::turn() {
    listen();
    if (clock_.now() >= next_sample_) {
        store_.sample();
        next_sample_ = clock_.now() + between_samples;
    }
    wait();
    std::erase_if(connections_, [now = clock_.now()](const Connection& connection) {
        return connection.is_over || now - connection.accepted > longest_connection;
    });
    metrics::set(metrics::Metric::status_connections, {}, static_cast<double>(connections_.size()));
}

void Loop::listen() {
    if (!address_ || listener_.socket.is_open() || clock_.now() < next_attempt_) {
        return;
    }
    listener_ = open_listener(*address_);
    if (listener_.socket.is_open()) {
        const auto where = address_->path.empty()
                               ? address_->host + ":" + std::to_string(listener_.port)
                               : "unix:" + address_->path;
        log::event(Level::info, "status_listening", {kv("address", where)});
        said_.clear();
        return;
    }
    next_attempt_ = clock_.now() + between_attempts;
    if (said_ != listener_.error) {
        said_ = listener_.error;
        log::event(Level::error,
                   "status_not_listening",
                   {kv("error", listener_.error),
                    kv("hint", "syncing goes on without; it is tried again every 30 s")});
    }
}

bool Loop::may_accept() const {
    if (!listener_.socket.is_open() || clock_.now() < accepts_again_) {
        return false;
    }
    return connections_.size() < most_connections ||
           clock_.now() - connections_.front().accepted > quick_enough;
}

Clock::TimePoint Loop::next_moment() const {
    auto moment = next_sample_;
    if (!connections_.empty()) {
        moment = std::min(moment, connections_.front().accepted + longest_connection);
        if (connections_.size() == most_connections) {
            moment = std::min(moment, connections_.front().accepted + quick_enough + 1ms);
        }
    }
    return moment;
}

void Loop::wait() {
    std::vector<pollfd> watched{{wake_, POLLIN, 0}};
    watched.push_back({may_accept() ? listener_.socket.number() : -1, POLLIN, 0});
    for (const auto& connection : connections_) {
        const short events = connection.response.empty() ? POLLIN : POLLOUT;
        watched.push_back({connection.socket.number(), events, 0});
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(next_moment() - clock_.now()).count();
    const int timeout = static_cast<int>(std::clamp<std::int64_t>(left, 1, 1000));
    if (poll(watched.data(), watched.size(), timeout) <= 0) {
        return;
    }
    auto events = watched.begin() + 2;
    for (auto& connection : connections_) {
        advance(connection, (events++)->revents);
    }
    if ((watched[1].revents & POLLIN) != 0) {
        accept();
    }
}

void Loop::accept() {
    Descriptor socket(
        accept4(listener_.socket.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket.is_open()) {
        // Out of descriptors, most likely: the socket stays readable, and this loop would spin.
        accepts_again_ = clock_.now() + quick_enough;
        return;
    }
    if (connections_.size() >= most_connections) {
        connections_.pop_front();
    }
    connections_.push_back({std::move(socket), clock_.now(), "", "", false, false});
    // Most send their request with the connection; it need not wait for another turn.
    receive(connections_.back());
}

void Loop::advance(Connection& connection, short events) {
    if ((events & (POLLERR | POLLNVAL)) != 0) {
        connection.is_over = true;
    } else if ((events & POLLOUT) != 0) {
        send(connection);
    } else if ((events & (POLLIN | POLLHUP)) != 0) {
        receive(connection);
    }
}

void Loop::receive(Connection& connection) {
    std::array<char, 4096> bytes{};
    const auto count = recv(connection.socket.number(), bytes.data(), bytes.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (count <= 0) {
        connection.is_over = true;
        return;
    }
    if (connection.is_answered) {
        return; // What comes behind the request is let go by.
    }
    connection.request.append(bytes.data(), static_cast<std::size_t>(count));
    const auto end = connection.request.find("\r\n\r\n");
    if (end == std::string::npos && connection.request.size() < longest_request) {
        return;
    }
    connection.is_answered = true;
    connection.response =
        end == std::string::npos
            ? "HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
              "Content-Length: 0\r\n\r\n"
            : exchange_.respond(std::string_view(connection.request).substr(0, end + 4));
    connection.request.clear();
    send(connection);
}

void Loop::send(Connection& connection) {
    while (!connection.response.empty()) {
        const auto count = ::send(connection.socket.number(),
                                  connection.response.data(),
                                  connection.response.size(),
                                  MSG_NOSIGNAL);
        if (count < 0) {
            connection.is_over = errno != EAGAIN && errno != EINTR;
            return;
        }
        connection.response.erase(0, static_cast<std::size_t>(count));
    }
    // Closing while something is unread would take the answer back: the client closes.
    (void)shutdown(connection.socket.number(), SHUT_WR);
}

} // namespace

StatusServer::StatusServer(StatusStore& store, Clock& clock, std::string version)
    : store_(store), clock_(clock), version_(std::move(version)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

StatusServer::~StatusServer() {
    stop();
}

void StatusServer::stop() {
    if (thread_.joinable()) {
        thread_.request_stop();
        const std::uint64_t one = 1;
        (void)!write(wake_.number(), &one, sizeof one);
        thread_.join();
        std::uint64_t count = 0;
        (void)!read(wake_.number(), &count, sizeof count);
    }
}

void StatusServer::serve(const StatusSettings& settings) {
    if (thread_.joinable() && settings == settings_) {
        return;
    }
    stop();
    settings_ = settings;
    thread_ = std::jthread([this](const std::stop_token& stop) {
        Loop(store_, clock_, version_, settings_, wake_.number()).run(stop);
    });
}

} // namespace zohosyncd
