#include "tests/simulator/faults.hpp"

#include <zlib.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace zohosim {

namespace {

constexpr auto gateway_page =
    "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body><center><h1>502 Bad "
    "Gateway</h1></center><hr><center>ZGS</center></body>\r\n</html>\r\n";

Reply html(int status) {
    Reply reply;
    reply.status = status;
    reply.body = gateway_page;
    reply.content_type = "text/html;charset=UTF-8";
    return reply;
}

std::string default_body(int status) {
    if (status == 429) {
        return R"({"code":"TOO_MANY_REQUESTS","details":{},)"
               R"("message":"too many requests. please try again after some time","status":"error"})";
    }
    return R"({"code":"INTERNAL_ERROR","details":{},"message":"Internal Server Error",)"
           R"("status":"error"})";
}

Reply by_status(const nlohmann::json& action) {
    Reply reply;
    reply.status = action.value("status", 500);
    if (action.value("html", reply.status == 502)) {
        reply = html(reply.status);
    } else {
        const auto& body = action.find("body");
        if (body == action.end()) {
            reply.body = default_body(reply.status);
        } else {
            reply.body = body->is_string() ? body->get<std::string>() : body->dump();
        }
    }
    if (action.contains("content_type")) {
        reply.content_type = action["content_type"].get<std::string>();
    }
    if (action.contains("retry_after")) {
        const auto& wait = action["retry_after"];
        reply.headers.emplace_back("Retry-After",
                                   wait.is_string() ? wait.get<std::string>() : wait.dump());
    }
    return reply;
}

Reply deny(const nlohmann::json& action) {
    const auto code = action.value("code", std::string{"NO_PERMISSION"});
    if (code == "OAUTH_SCOPE_MISMATCH") {
        return error_reply(401, code, {}, "invalid oauth scope to access this URL");
    }
    if (code == "INVALID_MODULE") {
        return error_reply(
            400, code, {{"resource_path_index", 0}}, "the module name given seems to be invalid");
    }
    return error_reply(action.value("status", 403),
                       code,
                       {{"permissions", {"Crm_Implied_View_Leads"}}},
                       "permission denied");
}

/// `bytes` of a repeated pattern, compressed; a megabyte of them makes a gibibyte. A block is
/// compressed once and repeated: behind a full flush it refers to nothing before it. The checksum
/// at the end is wrong; nobody should get there.
Reply gzip_bomb(const nlohmann::json& action) {
    const auto bytes = action.value("bytes", std::size_t{256} << 20U);
    Reply reply;
    reply.headers.emplace_back("Content-Encoding", "gzip");
    z_stream stream{};
    deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    const auto compressed = [&stream](std::string text, int flush) {
        std::string out;
        std::string piece(1U << 16U, '\0');
        stream.next_in = reinterpret_cast<Bytef*>(text.data());
        stream.avail_in = static_cast<uInt>(text.size());
        do {
            stream.next_out = reinterpret_cast<Bytef*>(piece.data());
            stream.avail_out = static_cast<uInt>(piece.size());
            deflate(&stream, flush);
            out.append(piece, 0, piece.size() - stream.avail_out);
        } while (stream.avail_out == 0);
        return out;
    };
    const std::size_t block = 1U << 20U;
    reply.body = compressed(R"({"data":[{"id":")", Z_FULL_FLUSH);
    const auto repeated = compressed(std::string(block, ' '), Z_FULL_FLUSH);
    for (std::size_t sent = 0; sent < bytes; sent += block) {
        reply.body += repeated;
    }
    reply.body += compressed("", Z_FINISH);
    deflateEnd(&stream);
    return reply;
}

Reply huge_body(const nlohmann::json& action) {
    Reply reply;
    const auto bytes = action.value("bytes", std::size_t{64} << 20U);
    reply.source = [bytes, sent = std::size_t{0}](std::string& piece) mutable {
        piece = sent == 0 ? R"({"data":[{"id":"1","Description":")" : std::string(1U << 16U, 'x');
        sent += piece.size();
        return sent < bytes;
    };
    return reply;
}

Reply null_token(Reply reply) {
    auto body = nlohmann::json::parse(reply.body, nullptr, false);
    if (body.is_discarded() || !body.contains("info")) {
        return reply;
    }
    // The text around `info` stays untouched, so that numbers keep their digits.
    body["info"]["more_records"] = true;
    body["info"]["next_page_token"] = nullptr;
    const auto info = reply.body.rfind("\"info\":");
    reply.body = reply.body.substr(0, info) + "\"info\":" + body["info"].dump() + "}";
    return reply;
}

