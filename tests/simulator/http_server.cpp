#include "tests/simulator/http_server.hpp"

#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace zohosim {

namespace {

// A poll interval of minutes must not cost a reconnect per request.
constexpr time_t keep_alive_seconds = 120;
// Below this, compression saves nothing on the way.
constexpr std::size_t smallest_gzip = 256;

Call call_of(const httplib::Request& request) {
    Call call;
    call.method = request.method;
    call.path = request.path;
    call.target = request.target;
    call.params = {request.params.begin(), request.params.end()};
    call.authorization = request.get_header_value("Authorization");
    if (request.has_header("If-Modified-Since")) {
        call.since = request.get_header_value("If-Modified-Since");
    }
    call.accepts_gzip =
        request.get_header_value("Accept-Encoding").find("gzip") != std::string::npos;
    call.remote_port = request.remote_port;
    return call;
}

/// Adds the pairs of an `application/x-www-form-urlencoded` body to `params`.
void add_form(const std::string& body, std::multimap<std::string, std::string>& params) {
    const auto decode = [](const std::string& text) {
        std::string out;
        for (std::size_t i = 0; i < text.size(); ++i) {
            if (text[i] == '%' && i + 2 < text.size()) {
                out += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
                i += 2;
            } else {
                out += text[i] == '+' ? ' ' : text[i];
            }
        }
        return out;
    };
    std::istringstream pairs{body};
    for (std::string pair; std::getline(pairs, pair, '&');) {
        const auto equals = std::min(pair.find('='), pair.size());
        params.emplace(decode(pair.substr(0, equals)),
                       equals == pair.size() ? "" : decode(pair.substr(equals + 1)));
    }
}

/// Sends RST on the connection whose peer has this port. The library does not hand out the
/// socket, hence the search; dissolving the association makes the kernel send the reset.
void reset_connection(int remote_port) {
    for (int fd = 3; fd < 4096; ++fd) {
        sockaddr_in peer{};
        socklen_t length = sizeof(peer);
        if (getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) == 0 &&
            peer.sin_family == AF_INET && ntohs(peer.sin_port) == remote_port) {
            sockaddr nobody{};
            nobody.sa_family = AF_UNSPEC;
            connect(fd, &nobody, sizeof(nobody));
            return;
        }
    }
}

void send_source(httplib::Response& response, const Reply& reply) {
    response.set_chunked_content_provider(
        reply.content_type,
        [source = reply.source, last = false](std::size_t, httplib::DataSink& sink) mutable {
            if (last) {
                sink.done();
                return true;
            }
            std::string piece;
            last = !source(piece);
            return piece.empty() || sink.write(piece.data(), piece.size());
        });
}

/// Announces the whole body and closes the connection in its middle.
void send_cut(httplib::Response& response, const Reply& reply, std::size_t cut_after) {
    response.set_content_provider(reply.body.size(),
                                  reply.content_type,
                                  [body = reply.body.substr(0, cut_after)](
                                      std::size_t offset, std::size_t, httplib::DataSink& sink) {
                                      if (offset >= body.size()) {
                                          return false;
                                      }
                                      return sink.write(body.data() + offset, body.size() - offset);
                                  });
}

void send(httplib::Response& response, Reply reply, const Call& call, bool may_compress) {
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) {
        response.set_header(name, value);
    }
    if (reply.delivery.reset) {
        reset_connection(call.remote_port);
        return;
    }
    if (reply.source) {
        send_source(response, reply);
        return;
    }
    if (reply.body.empty()) {
        return;
    }
    if (may_compress && call.accepts_gzip && reply.body.size() >= smallest_gzip &&
        !response.has_header("Content-Encoding")) {
        reply.body = gzip(reply.body);
        response.set_header("Content-Encoding", "gzip");
        response.set_header("Vary", "Accept-Encoding");
    }
    if (reply.delivery.cut_after) {
        send_cut(response, reply, std::min(*reply.delivery.cut_after, reply.body.size()));
        return;
    }
    // The library compresses only the types it knows by exact name, so ours pass as they are.
    response.body = std::move(reply.body);
    response.set_header("Content-Type", reply.content_type);
}

} // namespace

HttpServer::HttpServer(Simulator& simulator, const Options& options)
    : server_(std::make_unique<httplib::Server>()) {
    const bool compress = options.gzip && options.bench.empty();
    const auto answer = [&simulator, compress](const httplib::Request& request,
                                               httplib::Response& response,
                                               const std::string& body) {
        auto call = call_of(request);
        call.body = body;
        if (request.get_header_value("Content-Type").find("urlencoded") != std::string::npos) {
            add_form(body, call.params);
        }
        const bool is_control = call.path.starts_with("/_sim/");
        auto reply = is_control ? simulator.control(call) : simulator.handle(call);
        if (const auto date = simulator.date_header()) {
            response.set_header("Date", *date);
        }
        send(response, std::move(reply), call, compress && !is_control);
    };
    const auto without_body = [answer](const httplib::Request& request,
                                       httplib::Response& response) {
        answer(request, response, "");
    };
    // The library would wait for a body until the connection ends when no length is announced;
    // a token request is such a POST.
    const auto with_body = [answer](const httplib::Request& request,
                                    httplib::Response& response,
                                    const httplib::ContentReader& reader) {
        std::string body;
        if (request.has_header("Content-Length") || request.has_header("Transfer-Encoding")) {
            reader([&](const char* data, std::size_t length) {
                body.append(data, length);
                return true;
            });
        }
        answer(request, response, body);
    };
    server_->Get(".*", without_body);
    server_->Post(".*", with_body);
    server_->Put(".*", with_body);
    server_->Patch(".*", with_body);
    server_->Delete(".*", with_body);
    server_->Delete(".*", without_body);
    server_->set_tcp_nodelay(true);
    server_->set_keep_alive_max_count(1'000'000'000);
    server_->set_keep_alive_timeout(keep_alive_seconds);
    server_->set_read_timeout(keep_alive_seconds);
    server_->new_task_queue = [threads = options.threads] {
        return new httplib::ThreadPool(threads); // The library takes ownership.
    };
    port_ = options.port != 0 ? options.port : server_->bind_to_any_port("127.0.0.1");
    if (port_ < 0 || (options.port != 0 && !server_->bind_to_port("127.0.0.1", port_))) {
        throw std::runtime_error("can not listen on port " + std::to_string(options.port));
    }
}

HttpServer::~HttpServer() = default;

void HttpServer::run() {
    server_->listen_after_bind();
}

} // namespace zohosim
