// SPDX-License-Identifier: Apache-2.0
#include "control/config_rules.h"

#include <gtest/gtest.h>

#include <string>

#include "config_fixture.h"

namespace sluice {
namespace {

using Paths = std::vector<std::string>;

std::string complaints(const std::string& text) {
  ConfigMachine machine;
  return machine.complaints(text);
}

TEST(Precedence, OfTheAgentIsFlagVariableFileDefault) {
  ConfigMachine machine;
  EXPECT_EQ(machine.load({}).config.host, "web-1");
  EXPECT_EQ(machine.load_yaml("host: from-file").config.host, "from-file");
  machine.environment.variables["SLUICE_HOST"] = "from-variable";
  EXPECT_EQ(machine.load_yaml("host: from-file").config.host, "from-variable");
  EXPECT_EQ(machine.load_yaml("host: from-file", {"-host", "from-flag"}).config.host, "from-flag");
}

TEST(Precedence, OfADestinationBeginsWithItsOwnKey) {
  ConfigMachine machine;
  const std::string file =
      "workers: 2\n"
      "destinations: {a: {endpoint: 'http://a/', workers: 9}, b: {endpoint: 'http://b/'}}\n";
  const auto workers = [&](std::vector<std::string> flags) {
    const AgentConfig config = machine.load_yaml(file, std::move(flags)).config;
    return std::pair(config.destinations.at(0).workers, config.destinations.at(1).workers);
  };
  EXPECT_EQ(workers({}), std::pair(9, 2));
  machine.environment.variables["SLUICE_WORKERS"] = "3";
  EXPECT_EQ(workers({}), std::pair(9, 3));
  EXPECT_EQ(workers({"-workers", "5"}), std::pair(9, 5));
}

TEST(Precedence, WarnsOfAFlagThatDoesNothing) {
  ConfigMachine machine;
  const ConfigOutcome outcome =
      machine.load_yaml("destinations: {a: {endpoint: 'http://a/'}}\n", {"-endpoint", "http://x/"});
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(format_problems(outcome.problems),
            "command line: warning: -endpoint has no effect: every destination of the file sets "
            "'endpoint' itself\n");
  EXPECT_EQ(outcome.config.destinations[0].endpoints.at(0), "http://a/");
}

TEST(Precedence, OfFilesIsTheirOrder) {
  ConfigMachine machine;
  machine.file("a.yaml", "host: a\nsources: {x: {paths: /x}}\n");
  machine.file("b.yaml", "host: b\nsources: {y: {paths: /y}}\n");
  const ConfigOutcome outcome = machine.load({"-c", "a.yaml", "--config=b.yaml"});
  EXPECT_EQ(outcome.config.host, "b");
  EXPECT_EQ(outcome.config.sources.size(), 2U);
  EXPECT_EQ(outcome.files, (Paths{"a.yaml", "b.yaml"}));
}

TEST(Variables, NameAFileAndEverySetting) {
  ConfigMachine machine;
  machine.file("/etc/s.yaml", "batch: 5\n");
  machine.environment.variables["SLUICE_CONFIG"] = "/etc/s.yaml";
  machine.environment.variables["SLUICE_PATHS"] = "/a/*.log,/b/*.log";
  machine.environment.variables["SLUICE_WAIT"] = "";
  const ConfigOutcome outcome = machine.load({});
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  EXPECT_EQ(outcome.config.destinations[0].batch, Lines(5));
  EXPECT_EQ(outcome.config.sources[0].paths, (Paths{"/a/*.log", "/b/*.log"}));
}

TEST(Variables, ThatAreMisspeltAreWarnings) {
  ConfigMachine machine;
  machine.environment.variables["SLUICE_BACTH"] = "5";
  machine.environment.variables["SLUICE_SERVICE_HOST"] = "10.0.0.1";
  const ConfigOutcome outcome = machine.load({});
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(format_problems(outcome.problems),
            "environment: warning: SLUICE_BACTH is not a setting; did you mean SLUICE_BATCH?\n");
}

TEST(Variables, ThatAreWrongAreErrors) {
  ConfigMachine machine;
  machine.environment.variables["SLUICE_BATCH"] = "lots";
  EXPECT_EQ(format_problems(machine.load({}).problems),
            "environment: error: 'lots' is not valid for SLUICE_BATCH: expected a number like 100 "
            "or 10k\n");
}

TEST(Rules, ConnectSourcesWithDestinationsThatExist) {
  EXPECT_EQ(complaints("sources: {a: {paths: /a, destinations: [mian]}}\n"
                       "destinations: {main: {endpoint: 'http://h/'}}\n"),
            "sluice.yaml:1:26: error: source 'a' names the unknown destination 'mian'; did you "
            "mean 'main'?\n"
            "sluice.yaml:2:16: warning: no source names destination 'main'; it will get nothing\n");
  EXPECT_NE(complaints("sources: {a: {paths: /a, destinations: [b, b]}}\n"
                       "destinations: {b: {endpoint: 'http://h/'}}\n")
                .find("names destination 'b' twice"),
            std::string::npos);
  EXPECT_NE(complaints("sources: {a: {paths: /a, destinations: []}}\n").find("is empty"),
            std::string::npos);
}

TEST(Rules, GiveEveryBlockItsOwnName) {
  EXPECT_EQ(complaints("destinations:\n"
                       "  - {name: a, endpoint: 'http://1/'}\n"
                       "  - {name: a, endpoint: 'http://2/'}\n"),
            "sluice.yaml:3:5: error: destination 'a' exists already, at sluice.yaml:2:5; give one "
            "another name\n");
}

TEST(Rules, RefuseEndpointsThatCannotWork) {
  for (const auto& [url, why] : std::vector<std::pair<std::string, std::string>>{
           {"file:///etc/passwd", "expected an http:// or https:// URL"},
           {"host:8080/ingest", "did you mean 'http://host:8080/ingest'?"},
           {"htps://host/", "did you mean 'https://'?"},
           {"http://", "expected a host"},
           {"http://:80/", "expected a host"},
           {"http://h:0/", "expected a port"},
           {"http://h:99999/", "expected a port"},
           {"http://h:8x/", "expected a port"},
           {"http://[::1/", "the ']'"},
           {"http://h/a b", "no blanks"},
           {"http://h/#x", "'#'"},
           {"/var/log", "expected an http:// or https:// URL"}}) {
    ConfigMachine machine;
    const std::string text = format_problems(machine.load({"-endpoint=" + url}).problems);
    EXPECT_NE(text.find(why), std::string::npos) << url << ": " << text;
  }
  for (const std::string url :
       {"http://h", "https://h/", "HTTP://h:1/x?y=z", "http://[::1]:8080/i"}) {
    ConfigMachine machine;
    EXPECT_TRUE(machine.load({"-endpoint", url}).ok()) << url;
  }
}

TEST(Rules, MoveUserAndPasswordOutOfTheEndpoint) {
  ConfigMachine machine;
  const ConfigOutcome outcome = machine.load({"-endpoint", "https://ann:p%40ss@h:8080/i"});
  ASSERT_TRUE(outcome.ok()) << format_problems(outcome.problems);
  EXPECT_EQ(outcome.config.destinations[0].endpoints.at(0), "https://h:8080/i");
  EXPECT_EQ(outcome.config.destinations[0].headers.at("Authorization").reveal(),
            "Basic YW5uOnBAc3M=");  // ann:p@ss
  const ConfigOutcome given =
      machine.load({"-endpoint", "https://ann:p@h/", "-headers", "authorization: Bearer x"});
  EXPECT_EQ(given.config.destinations[0].headers.size(), 1U);
}

TEST(Rules, KeepHeadersFromBecomingTwoHeaders) {
  for (const std::string header :
       {"A: x\r\nB: y", "A B: x", "Content-Length: 3", "idempotency-key: 1"}) {
    ConfigMachine machine;
    machine.environment.variables["H"] = header.substr(header.find(": ") + 2);
    const std::string yaml = "headers: {'" + header.substr(0, header.find(": ")) + "': '${H}'}\n";
    EXPECT_FALSE(machine.load_yaml(yaml).ok()) << header;
  }
}

TEST(Rules, KeepLabelsFromHidingTheFieldsOfARecord) {
  for (const std::string name : {"timestamp", "host", "path", "line", "offset", "id"})
    EXPECT_NE(complaints("labels: {" + name + ": x}\n").find("choose another"), std::string::npos);
  EXPECT_NE(complaints("labels: {'': x}\n").find("a label's name"), std::string::npos);
}

TEST(Rules, RefuseTimesAndLevelsThatContradictEachOther) {
  EXPECT_NE(complaints("retry_max_delay: 10ms\n").find("1:18: error: the longest retry pause"),
            std::string::npos);
  EXPECT_NE(complaints("connect_timeout: 1m\n").find("longer than request_timeout"),
            std::string::npos);
  EXPECT_NE(complaints("level: 15\n").find("gzip has levels 1 to 12"), std::string::npos);
  EXPECT_EQ(complaints("level: 15\ncompression: zstd\n"), "");
  EXPECT_NE(complaints("tls_cert: /c.pem\nendpoint: https://h/\n").find("tls_key is missing"),
            std::string::npos);
  EXPECT_NE(complaints("tls_ca: /c.pem\nendpoint: http://h/\n").find("which uses no TLS"),
            std::string::npos);
  EXPECT_NE(complaints("queue: 5\nbatch: 10\n").find("requests never fill"), std::string::npos);
}

TEST(Rules, RefuseMemoryThatCannotHoldTheBodies) {
  EXPECT_EQ(
      complaints("memory: 8MiB\nbatch_bytes: 4MiB\nworkers: 4\n"),
      "sluice.yaml:1:9: error: memory (8MiB) is too small: the workers' bodies and the longest "
      "line need 18MiB; raise memory, or lower workers, batch_bytes or max_line\n");
  EXPECT_EQ(complaints("memory: 32MiB\nbatch_bytes: 4MiB\nworkers: 4\n"), "");
}

TEST(Rules, AskTheMemoryPlanAndTheLanguageOfPatterns) {
  ConfigMachine machine;
  machine.rules.memory = [](const AgentConfig& config) {
    return config.memory < Bytes(32 << 20) ? std::optional<std::string>("the plan needs 32MiB")
                                           : std::nullopt;
  };
  machine.rules.pattern = [](const std::string& pattern) {
    return pattern.find('[') != std::string::npos ? std::optional<std::string>("']' is missing")
                                                  : std::nullopt;
  };
  EXPECT_EQ(machine.complaints("memory: 16MiB\npaths: '/a/[x'\n"),
            "sluice.yaml:1:9: error: the plan needs 32MiB\n"
            "sluice.yaml:2:8: error: '/a/[x' is not a valid pattern for 'paths': ']' is missing\n");
}

TEST(Paths, BecomeAbsolute) {
  ConfigMachine machine;
  const ConfigOutcome outcome = machine.load(
      {"-paths", "./logs/*.log,~/x.log,/abs", "-exclude", "*.gz,old/**", "-state", "st"});
  EXPECT_EQ(outcome.config.sources[0].paths,
            (Paths{"/srv/app/logs/*.log", "/home/ann/x.log", "/abs"}));
  EXPECT_EQ(outcome.config.sources[0].exclude, (Paths{"*.gz", "/srv/app/old/**"}));
  EXPECT_EQ(outcome.config.state_dir, "/srv/app/st");
  machine.environment.working_directory = "/srv/[a]";
  EXPECT_EQ(machine.load({"-paths", "x"}).config.sources[0].paths, Paths{"/srv/\\[a\\]/x"});
}

TEST(StateDirectory, DependsOnTheUser) {
  ConfigMachine machine;
  machine.environment.variables["XDG_STATE_HOME"] = "/state";
  EXPECT_EQ(machine.load({}).config.state_dir, "/state/sluice");
  machine.environment.is_root = true;
  EXPECT_EQ(machine.load({}).config.state_dir, "/var/lib/sluice");
  machine.environment.is_root = false;
  machine.environment.variables.clear();
  EXPECT_NE(format_problems(machine.load({}).problems).find("-state DIR"), std::string::npos);
  EXPECT_TRUE(machine.load({"-state", "/x"}).ok());
}

TEST(CredentialRules, ASecretKnowsTheFilesThatItCameFrom) {
  ConfigMachine machine;
  machine.file("/run/token", "tok\n");
  const AgentConfig config =
      machine
          .load_yaml(
              "destinations: {a: {bearer: '${file:/run/token}'}, b: {headers: {X-Key: "
              "'id:${file:/run/token}!'}}, c: {bearer: plain}}\n",
              {"-sign-key", "${file:/run/token}"})
          .config;
  using Pieces = std::vector<SecretPiece>;
  ASSERT_EQ(config.destinations.size(), 3u);
  const Authentication& first = config.destinations[0].auth;
  EXPECT_EQ(first.bearer.reveal(), "tok");
  EXPECT_EQ(first.bearer.pieces(), (Pieces{{true, "/run/token"}}));
  EXPECT_EQ(first.sign_key.reveal(), "tok") << "flags may name files, too";
  EXPECT_EQ(first.sign_key.pieces().size(), 1u);
  const Secret& key = config.destinations[1].headers.at("X-Key");
  EXPECT_EQ(key.reveal(), "id:tok!");
  EXPECT_EQ(key.pieces(), (Pieces{{false, "id:"}, {true, "/run/token"}, {false, "!"}}));
  EXPECT_TRUE(config.destinations[2].auth.bearer.pieces().empty());
}

TEST(CredentialRules, OneRequestHasOneAuthorization) {
  for (const char* two :
       {"bearer: abc\nusername: ann\n", "bearer: abc\nheaders: {authorization: x}\n",
        "username: ann\nendpoint: http://a:b@c/\n"}) {
    EXPECT_NE(complaints(two).find("keep one"), std::string::npos) << two;
  }
  EXPECT_EQ(complaints("username: ann\npassword: abc\n"), "");
  EXPECT_EQ(complaints("username: ann\n"), "");
  EXPECT_NE(complaints("password: abc\n").find("no username"), std::string::npos);
}

TEST(CredentialRules, NoProblemShowsASecret) {
  ConfigMachine machine;
  machine.file("/run/token", "s3cret\nline\n");
  for (const char* text : {"bearer: '${file:/run/token}'\n", "bearer: [s3cret]\n",
                           "sign_key: \"s3cret\\x01\"\n", "password: s3cret\n"}) {
    const std::string said = machine.complaints(text);
    EXPECT_FALSE(said.empty()) << text;
    EXPECT_EQ(said.find("s3cret"), std::string::npos) << said;
  }
}

TEST(TlsRules, PinsAndNamesAreLookedAt) {
  const std::string pin = "sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
  const std::string https = "endpoint: https://a/\n";
  EXPECT_EQ(complaints(https + "tls_pin: " + pin + "\n"), "");
  EXPECT_EQ(complaints(https + "tls_pin: '" + pin + ";" + pin + "'\n"), "");
  for (const std::string& bad : {std::string("sha1//abc"), pin.substr(0, 40), pin + ";x"}) {
    EXPECT_NE(complaints(https + "tls_pin: '" + bad + "'\n").find("44 letters"), std::string::npos);
  }
  EXPECT_EQ(complaints(https + "tls_server_name: logs.example.net\n"), "");
  EXPECT_NE(complaints(https + "tls_server_name: 'a:443'\n").find("without scheme"),
            std::string::npos);
  EXPECT_NE(complaints("endpoint: http://a/\ntls_pin: " + pin + "\n").find("did you mean https"),
            std::string::npos);
}

}  // namespace
}  // namespace sluice
