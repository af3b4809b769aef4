#include "tests/integration/pg_server.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace zohosyncd::tests {
namespace {

struct Server {
    std::string conninfo;
    std::string directory; // Empty when it is not ours.
};

Server& server() {
    static Server instance;
    return instance;
}

int free_port() {
    const int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    const bool bound =
        bind(descriptor, generic, length) == 0 && getsockname(descriptor, generic, &length) == 0;
    close(descriptor);
    if (!bound) {
        throw std::runtime_error("no free port");
    }
    return ntohs(address.sin_port);
}

// Root may not run a server.
std::string as_postgres(const std::string& command) {
    return geteuid() == 0 ? "runuser -u postgres -- " + command : command;
}

void shell(const std::string& command) {
    if (std::system(command.c_str()) != 0) {
        throw std::runtime_error("failed: " + command);
    }
}

std::string binaries() {
    for (const int version : {18, 17, 16, 15, 14, 13}) {
        auto directory = "/usr/lib/postgresql/" + std::to_string(version) + "/bin";
        if (std::filesystem::exists(directory + "/initdb")) {
            return directory;
        }
    }
    throw std::runtime_error("no PostgreSQL server is installed; name one in ZOHOSYNCD_TEST_PG");
}

void start() {
    if (const char* given = std::getenv("ZOHOSYNCD_TEST_PG"); given != nullptr && *given != '\0') {
        server().conninfo = given;
        return;
    }
    char pattern[] = "/tmp/zohosyncd-pg-XXXXXX";
    if (mkdtemp(pattern) == nullptr) {
        throw std::runtime_error("no temporary directory");
    }
    const std::string directory = pattern;
    if (geteuid() == 0) {
        shell("chown postgres " + directory);
    }
    const auto port = std::to_string(free_port());
    shell("cd " + directory + " && " +
          as_postgres(binaries() + "/initdb -D " + directory +
                      "/data -U postgres -A trust -E UTF8 --no-sync") +
          " > /dev/null");
    shell("cd " + directory + " && " +
          as_postgres(binaries() + "/pg_ctl -D " + directory + "/data -w -l " + directory +
                      "/log -o '-p " + port + " -k " + directory +
                      " -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60'" +
                      " start") +
          " > /dev/null");
    server() = {"host=127.0.0.1 port=" + port + " user=postgres", directory};
}

} // namespace

const std::string& server_conninfo() {
    if (server().conninfo.empty()) {
        start();
    }
    return server().conninfo;
}

bool server_is_ours() {
    return !server().directory.empty();
}

void stop_server() {
    const auto& directory = server().directory;
    if (!directory.empty()) {
        const auto command =
            "cd / && " +
            as_postgres(binaries() + "/pg_ctl -D " + directory + "/data -m immediate stop") +
            " > /dev/null";
        if (std::system(command.c_str()) == 0) {
            std::filesystem::remove_all(directory);
        }
    }
}

} // namespace zohosyncd::tests
