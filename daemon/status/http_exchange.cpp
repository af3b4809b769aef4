#include "daemon/status/http_exchange.hpp"

#include "daemon/status/listener.hpp"

#include <httplib.h>

#include <algorithm>
#include <cstring>

namespace zohosyncd {
namespace {

// A container's health check is asked every few seconds and kills what does not answer.
constexpr time_t patience_of_asking = 3;

/// A connection whose request is there as a whole, and whose response is kept for later.
class BufferStream final : public httplib::Stream {
public:
    explicit BufferStream(std::string_view request) : request_(request) {}

    [[nodiscard]] bool is_readable() const override { return true; }

    [[nodiscard]] bool is_writable() const override { return true; }

    ssize_t read(char* to, size_t size) override {
        const auto taken = std::min(size, request_.size());
        std::memcpy(to, request_.data(), taken);
        request_.remove_prefix(taken);
        return static_cast<ssize_t>(taken);
    }

    ssize_t write(const char* from, size_t size) override {
        response_.append(from, size);
        return static_cast<ssize_t>(size);
    }

    void get_remote_ip_and_port(std::string& ip, int& port) const override {
        ip.clear();
        port = 0;
    }

    void get_local_ip_and_port(std::string& ip, int& port) const override {
        ip.clear();
        port = 0;
    }

    [[nodiscard]] socket_t socket() const override { return -1; }

    std::string take_response() { return std::move(response_); }

private:
    std::string_view request_;
    std::string response_;
};

StatusRequest request_of(const httplib::Request& http) {
    StatusRequest request;
    request.method = http.method;
    request.path = http.path;
    request.query = {http.params.begin(), http.params.end()};
    request.host = http.get_header_value("Host");
    request.authorization = http.get_header_value("Authorization");
    return request;
}

} // namespace

/// Used for its parser and its writer alone; it never listens.
class HttpExchange::Server : public httplib::Server {
public:
    explicit Server(std::function<StatusAnswer(const StatusRequest&)> answer) {
        set_pre_routing_handler([answer = std::move(answer)](const httplib::Request& request,
                                                             httplib::Response& response) {
            const auto found = answer(request_of(request));
            response.status = found.code;
            response.set_content(found.body, found.content_type);
            for (const auto& [name, value] : found.headers) {
                response.set_header(name, value);
            }
            return HandlerResponse::Handled;
        });
    }

    std::string respond(std::string_view request) {
        BufferStream stream(request);
        bool is_closed = false;
        // Who may compress does it as well as it can be done, which takes 40 ms for a script of
        // 17 kB: more than a browser on loopback or a Prometheus ever wins by it.
        const auto as_it_is = [](httplib::Request& http) { http.headers.erase("Accept-Encoding"); };
        (void)process_request(stream, true, is_closed, as_it_is);
        return stream.take_response();
    }
};

HttpExchange::HttpExchange(std::function<StatusAnswer(const StatusRequest&)> answer)
    : server_(std::make_unique<Server>(std::move(answer))) {}

HttpExchange::~HttpExchange() = default;

std::string HttpExchange::respond(std::string_view request) {
    return server_->respond(request);
}

AskedStatus ask_status(const std::string& address, const std::string& path, const Secret& token) {
    const auto place = read_address(address);
    if (!place) {
        return {0, "there is no status server: daemon.listen is " + address};
    }
    const bool is_unix = !place->path.empty();
    httplib::Client client(is_unix ? place->path : place->host_to_ask(),
                           is_unix ? 80 : place->port);
    if (is_unix) {
        client.set_address_family(AF_UNIX);
    }
    client.set_connection_timeout(patience_of_asking);
    client.set_read_timeout(patience_of_asking);
    client.set_write_timeout(patience_of_asking);
    httplib::Headers headers{{"Host", "localhost"}};
    if (!token.empty()) {
        headers.emplace("Authorization", "Bearer " + token.reveal());
    }
    const auto result = client.Get(path, headers);
    if (!result) {
        return {0, "no answer from " + address + " (" + httplib::to_string(result.error()) + ")"};
    }
    return {result->status, result->body};
}

} // namespace zohosyncd
