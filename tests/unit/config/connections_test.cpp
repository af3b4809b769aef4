#include "daemon/config/connections.hpp"
#include "tests/unit/config/config_fixture.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace zohosyncd {
namespace {

using Texts = std::vector<std::string>;

const std::string replication =
    "source: zoho_crm\ntarget: my_postgres\nstreams: {leads: {object: crm.leads}}\n";

/// Loads with env.yaml holding a Zoho connection of these lines, each indented by four.
Loaded load_zoho(const std::string& lines, std::map<std::string, std::string> variables = {}) {
    return load({.replication = "source: Z\ntarget: sqlite:///tmp/x.db\n"
                                "streams: {leads: {object: leads}}\n",
                 .env_yaml = "connections:\n  Z:\n    type: api\n    spec: zoho_crm\n" + lines,
                 .variables = std::move(variables)});
}

const std::string secrets =
    "    secrets: {client_id: ID, client_secret: TOPSECRET, soid: ZohoCRM.1}\n";

Loaded load_inputs(const std::string& inputs) {
    return load_zoho(secrets + "    inputs: {" + inputs + "}\n");
}

/// The same with these secrets beside the three required ones.
Loaded load_secrets(const std::string& more) {
    return load_zoho("    secrets: {client_id: ID, client_secret: TOPSECRET, soid: ZohoCRM.1, " +
                     more + "}\n");
}

TEST_CASE("env.yaml gives both connections, names in any case (74)") {
    const auto loaded = load({.replication = replication});

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.config.source.client_id.reveal() == "MY_ID");
    CHECK(loaded.config.source.client_secret.reveal() == "TOPSECRET");
    CHECK(loaded.config.source.soid == "ZohoCRM.12345678");
    CHECK(loaded.config.source.accounts_url == "https://accounts.zoho.com");
    CHECK(loaded.config.source.requests_per_second == 5);
    CHECK(loaded.config.target.name == "MY_POSTGRES");
    CHECK(loaded.config.target.described == "postgres://db:5432/warehouse");
    CHECK(loaded.config.target.default_schema == "public");
    CHECK(loaded.config.target.conninfo.reveal() ==
          "host='db' port='5432' user='sling' password='PGSECRET' dbname='warehouse' "
          "sslmode='disable'");
}

TEST_CASE("env.yaml is looked for in order (75)") {
    const TempDirectory home;
    const TempDirectory sling;
    std::filesystem::create_directory(home.path() + "/.sling");
    home.write(".sling/env.yaml", "connections: {A: {type: sqlite, instance: /a}}\n");
    sling.write("env.yaml", "connections: {B: {type: sqlite, instance: /b}}\n");
    Problems problems;

    const auto first = list_connections({}, environment_in(home, {}), problems);
    const auto second =
        list_connections({}, environment_in(home, {{"SLING_HOME_DIR", sling.path()}}), problems);

    CHECK(texts(problems) == Texts{});
    REQUIRE(first.size() == 1);
    CHECK(first[0].name == "A");
    REQUIRE(second.size() == 1);
    CHECK(second[0].name == "B");
}

TEST_CASE("variables stand in env.yaml for values (74)") {
    const auto loaded = load(
        {.replication = replication,
         .env_yaml = "env: {OWN: mine, PG_HOST: not this}\nvariables: {OLD: old}\nconnections:\n"
                     "  ZOHO_CRM: {type: api, spec: ' zoho_crm ', secrets: {client_id: ${OWN}, "
                     "client_secret: $OLD, soid: ${SOID}}}\n"
                     "  MY_POSTGRES: {type: postgres, host: ${PG_HOST}, user: $USER_, password: "
                     "\"${PG_PASSWORD}\", database: d}\n",
         .variables = {
             {"PG_HOST", "real"}, {"SOID", "ZohoCRM.7"}, {"PG_PASSWORD", "a'b\\c #\"d"}}});

    CHECK(loaded.problems == Texts{});
    CHECK(loaded.config.source.client_id.reveal() == "mine");
    CHECK(loaded.config.source.client_secret.reveal() == "old");
    CHECK(loaded.config.source.soid == "ZohoCRM.7");
    CHECK(loaded.config.target.conninfo.reveal() ==
          "host='real' port='5432' user='$USER_' password='a\\'b\\\\c #\"d' dbname='d' "
          "sslmode='disable'");
}

