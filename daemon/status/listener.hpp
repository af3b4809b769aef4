#pragma once

#include <optional>
#include <string>

namespace zohosyncd {

/// A file descriptor that closes itself.
class Descriptor {
public:
    Descriptor() = default;

    explicit Descriptor(int number) : number_(number) {}

    Descriptor(Descriptor&& other) noexcept : number_(other.release()) {}

    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    [[nodiscard]] int number() const { return number_; }

    [[nodiscard]] bool is_open() const { return number_ >= 0; }

private:
    int release();

    int number_ = -1;
};

/// Where to listen: a host and a port, or the path of a socket.
struct ListenAddress {
    std::string host; ///< Without brackets.
    int port = 0;     ///< 0: any that is free.
    std::string path; ///< Of a Unix socket; empty otherwise.

    [[nodiscard]] bool is_loopback() const;

    /// The host, or where it means "every address" the loopback one.
    [[nodiscard]] std::string host_to_ask() const;
};

/// Reads daemon.listen, which the configuration has checked; nothing for "off".
[[nodiscard]] std::optional<ListenAddress> read_address(const std::string& text);

/// An open socket that listens, or why there is none.
struct Listener {
    Descriptor socket;
    int port = 0;      ///< The one that was taken.
    std::string error; ///< With what to change; empty when the socket is open.
};

/// Never waits for a client. The socket of a process that is gone is replaced, one that is answered
/// is left alone.
[[nodiscard]] Listener open_listener(const ListenAddress& address);

} // namespace zohosyncd
