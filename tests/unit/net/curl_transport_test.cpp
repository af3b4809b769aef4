#include "daemon/core/errors.hpp"
#include "daemon/net/curl_transport.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <thread>

namespace zohosyncd {
namespace {

using namespace std::chrono_literals;

/// An HTTP server on a free loopback port.
class Server {
public:
    Server() {
        server_.set_keep_alive_max_count(100);
        port_ = server_.bind_to_any_port("127.0.0.1");
        REQUIRE(port_ > 0);
    }

    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    ~Server() {
        server_.stop();
        thread_.join();
    }

    httplib::Server& routes() { return server_; }

    void start() {
        thread_ = std::jthread([this] { server_.listen_after_bind(); });
        while (!server_.is_running()) {
            std::this_thread::yield();
        }
    }

    std::string url(const std::string& path) const {
        return "http://127.0.0.1:" + std::to_string(port_) + path;
    }

private:
    httplib::Server server_;
    int port_ = 0;
    std::jthread thread_;
};

/// A listening socket that accepts nobody's request: what comes waits in its queue.
class SilentServer {
public:
    SilentServer() : descriptor_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof(address);
        auto* plain = reinterpret_cast<sockaddr*>(&address);
        REQUIRE(bind(descriptor_, plain, length) == 0);
        REQUIRE(listen(descriptor_, 5) == 0);
        REQUIRE(getsockname(descriptor_, plain, &length) == 0);
        port_ = ntohs(address.sin_port);
    }

    SilentServer(const SilentServer&) = delete;
    SilentServer& operator=(const SilentServer&) = delete;