TEST_CASE("a variable that is missing is warned about") {
    const auto loaded =
        load_postgres("type: postgres, host: h, user: u, password: '${NO}', database: d");

    CHECK(loaded.problems ==
          Texts{"warning: env.yaml:15: connections.PG.password: a variable that is not set is left "
                "as it is"});
}

TEST_CASE("environment variables hold connections (76, 77, 85)") {
    struct Case {
        const char* name;
        const char* value;
    };

    const Case cases[] = {
        {"flow YAML",
         "{ type: api, spec: zoho_crm, secrets: { client_id: \"A\", client_secret: B, soid: "
         "\"ZohoCRM.1\" } }"},
        {"JSON",
         R"({"type":"api","spec":"zoho_crm","secrets":{"client_id":"A","client_secret":"B","soid":"ZohoCRM.1"}})"},
        {"nested text",
         "{type: api, spec: zoho_crm, secrets: '{client_id: A, client_secret: B, soid: "
         "ZohoCRM.1}'}"},
        {"nested JSON text",
         R"({"type":"api","spec":"zoho_crm","secrets":"{\"client_id\":\"A\",\"client_secret\":\"B\",\"soid\":\"ZohoCRM.1\"}"})"},
        {"block YAML",
         "type: api\nspec: zoho_crm\nsecrets:\n  client_id: A\n  client_secret: B\n  soid: "
         "ZohoCRM.1\n"},
        {"base64",
         "base64:e3R5cGU6IGFwaSwgc3BlYzogem9ob19jcm0sIHNlY3JldHM6IHtjbGllbnRfaWQ6IEEsIGNsaWVudF9zZW"
         "NyZXQ6IEIsIHNvaWQ6IFpvaG9DUk0uMX19:46esab"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.name);
        const auto loaded =
            load({.replication = replication,
                  .variables = {{"zoho_crm", c.value},
                                {"MY_POSTGRES",
                                 "postgresql://u%40x:p%2Fw%27@[::1]:6432/d%20b?sslmode="
                                 "require&role=r&schema=s"}}});
        CHECK(loaded.problems == Texts{});
        CHECK(loaded.config.source.client_id.reveal() == "A");
        CHECK(loaded.config.source.client_secret.reveal() == "B");
        CHECK(loaded.config.target.conninfo.reveal() ==
              "host='::1' port='6432' user='u@x' password='p/w\\'' dbname='d b' sslmode='require'");
        CHECK(loaded.config.target.role == "r");
        CHECK(loaded.config.target.default_schema == "s");
    }
}

TEST_CASE("stronger places replace whole connections (78)") {
    const std::string body = "connections: {T: {type: sqlite, instance: /from_body}}";
    const auto target = [&](std::map<std::string, std::string> variables,
                            const std::string& dot_env) {
        return load({.replication = "source: ZOHO_CRM\ntarget: t\nstreams: {leads: {object: a}}\n",
                     .env_yaml = std::string(zoho_and_postgres) +
                                 "  T: {type: sqlite, instance: /from_file}\n",
                     .variables = std::move(variables),
                     .dot_env = dot_env})
            .config.target.path;
    };

    CHECK(target({}, "") == "/from_file");
    CHECK(target({{"ENV_YAML", body}}, "") == "/from_body");
    CHECK(target({{"SLING_ENV_YAML", body}}, "# c\nT=sqlite:///from_dot\n") == "/from_dot");
    CHECK(target({{"T", "sqlite:///from_variable"}}, "T=sqlite:///from_dot\n") == "/from_variable");
}

