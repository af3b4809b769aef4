#pragma once

#include "tests/simulator/simulator.hpp"

#include <memory>
#include <string>

namespace httplib {
class Server;
}

namespace zohosim {

/// Puts a Simulator on a loopback port.
class HttpServer {
public:
    /// `simulator` must outlive the server. Throws when the port is taken.
    HttpServer(Simulator& simulator, const Options& options);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    [[nodiscard]] int port() const { return port_; }

    /// Serves until the process ends.
    void run();

private:
    std::unique_ptr<httplib::Server> server_;
    int port_ = 0;
};

} // namespace zohosim