Reply on_answer(const std::string& kind, const nlohmann::json& action, Reply reply) {
    if (kind == "truncate") {
        reply.delivery.cut_after = action.value("bytes", reply.body.size() / 2);
    } else if (kind == "slow_body") {
        reply.delivery.drip_bytes = action.value("bytes", std::size_t{64});
        reply.delivery.drip_pause_ms = action.value("pause_ms", 1000);
    } else if (kind == "null_token") {
        reply = null_token(std::move(reply));
    } else if (kind == "replace") {
        const auto from = action.at("from").get<std::string>();
        const auto at = reply.body.find(from);
        if (at != std::string::npos) {
            reply.body.replace(at, from.size(), action.at("to").get<std::string>());
        }
    } else if (kind != "stall") {
        throw std::invalid_argument("unknown fault " + kind);
    }
    return reply;
}

} // namespace

void Faults::add(const nlohmann::json& rule) {
    FaultRule fault;
    fault.path_text = rule.value("path", std::string{".*"});
    fault.path = std::regex{fault.path_text};
    fault.nth = rule.value("nth", std::size_t{0});
    fault.every = rule.value("every", std::size_t{0});
    fault.after = rule.value("after", std::size_t{0});
    fault.probability = rule.value("probability", 1.0);
    fault.times = rule.value("times", -1L);
    fault.action = rule.at("action");
    if (fault.action.is_string()) {
        fault.action = {{"kind", fault.action}};
    }
    static_cast<void>(fault.action.at("kind"));
    const std::scoped_lock lock{mutex_};
    rules_.push_back(std::move(fault));
}

void Faults::clear() {
    const std::scoped_lock lock{mutex_};
    rules_.clear();
}

std::optional<nlohmann::json> Faults::action_for(const std::string& target) {
    const std::scoped_lock lock{mutex_};
    for (auto& rule : rules_) {
        if (rule.times == 0 || !std::regex_search(target, rule.path)) {
            continue;
        }
        ++rule.matches;
        const bool is_turn = (rule.nth == 0 || rule.matches == rule.nth) &&
                             (rule.every == 0 || rule.matches % rule.every == 0) &&
                             rule.matches > rule.after;
        const double drawn = static_cast<double>(random_() >> 11U) * 0x1.0p-53;
        if (!is_turn || drawn >= rule.probability) {
            continue;
        }
        rule.times -= rule.times > 0 ? 1 : 0;
        ++rule.hits;
        return rule.action;
    }
    return std::nullopt;
}

nlohmann::json Faults::describe() {
    const std::scoped_lock lock{mutex_};
    auto list = nlohmann::json::array();
    for (const auto& rule : rules_) {
        list.push_back({{"path", rule.path_text},
                        {"matches", rule.matches},
                        {"hits", rule.hits},
                        {"action", rule.action}});
    }
    return list;
}

Reply disturb(const nlohmann::json& action, const std::function<Reply()>& answer) {
    const auto kind = action.at("kind").get<std::string>();
    if (action.contains("delay_ms")) {
        std::this_thread::sleep_for(std::chrono::milliseconds{action["delay_ms"].get<int>()});
    }
    if (kind == "status") {
        return by_status(action);
    }
    if (kind == "html") {
        return html(action.value("status", 200));
    }
    if (kind == "empty_json") {
        return json_reply(nlohmann::json::object());
    }
    if (kind == "invalid_token") {
        return error_reply(
            401, action.value("code", std::string{"INVALID_TOKEN"}), {}, "invalid oauth token");
    }
    if (kind == "deny") {
        return deny(action);
    }
    if (kind == "gzip_bomb") {
        return gzip_bomb(action);
    }
    if (kind == "huge_body") {
        return huge_body(action);
    }
    if (kind == "redirect") {
        Reply reply = empty_reply(action.value("status", 302));
        reply.headers.emplace_back(
            "Location", action.value("location", std::string{"https://example.invalid/"}));
        return reply;
    }
    if (kind == "reset") {
        Reply reply = action.value("after_answer", false) ? answer() : Reply{};
        reply.delivery.reset = true;
        return reply;
    }
    return on_answer(kind, action, answer());
}

std::string gzip(const std::string& text, int level) {
    z_stream stream{};
    deflateInit2(&stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
    std::string out(deflateBound(&stream, static_cast<uLong>(text.size())), '\0');
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
    stream.avail_in = static_cast<uInt>(text.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    deflate(&stream, Z_FINISH);
    out.resize(out.size() - stream.avail_out);
    deflateEnd(&stream);
    return out;
}

} // namespace zohosim