TEST_CASE(".env.sling has quotes, comments and values of many lines") {
    const auto loaded =
        load({.replication = "source: ZOHO_CRM\ntarget: T\nstreams: {leads: {object: a}}\n",
              .env_yaml = "connections: {T: {type: sqlite, instance: ${PLACE}}}\n",
              .dot_env = "# comment\r\n\nPLACE = /x/y.db # the file\r\n"
                         "ZOHO_CRM='{ type: api, spec: zoho_crm,\n"
                         "  secrets: { client_id: \"a#b\", client_secret: B, soid: ZohoCRM.1 } }'\n"
                         "Q=\"say \\\"x\\\"\"\nnot a pair\nexport A=b\n"});

    CHECK(loaded.problems ==
          Texts{"warning: .env.sling:7: not a line of the form KEY=VALUE; it is ignored",
                "warning: .env.sling:8: not a line of the form KEY=VALUE; it is ignored"});
    CHECK(loaded.config.target.path == "/x/y.db");
    CHECK(loaded.config.source.client_id.reveal() == "a#b");
}

TEST_CASE("missing secrets are named with their connection (80)") {
    CHECK(load_zoho("    secrets: {}\n").problems ==
          Texts{"env.yaml:5: Z.secrets.client_id: connection Z has no secret `client_id`",
                "env.yaml:5: Z.secrets.client_secret: connection Z has no secret `client_secret`",
                "env.yaml:5: Z.secrets.soid: connection Z has neither the secret `soid` nor "
                "`refresh_token`"});
    const auto refresh =
        load_zoho("    secrets: {client_id: a, client_secret: b, refresh_token: 1000.x}\n");
    CHECK(refresh.problems == Texts{});
    CHECK(refresh.config.source.refresh_token.reveal() == "1000.x");
    CHECK(
        load_zoho("    secrets: {client_id: a, client_secret: b, soid: 12345}\n").problems ==
        Texts{"warning: env.yaml:5: Z.secrets.soid: `soid` usually has the form ZohoCRM.12345678"});
    CHECK(load_zoho("    secrets: [a]\n").problems.front() ==
          "env.yaml:5: could not parse `Z.secrets`: expected a map, found a list");
}

TEST_CASE("data centres are taken as given, or by their short names (81)") {
    struct Case {
        const char* centre;
        const char* accounts;
        const char* api;
    };

    const Case cases[] = {
        {"us", "https://accounts.zoho.com", "https://www.zohoapis.com"},
        {"eu", "https://accounts.zoho.eu", "https://www.zohoapis.eu"},
        {"IN", "https://accounts.zoho.in", "https://www.zohoapis.in"},
        {"au", "https://accounts.zoho.com.au", "https://www.zohoapis.com.au"},
        {"jp", "https://accounts.zoho.jp", "https://www.zohoapis.jp"},
        {"ca", "https://accounts.zohocloud.ca", "https://www.zohoapis.ca"},
        {"cn", "https://accounts.zoho.com.cn", "https://www.zohoapis.com.cn"},
        {"sa", "https://accounts.zoho.sa", "https://www.zohoapis.sa"},
        {"uk", "https://accounts.zoho.uk", "https://www.zohoapis.uk"},
        {"ae", "https://accounts.zoho.ae", "https://www.zohoapis.ae"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.centre);
        const auto by_name = load_zoho(secrets + "    data_center: " + c.centre + "\n");
        CHECK(by_name.problems == Texts{});
        CHECK(by_name.config.source.accounts_url == c.accounts);
        CHECK(by_name.config.source.api_domain == c.api);
        const auto by_url = load_secrets("accounts_url: '" + std::string(c.accounts) +
                                         "/', api_domain: '" + c.api + "/'");
        CHECK(by_url.problems == Texts{});
        CHECK(by_url.config.source.accounts_url == c.accounts);
        CHECK(by_url.config.source.api_domain == c.api);
    }
    CHECK(load_inputs("data_center: eu, environment: sandbox").config.source.api_domain ==
          "https://sandbox.zohoapis.eu");
    CHECK(load_zoho(secrets + "    environment: developer\n").config.source.api_domain ==
          "https://developer.zohoapis.com");
}

