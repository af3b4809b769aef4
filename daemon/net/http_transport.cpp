#include "daemon/net/http_transport.hpp"

#include <algorithm>
#include <cctype>

namespace zohosyncd {

void add_header_line(HttpResponse& response, std::string_view line) {
    constexpr std::string_view blanks = " \t\r\n";
    line = line.substr(0, line.find_last_not_of(blanks) + 1);
    if (line.starts_with("HTTP/")) {
        response.headers.clear(); // Of a proxy's CONNECT reply or an interim reply.
        return;
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
        return;
    }
    std::string name(line.substr(0, colon));
    std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
    });
    const auto begin = std::min(line.find_first_not_of(blanks, colon + 1), line.size());
    response.headers[name] = std::string(line.substr(begin));
}

} // namespace zohosyncd
