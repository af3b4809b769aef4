#pragma once

#include "daemon/config/config.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// So that a failed check shows the texts.
template <> struct doctest::StringMaker<std::vector<std::string>> {
    static String convert(const std::vector<std::string>& texts) {
        std::string all;
        for (const auto& text : texts) {
            all += "\n    " + text;
        }
        return all.c_str();
    }
};

namespace zohosyncd {

/// A directory of its own that vanishes with the object.
class TempDirectory {
public:
    TempDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "config-XXXXXX").string();
        if (::mkdtemp(pattern.data()) == nullptr) {
            throw std::runtime_error("mkdtemp");
        }
        path_ = pattern;
    }

    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;

    ~TempDirectory() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }

    [[nodiscard]] const std::string& path() const { return path_; }

    std::string write(const std::string& name, std::string_view text, mode_t mode = 0600) const {
        const std::string file = path_ + "/" + name;
        std::ofstream(file, std::ios::binary) << text;
        ::chmod(file.c_str(), mode);
        return file;
    }

private:
    std::string path_;
};

inline constexpr std::string_view zoho_and_postgres = R"(connections:
  ZOHO_CRM:
    type: api
    spec: zoho_crm
    secrets: { client_id: MY_ID, client_secret: TOPSECRET, soid: ZohoCRM.12345678 }
  MY_POSTGRES:
    type: postgres
    host: db
    user: sling
    password: PGSECRET
    database: warehouse
    schema: public
  BARE: { type: postgres, host: h, user: u, database: d }
  LITE: { type: sqlite, instance: crm.db }
)";

/// What a test hands in: two files, variables and flags.
struct Input {
    std::string replication = {};
    std::string env_yaml = std::string(zoho_and_postgres);
    std::map<std::string, std::string> variables = {};
    ConfigOverrides overrides = {};
    std::string dot_env = {};
};

struct Loaded {
    Config config;
    std::vector<std::string> problems; ///< Warnings begin with "warning: ".
    bool has_errors = false;
    bool has_unsafe_file = false;

    [[nodiscard]] const StreamConfig& stream(std::string_view name) const {
        for (const auto& stream : config.streams) {
            if (stream.endpoint.stream == name) {
                return stream;
            }
        }
        throw std::runtime_error("no stream " + std::string(name));
    }

    [[nodiscard]] std::string names() const {
        std::string text;
        for (const auto& stream : config.streams) {
            text += (text.empty() ? "" : " ") + stream.endpoint.stream;
        }
        return text;
    }

    [[nodiscard]] std::string all_problems() const {
        std::string text;
        for (const auto& problem : problems) {
            text += problem + "\n";
        }
        return text;
    }
};

inline std::vector<std::string> texts(const Problems& problems) {
    std::vector<std::string> result;
    for (const auto& problem : problems.all()) {
        const bool is_warning = problem.level == Problem::Level::warning;
        result.push_back((is_warning ? "warning: " : "") + problem.text());
    }
    return result;
}

inline Environment environment_in(const TempDirectory& directory,
                                  std::map<std::string, std::string> variables) {
    Environment environment;
    environment.variables = std::move(variables);
    environment.variables.emplace("HOME", directory.path());
    environment.working_directory = directory.path();
    // The middle of a month and of a day: the same date in every time zone.
    environment.now =
        std::chrono::sys_days{std::chrono::year{2026} / 11 / 15} + std::chrono::hours(12);
    return environment;
}

inline Loaded load_in(const TempDirectory& directory, const Input& input) {
    directory.write("replication.yaml", input.replication);
    if (!input.dot_env.empty()) {
        directory.write(".env.sling", input.dot_env);
    }
    ConfigOverrides overrides = input.overrides;
    if (!input.env_yaml.empty()) {
        directory.write("env.yaml", input.env_yaml);
        overrides.env_file = "env.yaml";
    }
    Problems problems;
    Loaded loaded;
    loaded.config = load_config(overrides, environment_in(directory, input.variables), problems);
    loaded.problems = texts(problems);
    loaded.has_errors = problems.has_errors();
    loaded.has_unsafe_file = problems.has_unsafe_file();
    return loaded;
}

inline Loaded load(const Input& input) {
    return load_in(TempDirectory(), input);
}

/// A file with that `streams` block (and whatever else) over the usual head.
inline Loaded load_streams(const std::string& rest, ConfigOverrides overrides = {}) {
    return load({.replication = "source: ZOHO_CRM\ntarget: MY_POSTGRES\n" + rest,
                 .overrides = std::move(overrides)});
}

/// A target connection PG with these properties, in line 15 of env.yaml.
inline Loaded load_postgres(const std::string& properties) {
    return load(
        {.replication = "source: ZOHO_CRM\ntarget: PG\nstreams: {leads: {object: crm.leads}}\n",
         .env_yaml = std::string(zoho_and_postgres) + "  PG: {" + properties + "}\n"});
}

} // namespace zohosyncd