TEST_CASE("only Zoho's hosts, loopback and listed ones are talked to") {
    struct Case {
        const char* url;
        const char* extra;
        const char* want;
    };

    const Case cases[] = {
        {"http://127.0.0.1:8080", "", ""},
        {"http://localhost:80/", "", ""},
        {"http://[::1]:8080", "", ""},
        {"https://proxy.example.com", "proxy.example.com", ""},
        {"https://proxy.example.com:8443", "'a.b, Proxy.Example.com:8443'", ""},
        {"https://WWW.ZohoAPIs.EU:443", "", "warning"},
        {"https://zohoapis.com", "", ""},
        {"http://www.zohoapis.com", "", "http:// is accepted for loopback addresses only"},
        {"http://127.0.0.1.evil.com", "", "http:// is accepted for loopback addresses only"},
        {"http://proxy.example.com", "proxy.example.com", "http:// is accepted for loopback"},
        {"https://www.zohoapis.com.evil.com", "", "is none of Zoho's hosts"},
        {"https://www.zohoapis.com:8443", "", "is none of Zoho's hosts"},
        {"https://accounts.zoho.com", "", "is none of Zoho's hosts"},
        {"https://www.zohoapis.com/crm", "", "expected https:// and a host, without a path"},
        {"https://u:TOPSECRET@www.zohoapis.com",
         "",
         "expected https:// and a host, without a path"},
        {"www.zohoapis.com", "", "expected https:// and a host, without a path"},
        {"ftp://www.zohoapis.com", "", "expected https:// and a host, without a path"},
        {"https://", "", "expected https:// and a host, without a path"},
        {"https://x.com", "https://x.com", "expected host names without scheme or path"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.url);
        const auto loaded = load_zoho(
            "    secrets: {client_id: ID, client_secret: B, soid: ZohoCRM.1, api_domain: '" +
            std::string(c.url) + "'}\n    inputs: {extra_hosts: [" + c.extra + "]}\n");
        const auto problems = loaded.all_problems();
        CHECK(problems.find(c.want) != std::string::npos);
        CHECK(problems.empty() == std::string_view(c.want).empty());
        CHECK(problems.find("TOPSECRET") == std::string::npos);
    }
    CHECK(
        load_secrets("accounts_url: 'https://accounts.zoho.ca'").problems ==
        Texts{"env.yaml:5: Z.secrets.accounts_url: accounts.zoho.ca is none of Zoho's hosts; list "
              "it in inputs.extra_hosts if it is meant (Canada's is accounts.zohocloud.ca)"});
    CHECK(load_secrets("accounts_url: 'https://accounts.zoho.eu'").problems ==
          Texts{"warning: env.yaml:5: Z.secrets.api_domain: https://accounts.zoho.eu and "
                "https://www.zohoapis.com belong to different data centres"});
}

TEST_CASE("inputs are read and judged (82, 83)") {
    const auto loaded =
        load_inputs("anchor_date: 2024-02-29, rate: 100000, concurrency: '8', scopes: [a, 'b,c']");
    CHECK(loaded.problems == Texts{});
    CHECK(loaded.config.source.anchor_date ==
          std::chrono::sys_seconds(std::chrono::sys_days{std::chrono::year{2024} / 2 / 29}));
    CHECK(loaded.config.source.requests_per_second == 100000);
    CHECK(loaded.config.source.concurrency == 8);
    CHECK(loaded.config.source.scopes == "a,b,c");
    CHECK(load_inputs("anchor_date: All").config.source.read_everything);
    CHECK(!load_inputs("").config.source.anchor_date);

    struct Case {
        const char* inputs;
        const char* want;
    };

    const Case cases[] = {
        {"anchor_date: 2024-02-30",
         "anchor_date: `anchor_date` must be a date YYYY-MM-DD or `all`"},
        {"anchor_date: 01/02/2024",
         "anchor_date: `anchor_date` must be a date YYYY-MM-DD or `all`"},
        {"rate: 0", "rate: expected a whole number from 1 to 100000"},
        {"rate: 100001", "rate: expected a whole number from 1 to 100000"},
        {"rate: 1.5", "rate: expected a whole number from 1 to 100000"},
        {"concurrency: many", "concurrency: expected a whole number from 1 to 256"},
        {"api_version: six", "api_version: expected v6"},
        {"data_center: xx", "data_center: expected one of us eu in au jp ca cn sa uk ae"},
        {"environment: prod", "environment: expected production, sandbox or developer"},
        {"scopes: {a: b}", "scopes: expected a list of strings, found a map"},
    };
    for (const auto& c : cases) {
        CAPTURE(c.inputs);
        CHECK(load_inputs(c.inputs).problems ==
              Texts{std::string("env.yaml:6: Z.inputs.") + c.want});
    }
    CHECK(load_inputs("api_version: v8").problems ==
          Texts{"warning: env.yaml:6: Z.inputs.api_version: only v6 is tested"});
    CHECK(load_inputs("ankor_date: 2024-01-01").problems ==
          Texts{"warning: env.yaml:6: Z.inputs.ankor_date: `ankor_date` is not a known key and is "
                "ignored; did you mean `anchor_date`?"});
}

