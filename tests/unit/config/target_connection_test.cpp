#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Texts = std::vector<std::string>;

const std::string replication =
    "source: zoho_crm\ntarget: my_postgres\nstreams: {leads: {object: crm.leads}}\n";

TEST_CASE("PostgreSQL's keys become a conninfo string (79)") {
    struct Case {
        const char* name;
        const char* properties;
        const char* want;
    };

    const Case cases[] = {
        {"aliases",
         "type: postgresql, host: h, username: u, dbname: d, port: '6432'",
         "host='h' port='6432' user='u' dbname='d' sslmode='disable'"},
        {"certificates",
         "type: postgres, host: h, user: u, database: d, sslmode: verify-full, cert_file: /c, "
         "cert_key_file: /k, cert_ca_file: /a",
         "host='h' port='5432' user='u' dbname='d' sslmode='verify-full' sslcert='/c' sslkey='/k' "
         "sslrootcert='/a'"},
        {"properties win over the URL",
         "url: 'postgres://u:p@h/d?sslmode=prefer&connect_timeout=3', host: other, user: ''",
         "host='other' port='5432' user='u' password='p' dbname='d' sslmode='prefer' "
         "connect_timeout='3'"},
        {"a socket",
         "url: 'postgresql:///d?host=/run/pg'",
         "host='/run/pg' port='5432' dbname='d' sslmode='disable'"},
        {"a timeout",
         "type: postgres, host: h, user: u, database: d, statement_timeout: 30s, max_conns: 3",
         "host='h' port='5432' user='u' dbname='d' sslmode='disable' options='-c "
         "statement_timeout=30s'"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        const auto loaded = load_postgres(c.properties);
        CHECK(loaded.problems == Texts{});
        CHECK(loaded.config.target.conninfo.reveal() == c.want);
    }
}

TEST_CASE("mistakes in PostgreSQL's keys are named") {
    struct Case {
        const char* properties;
        Texts want;
    };

    const Case cases[] = {
        {"type: postgres",
         {"host: Property value not provided: host",
          "user: Property value not provided: user",
          "database: Property value not provided: database"}},
        {"type: postgres, host: h, user: u, database: d, port: 0",
         {"port: expected a port from 1 to 65535"}},
        {"type: postgres, host: h, user: u, database: d, sslmode: always",
         {"sslmode: expected disable, allow, prefer, require, verify-ca or verify-full"}},
        {"type: postgres, host: h, user: u, database: d, ssh_tunnel: 'ssh://x'",
         {"ssh_tunnel: `ssh_tunnel` is not supported by this version"}},
        {"type: postgres, host: h, user: u, database: d, use_adbc: false, gcp_project: x",
         {"gcp_project: `gcp_project` is not supported by this version"}},
        {"type: postgres, host: h, user: u, database: d, statement_timeout: soon",
         {"statement_timeout: expected milliseconds, or such as 30s or 5min"}},
        {"url: 'postgres://u:PGSECRET/x@h/d'",
         {"url: the URL could not be read; special characters in user and password must be "
          "percent-encoded"}},
        {"url: 'postgres://u:12/x@h/d'",
         {"url: the URL could not be read; special characters in user and password must be "
          "percent-encoded"}},
        {"url: 'postgres://u:a#PGSECRET@h/d'",
         {"url: the URL could not be read; special characters in user and password must be "
          "percent-encoded"}},
        {"url: 'postgres://u:PG%ZZSECRET@h/d'",
         {"url: the URL could not be read; special characters in user and password must be "
          "percent-encoded"}},
        {"url: 'mysql://u:PGSECRET@h/d'", {}},
    };
    for (const auto& c : cases) {
        CAPTURE(c.properties);
        const auto loaded = load_postgres(c.properties);
        Texts want;
        for (const auto& text : c.want) {
            want.push_back("env.yaml:15: PG." + text);
        }
        if (want.empty()) {
            want.emplace_back("env.yaml:15: PG: connection PG can not be a target: expected type "
                              "postgres or sqlite");
        }
        CHECK(loaded.problems == want);
        CHECK(loaded.all_problems().find("SECRET") == std::string::npos);
    }
}

TEST_CASE("SQLite is a file") {
    const TempDirectory directory;
    const auto target = [&](const std::string& properties) {
        return load_in(
            directory,
            {.replication = "source: ZOHO_CRM\ntarget: T\nstreams: {leads: {object: a}}\n",
             .env_yaml = std::string(zoho_and_postgres) + "  T: {" + properties + "}\n"});
    };

    CHECK(target("type: sqlite, instance: data/x.db").config.target.path ==
          directory.path() + "/data/x.db");
    CHECK(target("url: 'sqlite:///abs/x.db'").config.target.path == "/abs/x.db");
    CHECK(target("url: 'sqlite://rel/x.db'").config.target.path == directory.path() + "/rel/x.db");
    CHECK(
        target("url: 'sqlite://./x.db?busy_timeout=10', schema: main").config.target.busy_timeout ==
        std::chrono::milliseconds(10));
    CHECK(target("type: sqlite").problems ==
          Texts{"env.yaml:15: T.instance: Property value not provided: instance"});
    CHECK(target("type: sqlite, instance: ':memory:'").has_errors);
    CHECK(target("type: sqlite, instance: x, schema: other").problems ==
          Texts{"env.yaml:15: T.schema: SQLite only knows the schema main"});
    CHECK(target("type: sqlite, instance: x, busy_timeout: long").problems ==
          Texts{"env.yaml:15: T.busy_timeout: expected milliseconds, 600000 at most"});
}

TEST_CASE("--target takes a URL or a name") {
    const auto url = load({.replication = "source: ZOHO_CRM\nstreams: {leads: {object: a.b}}\n",
                           .overrides = {.target = "postgres://u:PGSECRET@h:1/d"}});
    CHECK(url.problems == Texts{});
    CHECK(url.config.target.described == "postgres://h:1/d");
    CHECK(load({.replication = replication, .overrides = {.target = "lite"}}).config.target.kind ==
          TargetKind::sqlite);
    CHECK(load({.replication = replication, .overrides = {.target = "mysql://u:PGSECRET@h"}})
              .problems == Texts{"--target: expected a name, postgres://… or sqlite://…"});
    CHECK(load({.replication = "source: postgres://u:PGSECRET@h/d\ntarget: LITE\n"
                               "streams: {leads: {object: a}}\n"})
              .problems ==
          Texts{"replication.yaml:1: source: expected the name of a connection of type api, spec "
                "zoho_crm"});
}

TEST_CASE("SQLite's only schema is main, and leaves no trace in the table's name") {
    const auto loaded =
        load({.replication = "source: ZOHO_CRM\ntarget: LITE\nstreams: {leads: {object: "
                             "'{target_schema}.{stream_name}', source_options: {limit: 0}}}\n"});

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.stream("leads").target == TableName{"", "leads"});
    CHECK(!loaded.stream("leads").limit);
}

} // namespace
} // namespace zohosyncd