    ~SilentServer() { close(descriptor_); }

    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/"; }

private:
    int descriptor_;
    int port_ = 0;
};

/// Served as application/octet-stream, which cpp-httplib does not compress once more.
std::string gzipped(const std::string& text) {
    z_stream stream{};
    REQUIRE(deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) ==
            Z_OK);
    std::string out(deflateBound(&stream, text.size()), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

HttpLimits short_limits() {
    HttpLimits limits;
    limits.connect = 2s;
    limits.total = 10s;
    limits.stall = 1s;
    limits.body = 1024 * 1024;
    return limits;
}

HttpRequest get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    return request;
}

std::optional<SyncError>
failure(HttpTransport& transport, const HttpRequest& request, const std::stop_token& stop = {}) {
    HttpResponse response;
    try {
        transport.send(request, response, stop);
    } catch (const SyncError& error) {
        return error;
    }
    return std::nullopt;
}

TEST_CASE("requests and answers pass unchanged") {
    Server server;
    server.routes().Post("/echo", [](const httplib::Request& request, httplib::Response& response) {
        response.status = 201;
        response.set_header("X-Seen", request.get_header_value("Authorization"));
        response.set_header("Retry-After", " 7 ");
        response.set_content(request.body, "text/plain");
    });
    server.start();
    const auto transport = make_curl_transport(short_limits());
    HttpRequest request = get(server.url("/echo"));
    request.method = "POST";
    request.headers = {"Authorization: Zoho-oauthtoken abc"};
    request.body = "a=b&c=d";
    HttpResponse response;
    response.body = "left over";
    response.headers = {{"left", "over"}};

    transport->send(request, response, {});

    CHECK(response.status == 201);
    CHECK(response.body == "a=b&c=d");
    CHECK(response.header("x-seen") == "Zoho-oauthtoken abc");
    CHECK(response.header("content-type") == "text/plain");
    CHECK(response.header("left").empty());
    CHECK(response.body.capacity() >= response.body.size() + 64);
}

TEST_CASE("one connection carries request after request, also after a POST") {
    Server server;
    std::set<int> ports;
    const auto note = [&](const httplib::Request& request, httplib::Response& response) {
        ports.insert(request.remote_port);
        response.set_content("{}", "application/json");
    };
    server.routes().Get("/", note);
    server.routes().Post("/", note);
    server.start();
    const auto transport = make_curl_transport(short_limits());
    HttpResponse response;

    for (int request = 0; request < 5; ++request) {
        auto next = get(server.url("/"));
        next.method = request == 2 ? "POST" : "GET";
        transport->send(next, response, {});
        CHECK(response.status == 200);
    }

    CHECK(ports.size() == 1);
}

TEST_CASE("a compressed answer is decoded") {
    Server server;
    const std::string text(300'000, 'x');
    server.routes().Get("/", [&](const httplib::Request& request, httplib::Response& response) {
        CHECK(request.get_header_value("Accept-Encoding").find("gzip") != std::string::npos);
        response.set_header("Content-Encoding", "gzip");
        response.set_content(gzipped(text), "application/octet-stream");
    });
    server.start();
    HttpResponse response;

    make_curl_transport(short_limits())->send(get(server.url("/")), response, {});

    CHECK(response.body == text);
}

TEST_CASE("a body is capped by its decoded size") {
    struct Case {
        std::string name;
        std::size_t bytes;
        bool is_compressed;
        bool is_refused;
    };

    const Case cases[] = {{"just fits", 1024 * 1024, false, false},
                          {"a byte too many", 1024 * 1024 + 1, false, true},
                          {"a bomb", 200 * 1024 * 1024, true, true},
                          {"compressed and just fits", 1024 * 1024, true, false}};
    for (const auto& c : cases) {
        CAPTURE(c.name);
        Server server;
        const std::string plain(c.bytes, 'x');
        const std::string body = c.is_compressed ? gzipped(plain) : plain;
        server.routes().Get("/", [&](const httplib::Request&, httplib::Response& response) {
            if (c.is_compressed) {
                response.set_header("Content-Encoding", "gzip");
            }
            response.set_content(body, "application/octet-stream");
        });
        server.start();
        const auto transport = make_curl_transport(short_limits());

        const auto error = failure(*transport, get(server.url("/")));

        CHECK(error.has_value() == c.is_refused);
        if (error) {
            CHECK(error->kind() == ErrorKind::bad_response);
        }
    }
}

TEST_CASE("a redirect is an answer and is not followed") {
    Server canary;
    std::atomic<int> seen{0};
    canary.routes().Get("/", [&](const httplib::Request&, httplib::Response&) { ++seen; });
    canary.start();
    Server server;
    server.routes().Get("/", [&](const httplib::Request&, httplib::Response& response) {
        response.set_redirect(canary.url("/"), 302);
    });
    server.start();
    HttpResponse response;

    make_curl_transport(short_limits())->send(get(server.url("/")), response, {});

    CHECK(response.status == 302);
    CHECK(seen == 0);
}

TEST_CASE("a server that goes silent is a network error after the stall limit") {
    const SilentServer server;
    const auto transport = make_curl_transport(short_limits());
    const auto began = std::chrono::steady_clock::now();

    const auto error = failure(*transport, get(server.url()));

    CHECK(error->kind() == ErrorKind::network);
    CHECK(std::chrono::steady_clock::now() - began < 5s);
}

TEST_CASE("a body that stalls half-way or is cut short is a network error") {
    Server server;
    server.routes().Get("/stalled", [](const httplib::Request&, httplib::Response& response) {
        response.set_content_provider(
            1000, "application/json", [](std::size_t offset, std::size_t, httplib::DataSink& sink) {
                if (offset == 0) {
                    sink.write("{\"data\":[", 9);
                    return true;
                }
                std::this_thread::sleep_for(3s);
                return false;
            });
    });
    server.routes().Get("/cut", [](const httplib::Request&, httplib::Response& response) {
        response.set_content_provider(
            1000, "application/json", [](std::size_t offset, std::size_t, httplib::DataSink& sink) {
                return offset == 0 && sink.write("{\"data\":[", 9);
            });
    });
    server.start();
    const auto transport = make_curl_transport(short_limits());

    CHECK(failure(*transport, get(server.url("/stalled")))->kind() == ErrorKind::network);
    CHECK(failure(*transport, get(server.url("/cut")))->kind() == ErrorKind::network);
}

TEST_CASE("a stop ends a transfer within about a second") {
    const SilentServer server;
    auto limits = short_limits();
    limits.stall = 60s;
    limits.total = 60s;
    const auto transport = make_curl_transport(limits);
    std::stop_source stop;
    std::jthread stopper([&] {
        std::this_thread::sleep_for(200ms);
        stop.request_stop();
    });
    const auto began = std::chrono::steady_clock::now();

    const auto error = failure(*transport, get(server.url()), stop.get_token());

    CHECK(error->kind() == ErrorKind::stopped);
    CHECK(std::chrono::steady_clock::now() - began < 3s);
    CHECK(failure(*transport, get(server.url()), stop.get_token())->kind() == ErrorKind::stopped);
}

TEST_CASE("a refused connection is unreachable and names the host alone") {
    std::string gone;
    {
        const SilentServer server;
        gone = server.url();
    }
    const auto transport = make_curl_transport(short_limits());

    const auto error = failure(*transport, get(gone + "crm/v6/Leads?page_token=secret"));

    CHECK(error->kind() == ErrorKind::unreachable);
    CHECK(std::string(error->what()).find("127.0.0.1") != std::string::npos);
    CHECK(std::string(error->what()).find("secret") == std::string::npos);
    CHECK(std::string(error->what()).find("Leads") == std::string::npos);
}

TEST_CASE("only http and https are spoken") {
    const auto transport = make_curl_transport(short_limits());

    CHECK(failure(*transport, get("file:///etc/hostname"))->kind() == ErrorKind::unreachable);
}

TEST_CASE("a transport works again after a failure") {
    Server server;
    server.routes().Get("/", [](const httplib::Request&, httplib::Response& response) {
        response.set_content("{}", "application/json");
    });
    server.start();
    const auto transport = make_curl_transport(short_limits());
    std::stop_source stop;
    stop.request_stop();

    CHECK(failure(*transport, get("http://127.0.0.1:1/"))->kind() == ErrorKind::unreachable);
    CHECK(failure(*transport, get(server.url("/")), stop.get_token())->kind() ==
          ErrorKind::stopped);
    CHECK_FALSE(failure(*transport, get(server.url("/"))));
}

} // namespace
} // namespace zohosyncd
