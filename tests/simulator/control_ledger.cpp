#include "tests/simulator/simulator.hpp"

namespace zohosim {

namespace {

// Lines rendered per piece: the ledger of a large module is streamed, never held.
constexpr std::size_t lines_per_piece = 200;

Reply not_found(const std::string& what) {
    return json_reply({{"error", "nothing called '" + what + "'"}}, 404);
}

std::string lines_of(const std::vector<nlohmann::json>& entries) {
    std::string text;
    for (const auto& entry : entries) {
        text +=
            nlohmann::json{{"id", entry["id"]}, {"deleted", false}, {"list_view", entry}}.dump();
        text += '\n';
    }
    return text;
}

Reply ndjson(std::string text) {
    Reply reply;
    reply.content_type = "application/x-ndjson";
    reply.body = std::move(text);
    return reply;
}

} // namespace

Reply Simulator::ledger(const Call& call, const std::string& module) {
    if (module == "users") {
        return ndjson(lines_of(*users_.of_type("AllUsers")));
    }
    if (module == "modules") {
        std::vector<nlohmann::json> entries;
        for (const auto& entry : modules_) {
            entries.push_back(module_json(entry));
        }
        return ndjson(lines_of(entries));
    }
    auto* table = table_of(module_name_of(module));
    if (table == nullptr) {
        return not_found(module);
    }
    const bool with_full = call.param("view").value_or("both") != "list";
    const auto from = std::stoul(call.param("from_line").value_or("0"));
    const auto to =
        std::min(table->size(), std::stoul(call.param("to_line").value_or("4000000000")));
    if (from >= to) {
        return ndjson("");
    }
    Reply reply = ndjson("");
    reply.source = [table, with_full, at = from, to](std::string& piece) mutable {
        for (std::size_t i = 0; i < lines_per_piece && at < to; ++i) {
            table->append_ledger(piece, at++, with_full);
        }
        return at < to;
    };
    return reply;
}

Reply Simulator::control_get(const Call& call, const std::vector<std::string>& parts) {
    const std::string what = parts.size() > 1 ? parts[1] : "";
    const std::string argument = parts.size() > 2 ? parts[2] : "";
    if (what == "ledger") {
        return ledger(call, argument);
    }
    if (what == "history") {
        auto* table = table_of(module_name_of(argument));
        return table == nullptr ? not_found(argument) : ndjson(table->history());
    }
    if (what == "versions" && parts.size() == 4) {
        auto* table = table_of(module_name_of(argument));
        return table == nullptr ? not_found(argument)
                                : json_reply({{"versions", table->versions(std::stoll(parts[3]))}});
    }
    if (what == "fields") {
        auto* table = table_of(module_name_of(argument));
        if (table == nullptr) {
            return not_found(argument);
        }
        auto list = nlohmann::json::array();
        for (const auto& field : table->fields()) {
            list.push_back(field_json(*field));
        }
        return json_reply({{"fields", list}});
    }
    if (what == "requests") {
        return json_reply({{"requests", log_.entries()}});
    }
    if (what == "stats") {
        auto stats = log_.stats();
        stats["tokens"] = oauth_.stats();
        {
            const std::scoped_lock lock{mutex_};
            stats["changes"] = churned_;
        }
        for (const auto& [name, table] : tables_) {
            stats["live"][name] = table->live_count();
        }
        return json_reply(stats);
    }
    if (what == "faults") {
        return json_reply({{"rules", faults_.describe()}});
    }
    if (what == "clock") {
        return json_reply(
            {{"now_us", world_.clock.now_micros()}, {"now", world_.zone.iso(world_.clock.now())}});
    }
    return not_found(what);
}

} // namespace zohosim