TEST_CASE("other specs and types are refused (83)") {
    CHECK(load({.replication = replication,
                .variables = {{"ZOHO_CRM",
                               "{type: api, spec: stripe, secrets: {client_id: a, "
                               "client_secret: b, soid: ZohoCRM.1}}"}}})
              .problems ==
          Texts{"variable ZOHO_CRM: ZOHO_CRM.spec: only spec zoho_crm is supported"});
    CHECK(
        load({.replication = "source: BARE\ntarget: ZOHO_CRM\nstreams: {leads: {object: a.b}}\n"})
            .problems ==
        Texts{"replication.yaml:1: source: connection BARE is a database and can not be a source: "
              "name one of type api, spec zoho_crm",
              "replication.yaml:2: target: connection ZOHO_CRM is an API and can not be a "
              "target: name one of type postgres or sqlite"});
}

TEST_CASE("unknown connections are named with those that are known") {
    CHECK(load({.replication = "source: A\ntarget: B\nstreams: {leads: {object: a.b}}\n",
                .env_yaml = "connections:\n",
                .variables = {{"A", "{type: api"}}})
              .problems ==
          Texts{"replication.yaml:1: source: could not find source connection: A; no connection is "
                "defined; the variable A is set, but holds neither a URL nor a map with `type`",
                "replication.yaml:2: target: could not find target connection: B; no connection is "
                "defined"});
    Problems problems;
    CHECK(!load_zoho_connection("NO", {}, environment_in(TempDirectory(), {}), problems));
    CHECK(texts(problems) == Texts{"Invalid Connection name: NO. Make sure it is created; no "
                                   "connection is defined"});
}

TEST_CASE("secrets come from files and from systemd's credentials") {
    const TempDirectory directory;
    const auto secret = directory.write("secret", "FROM_FILE\n", 0600);
    const auto credentials = directory.path();
    directory.write("zoho_soid", "ZohoCRM.9", 0444);
    const auto connection = [&](const std::string& client_secret, const std::string& soid) {
        return load_zoho("    secrets: {client_id: ID, client_secret: '" + client_secret +
                             "', soid: '" + soid + "'}\n",
                         {{"CREDENTIALS_DIRECTORY", credentials}});
    };

    const auto loaded = connection("file:" + secret, "credential:zoho_soid");
    CHECK(loaded.problems == Texts{});
    CHECK(loaded.config.source.client_secret.reveal() == "FROM_FILE");
    CHECK(loaded.config.source.soid == "ZohoCRM.9");
    CHECK(connection("credential:../secret", "ZohoCRM.1").problems ==
          Texts{"env.yaml:5: Z.secrets.client_secret: `credential:` takes the name of a systemd "
                "credential"});
    CHECK(connection("file:/nonexistent", "ZohoCRM.1").problems ==
          Texts{"env.yaml:5: Z.secrets.client_secret: could not read /nonexistent: No such file or "
                "directory"});
    CHECK(load_secrets("refresh_token: 'credential:x'").problems ==
          Texts{"env.yaml:5: Z.secrets.refresh_token: credential:x needs $CREDENTIALS_DIRECTORY, "
                "which systemd sets for LoadCredential="});
}

