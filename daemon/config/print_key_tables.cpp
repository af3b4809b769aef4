#include "daemon/config/keys.hpp"

#include <iostream>
#include <span>
#include <string>
#include <string_view>

namespace {

using namespace zohosyncd;

struct Chapter {
    std::string_view title;
    std::string_view about;
    std::span<const Key> keys;
};

/// "`limit`, `offset` (`0` is accepted)"
std::string names_of(std::span<const Key> keys, KeyUse use) {
    std::string names;
    for (const auto& key : keys) {
        if (key.use != use) {
            continue;
        }
        names += (names.empty() ? "`" : ", `") + std::string(key.name) + "`";
        if (use == KeyUse::refused && !key.fallback.empty()) {
            names += " (but for `" + std::string(key.fallback) + "`)";
        }
    }
    return names;
}

void print_line(std::string_view words, const std::string& names) {
    if (!names.empty()) {
        std::cout << "\n" << words << " " << names << ".\n";
    }
}

void print(const Chapter& chapter) {
    std::cout << "\n### " << chapter.title << "\n\n" << chapter.about << "\n\n";
    std::cout << "| key | value | default | meaning |\n|---|---|---|---|\n";
    for (const auto& key : chapter.keys) {
        if (key.use == KeyUse::honoured) {
            const std::string fallback =
                key.fallback.empty() ? "" : "`" + std::string(key.fallback) + "`";
            std::cout << "| `" << key.name << "` | " << expected(key.type) << " | " << fallback
                      << " | " << key.help << " |\n";
        }
    }
    print_line("Accepted without effect, with a warning:",
               names_of(chapter.keys, KeyUse::no_effect));
    print_line("Ignored, as by Sling:", names_of(chapter.keys, KeyUse::ignored));
    print_line("Refused, because it would change the result:",
               names_of(chapter.keys, KeyUse::refused));
}

} // namespace

/// Prints the part of docs/configure.md that lists every key, from the parser's own tables.
int main() {
    const Chapter chapters[] = {
        {"replication.yaml", "The blocks of the file.", root_keys()},
        {"A stream, and `defaults`", "A stream's own key wins over `defaults`.", stream_keys()},
        {"`source_options`", "Of a stream, or of `defaults`.", source_option_keys()},
        {"`target_options`",
         "Of a stream, or of `defaults`; inherited key by key.",
         target_option_keys()},
        {"A hook", "An entry of a list under `hooks`; see above.", hook_keys()},
        {"A hook of type `http`", "Beside the keys of every hook.", http_hook_keys()},
        {"A hook of type `query`", "Beside the keys of every hook.", query_hook_keys()},
        {"A hook of type `log`", "Beside the keys of every hook.", log_hook_keys()},
        {"A hook of type `check`", "Beside the keys of every hook.", check_hook_keys()},
        {"`daemon`", "All optional.", daemon_keys()},
        {"`daemon.credits`",
         "How much of the organisation's API credits may be spent.",
         credits_keys()},
        {"env.yaml: a Zoho connection", "Under `connections`, by its name.", zoho_keys()},
        {"`secrets` of a Zoho connection",
         "Each may be `file:/path` or `credential:NAME`.",
         zoho_secret_keys()},
        {"`inputs` of a Zoho connection", "All optional.", zoho_input_keys()},
        {"env.yaml: a PostgreSQL connection", "Either `url`, or the parts.", postgres_keys()},
        {"env.yaml: a SQLite connection", "Either `url` or `instance`.", sqlite_keys()},
    };
    for (const auto& chapter : chapters) {
        print(chapter);
    }
    return 0;
}
