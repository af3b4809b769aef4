#include "daemon/status/listener.hpp"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

namespace zohosyncd {
namespace {

// Waiting to be accepted costs the kernel little and us nothing; what does not fit tries again.
constexpr int backlog = 64;
// For the owner and the group, as the unit's RuntimeDirectory has it.
constexpr mode_t socket_mode = 0660;

std::string last_error() {
    return std::strerror(errno); // NOLINT(concurrency-mt-unsafe): glibc's is thread-safe.
}

const sockaddr* plain(const void* address) {
    return static_cast<const sockaddr*>(address);
}

/// Whether a process listens at the path.
bool is_answered(const sockaddr_un& address) {
    const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return connect(probe.number(), plain(&address), sizeof address) == 0 || errno == EAGAIN;
}

Listener failed(const std::string& what, const std::string& hint) {
    return {Descriptor{}, 0, what + ": " + last_error() + "; " + hint};
}

Listener open_unix(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(static_cast<char*>(address.sun_path), sizeof address.sun_path - 1);
    Descriptor opened(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    struct stat status{};
    if (lstat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode) && !is_answered(address)) {
        unlink(path.c_str());
    }
    if (bind(opened.number(), plain(&address), sizeof address) != 0 ||
        chmod(path.c_str(), socket_mode) != 0 || listen(opened.number(), backlog) != 0) {
        return failed("can not listen at " + path,
                      "change daemon.listen, or see that its directory is there and ours to "
                      "write in, and that no other zohosyncd uses it");
    }
    return {std::move(opened), 0, ""};
}

int port_of(int socket) {
    sockaddr_storage bound{};
    socklen_t size = sizeof bound;
    std::string service(NI_MAXSERV, '\0');
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the interface asks for it.
    auto* address = reinterpret_cast<sockaddr*>(&bound);
    if (getsockname(socket, address, &size) != 0 ||
        getnameinfo(address,
                    size,
                    nullptr,
                    0,
                    service.data(),
                    static_cast<socklen_t>(service.size()),
                    NI_NUMERICSERV) != 0) {
        return 0;
    }
    return std::stoi(service);
}

Listener open_tcp(const ListenAddress& place) {
    const std::string name = place.host + ":" + std::to_string(place.port);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int code =
            getaddrinfo(place.host.c_str(), std::to_string(place.port).c_str(), &hints, &found);
        code != 0) {
        return {Descriptor{},
                0,
                "can not listen at " + name + ": " + gai_strerror(code) +
                    "; change daemon.listen to an address of this machine"};
    }
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
    Descriptor opened(
        socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, found->ai_protocol));
    // A restart need not wait for the last connections to fade. Two processes on one port, as
    // SO_REUSEPORT allows, would answer in turns.
    const int on = 1;
    (void)setsockopt(opened.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(opened.number(), found->ai_addr, found->ai_addrlen) != 0 ||
        listen(opened.number(), backlog) != 0) {
        return failed("can not listen at " + name,
                      errno == EADDRINUSE
                          ? "another process has this port (a second zohosyncd?): change "
                            "daemon.listen, or end that process"
                          : "change daemon.listen to an address of this machine");
    }
    const int port = port_of(opened.number());
    return {std::move(opened), port, ""};
}

} // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
    if (this != &other) {
        const Descriptor old(release());
        number_ = other.release();
    }
    return *this;
}

Descriptor::~Descriptor() {
    if (number_ >= 0) {
        close(number_);
    }
}

int Descriptor::release() {
    return std::exchange(number_, -1);
}

bool ListenAddress::is_loopback() const {
    return path.empty() && (host == "localhost" || host == "::1" || host.starts_with("127."));
}

std::string ListenAddress::host_to_ask() const {
    if (host == "0.0.0.0") {
        return "127.0.0.1";
    }
    return host == "::" ? "::1" : host;
}

std::optional<ListenAddress> read_address(const std::string& text) {
    constexpr std::string_view unix_prefix = "unix:";
    if (text.starts_with(unix_prefix)) {
        return ListenAddress{"", 0, text.substr(unix_prefix.size())};
    }
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) {
        return std::nullopt;
    }
    ListenAddress address;
    address.host = text.substr(0, colon);
    if (address.host.starts_with('[') && address.host.ends_with(']')) {
        address.host = address.host.substr(1, address.host.size() - 2);
    }
    std::from_chars(text.data() + colon + 1, text.data() + text.size(), address.port);
    return address;
}

Listener open_listener(const ListenAddress& address) {
    return address.path.empty() ? open_tcp(address) : open_unix(address.path);
}

} // namespace zohosyncd