TEST_CASE("a secret's file that others may read is unsafe, env.yaml only warns") {
    for (const mode_t mode : {0640, 0604, 0644}) {
        const TempDirectory directory;
        const auto secret = directory.write("secret", "FROM_FILE", mode);
        const auto loaded =
            load_postgres("type: postgres, host: h, user: u, database: d, password: "
                          "'file:" +
                          secret + "'");
        CHECK(loaded.has_unsafe_file);
        CHECK(loaded.problems == Texts{secret +
                                       ": PG.password: others may read this secret; chmod "
                                       "600 " +
                                       secret});
    }
    const TempDirectory directory;
    const auto path = directory.write("open.yaml", zoho_and_postgres, 0644);
    const auto loaded =
        load({.replication = replication, .env_yaml = "", .overrides = {.env_file = path}});
    CHECK(!loaded.has_errors);
    CHECK(loaded.problems ==
          Texts{"warning: " + path + ": every user can read this file; chmod 600 is safer"});
}

TEST_CASE("env.yaml that can not be read is an error") {
    CHECK(load({.replication = replication, .env_yaml = "", .overrides = {.env_file = "no.yaml"}})
              .problems.front() == "no.yaml: could not be read: No such file or directory");
    CHECK(load({.replication = replication, .env_yaml = "- a\n"}).problems.front() ==
          "env.yaml:1: expected a map with `connections`");
    CHECK(load({.replication = replication, .env_yaml = "connections: [a]\n"}).problems.front() ==
          "env.yaml:1: could not parse `connections`: expected a map");
    CHECK(load({.replication = replication,
                .env_yaml = std::string(zoho_and_postgres) + "conections: {}\n"})
              .problems.front() ==
          "warning: env.yaml:15: `conections` is not a known key and is ignored; did you "
          "mean `connections`?");
}

TEST_CASE("no message holds a secret, however broken the file is (84)") {
    const std::string secret = "TOPSECRET";
    const std::string cases[] = {
        "password: *TOPSECRET",
        "password: &TOPSECRET",
        "password: @TOPSECRET",
        "password: \"TOPSECRET\\q\"",
        "password: TOPSECRET: x",
        "password: [TOPSECRET",
        "password: {TOPSECRET: }",
        "password: !TOPSECRET",
        "port: TOPSECRET",
        "sslmode: TOPSECRET",
        "url: TOPSECRET",
        "url: postgres://u:TOPSECRET@@:x/%",
        "statement_timeout: TOPSECRET",
        "type: TOPSECRET",
    };
    for (const auto& c : cases) {
        CAPTURE(c);
        const auto loaded =
            load({.replication = replication,
                  .env_yaml = "connections:\n  MY_POSTGRES:\n    host: h\n    user: "
                              "u\n    database: d\n    " +
                              c + "\n"});
        CHECK(loaded.has_errors);
        CHECK(loaded.all_problems().find(secret) == std::string::npos);
    }
    for (const std::string key :
         {"anchor_date", "rate", "api_version", "data_center", "extra_hosts"}) {
        CAPTURE(key);
        const auto loaded = load_inputs(key + ": 'TOPSECRET/x'");
        CHECK(loaded.has_errors);
        CHECK(loaded.all_problems().find(secret) == std::string::npos);
    }
}

TEST_CASE("connections are listed without their secrets (84, 89)") {
    const TempDirectory directory;
    directory.write("env.yaml", zoho_and_postgres);
    directory.write(".env.sling", "DOT=sqlite:///x.db\n");
    Problems problems;

    const auto list = list_connections(
        {.env_file = "env.yaml"},
        environment_in(directory,
                       {{"URL", "postgres://u:p@h/d"}, {"MY", "{type: mysql}"}, {"PATH", "/bin"}}),
        problems);

    std::string shown;
    for (const auto& connection : list) {
        shown += connection.name + "|" + connection.type + "|" + connection.source + "\n";
    }
    CHECK(shown == "BARE|DB - PostgreSQL|sling env yaml\nDOT|DB - SQLite|sling dot-env\n"
                   "LITE|DB - SQLite|sling env yaml\nMY|not supported|env variable\n"
                   "MY_POSTGRES|DB - PostgreSQL|sling env yaml\nURL|DB - PostgreSQL|env variable\n"
                   "ZOHO_CRM|API - Spec|sling env yaml\n");
    const auto target = load_target_connection(
        "lite", {.env_file = "env.yaml"}, environment_in(directory, {}), problems);
    REQUIRE(target);
    CHECK(target->path == directory.path() + "/crm.db");
    CHECK(texts(problems) == Texts{});
}

} // namespace
} // namespace zohosyncd
