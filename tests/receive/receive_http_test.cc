// SPDX-License-Identifier: Apache-2.0
// receive_http_test.cc — a real receiver process, real curl and nghttp, real files.
#include <sys/stat.h>

#include "receive/generate.h"
#include "receiver_fixture.h"

namespace sluice {
namespace {

TEST_F(ReceiverTest, StoresLinesOfEveryEncodingAndProtocol) {
  start({"--out", directory_ / "out"});
  const std::string body = body_file({"one", "two \\\"q\\\" \\u00e9"});
  run_command("gzip -k " + body);
  run_command("zstd -q " + body);
  const std::string json = "-H 'Content-Type: application/json' ";
  const std::string gzip = json + "-H 'Content-Encoding: gzip' --data-binary @" + body + ".gz";
  const std::string zstd = json + "-H 'Content-Encoding: zstd' --data-binary @" + body + ".zst";
  EXPECT_EQ(curl(json_post(body)).output, "{\"lines\":2}\n[200 1.1]");
  EXPECT_EQ(curl(gzip).output, "{\"lines\":2}\n[200 1.1]");
  EXPECT_EQ(curl("--http2-prior-knowledge " + gzip).output, "{\"lines\":2}\n[200 2]");
  EXPECT_EQ(curl("--http2-prior-knowledge " + zstd).output, "{\"lines\":2}\n[200 2]");
  EXPECT_EQ(curl("--http2 " + zstd).output, "{\"lines\":2}\n[200 2]");  // by Upgrade: h2c
  EXPECT_EQ(curl("-H 'Transfer-Encoding: chunked' " + gzip).output, "{\"lines\":2}\n[200 1.1]");
  std::string expected;
  for (int i = 0; i < 6; ++i) expected += "one\ntwo \"q\" \u00e9\n";
  EXPECT_EQ(stored(), expected);
  EXPECT_EQ(stop(), 0);
  EXPECT_NE(stderr_text().find("12 lines"), std::string::npos) << stderr_text();
}

TEST_F(ReceiverTest, TakesNdjsonOnAnyPathAndPrintsLines) {
  start({"--stdout"});
  write_file(
      directory_ / "nd",
      "{\"timestamp\":\"2026-11-22T17:00:00Z\",\"host\":\"h\",\"path\":\"p\",\"line\":\"x\"}\n"
      "{\"timestamp\":\"2026-11-22T17:00:00Z\",\"host\":\"h\",\"path\":\"p\",\"line\":\"y\"}\n");
  const std::string post =
      "curl -sS -H 'Content-Type: application/x-ndjson' --data-binary @" + (directory_ / "nd");
  EXPECT_EQ(run_command(post + fmt::format(" http://127.0.0.1:{}/some/where?a=b", port_)).output,
            "{\"lines\":2}\n");
  EXPECT_EQ(stop(), 0);
  EXPECT_EQ(file_content(directory_ / "stdout"), "x\ny\n");
}

TEST_F(ReceiverTest, SpeaksHttp2OverTlsByAlpnAndHttp1Too) {
  const std::string cert = directory_ / "cert.pem", key = directory_ / "key.pem";
  ASSERT_EQ(run_command("openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=localhost -days 2 "
                        "-addext subjectAltName=IP:127.0.0.1 -keyout " +
                        key + " -out " + cert)
                .code,
            0);
  start({"--out", directory_ / "out", "-cert", cert, "-key", key});
  const std::string post = "--cacert " + cert + " " + json_post(body_file({"secret"}));
  EXPECT_EQ(curl("--http2 " + post, "https").output, "{\"lines\":1}\n[200 2]");
  EXPECT_EQ(curl("--http1.1 " + post, "https").output, "{\"lines\":1}\n[200 1.1]");
  EXPECT_EQ(curl("--http2 --tls-max 1.2 " + post, "https").output, "{\"lines\":1}\n[200 2]");
  EXPECT_EQ(stored(), "secret\nsecret\nsecret\n");
  EXPECT_NE(stderr_text().find("https://127.0.0.1:"), std::string::npos);
  EXPECT_EQ(stop(), 0);
}

TEST_F(ReceiverTest, TakesLargeBodiesOverHttp2InOneWindow) {
  start({});
  const std::string body = body_file(std::vector<std::string>(40'000, std::string(200, 'x')));
  ASSERT_GT(std::filesystem::file_size(body), 8u << 20);
  const CommandResult sent = run_command(
      fmt::format("nghttp -v --no-dep -H 'content-type: application/json' -d {} {}", body, url()));
  EXPECT_NE(sent.output.find(":status: 200"), std::string::npos);
  EXPECT_NE(sent.output.find("SETTINGS_INITIAL_WINDOW_SIZE(0x04):16777216"), std::string::npos);
  EXPECT_NE(sent.output.find("window_size_increment=16728065"), std::string::npos);
  EXPECT_EQ(stat("lines"), 40'000u);
}

TEST_F(ReceiverTest, AnswersExpectContinue) {
  start({});
  const std::string body = body_file(std::vector<std::string>(20'000, std::string(100, 'x')));
  const CommandResult sent = curl("-v -H 'Expect: 100-continue' " + json_post(body));
  EXPECT_NE(sent.output.find("100 Continue"), std::string::npos);
  EXPECT_NE(sent.output.find("{\"lines\":20000}"), std::string::npos) << sent.output;
}

TEST_F(ReceiverTest, RefusesBadBodiesWithAReasonAndStoresNothing) {
  start({"--out", directory_ / "out", "--max-body", "100KB", "--max-decoded", "1MiB"});
  write_file(directory_ / "missing", "[{\"timestamp\":\"2026-11-22T17:00:00Z\"}]");
  EXPECT_EQ(curl(json_post(directory_ / "missing")).output,
            "{\"error\":\"element 0 has no \\\"host\\\"\"}\n[400 1.1]");
  const std::string good = body_file({"x"});
  EXPECT_EQ(curl("-H 'Content-Encoding: gzip' " + json_post(good)).output,
            "{\"error\":\"the body is not valid gzip\"}\n[400 1.1]");
  EXPECT_NE(curl("-H 'Content-Encoding: br' " + json_post(good)).output.find("[415 1.1]"),
            std::string::npos);
  write_file(directory_ / "large", std::string(150'000, ' '));
  const CommandResult large = curl(json_post(directory_ / "large"));
  EXPECT_NE(large.output.find("--max-body"), std::string::npos) << large.output;
  EXPECT_NE(large.output.find("[413 1.1]"), std::string::npos) << large.output;
  write_file(directory_ / "bomb", std::string(5'000'000, ' '));
  run_command("gzip " + (directory_ / "bomb"));
  const CommandResult bomb =
      curl("-H 'Content-Encoding: gzip' " + json_post(directory_ / "bomb.gz"));
  EXPECT_NE(bomb.output.find("--max-decoded"), std::string::npos) << bomb.output;
  EXPECT_NE(bomb.output.find("[413 1.1]"), std::string::npos) << bomb.output;
  EXPECT_NE(curl("-X PUT -d x").output.find("[405 1.1]"), std::string::npos);
  EXPECT_NE(curl("").output.find("[404 1.1]"), std::string::npos);
  EXPECT_EQ(stat("bad_bodies"), 5u);
  EXPECT_EQ(stat("lines"), 0u);
  EXPECT_EQ(run_command("find " + (directory_ / "out") + " -type f").output, "");
}

TEST_F(ReceiverTest, NoNameEscapesTheDirectory) {
  start({"--out", directory_ / "out"});
  curl(json_post(body_file({"x"}, "a", "../..", "../../etc/passwd")));
  curl(json_post(body_file({"y"}, "b", "", "")));
  curl(json_post(body_file({"z"}, "c", "..", "..")));
  EXPECT_EQ(stat("lines"), 3u);
  EXPECT_EQ(file_content(directory_ / "out/%2E.~../%2E.~..~etc~passwd"), "x\n");
  EXPECT_EQ(file_content(directory_ / "out/%/%"), "y\n");
  EXPECT_EQ(file_content(directory_ / "out/%2E./%2E."), "z\n");
}

TEST_F(ReceiverTest, StoresARepeatedRequestOnceEvenAfterARestart) {
  const std::vector<std::string> words = {"--out", directory_ / "out", "--dedupe", "--fsync"};
  const std::string post = "-H 'Idempotency-Key: batch-1' " + json_post(body_file({"once"}));
  start(words);
  EXPECT_EQ(curl(post).output, "{\"lines\":1}\n[200 1.1]");
  EXPECT_EQ(curl(post).output, "{\"lines\":0,\"duplicate\":true}\n[200 1.1]");
  EXPECT_EQ(stop(SIGKILL), 128 + SIGKILL);
  start(words);
  EXPECT_EQ(curl("--http2-prior-knowledge " + post).output,
            "{\"lines\":0,\"duplicate\":true}\n[200 2]");
  EXPECT_EQ(curl("-H 'Idempotency-Key: batch-2' " + json_post(body_file({"twice"}))).output,
            "{\"lines\":1}\n[200 1.1]");
  EXPECT_EQ(stat("duplicates"), 1u);
  EXPECT_EQ(stored(), "once\ntwice\n");
}

TEST_F(ReceiverTest, ARefusedRequestDoesNotUseUpItsKey) {
  start({"--out", directory_ / "out", "--dedupe"});
  write_file(directory_ / "bad", "[7]");
  EXPECT_NE(curl("-H 'Idempotency-Key: k' " + json_post(directory_ / "bad")).output.find("[400"),
            std::string::npos);
  EXPECT_EQ(curl("-H 'Idempotency-Key: k' " + json_post(body_file({"good"}))).output,
            "{\"lines\":1}\n[200 1.1]");
}

TEST_F(ReceiverTest, ADiskThatRefusesGetsA500AndLeavesNothing) {
  start({"--out", directory_ / "out"});
  // A directory stands where the second file should be: the first must not keep its line.
  std::filesystem::create_directories(directory_ / "out/h1/~blocked");
  write_file(
      directory_ / "mixed",
      R"([{"timestamp":"2026-11-22T17:00:00Z","host":"h1","path":"/var/log/a.log","line":"a"},)"
      R"({"timestamp":"2026-11-22T17:00:00Z","host":"h1","path":"/blocked","line":"b"}])");
  const CommandResult refused = curl(json_post(directory_ / "mixed"));
  EXPECT_NE(refused.output.find("[500 1.1]"), std::string::npos) << refused.output;
  EXPECT_NE(refused.output.find("Is a directory"), std::string::npos) << refused.output;
  EXPECT_EQ(stored(), "");
  EXPECT_EQ(stat("store_failures"), 1u);
  EXPECT_EQ(curl(json_post(body_file({"next"}))).output, "{\"lines\":1}\n[200 1.1]");
}

TEST_F(ReceiverTest, CountsRawBodiesWithoutReadingThem) {
  start({"--count", "--raw"});
  write_file(directory_ / "body", "not JSON at all");
  EXPECT_EQ(curl("--data-binary @" + (directory_ / "body")).output, "{\"lines\":0}\n[200 1.1]");
  EXPECT_EQ(stat("bytes_wire"), 15u);
}

TEST_F(ReceiverTest, APortInUseIsNamedWithARemedy) {
  start({});
  const std::string port = std::to_string(port_);
  ChildProcess second(receive_main, {"-listen", "127.0.0.1:" + port}, directory_ / "out2",
                      directory_ / "err2");
  EXPECT_EQ(second.wait(), 1);
  const std::string message = file_content(directory_ / "err2");
  EXPECT_NE(message.find("port " + port + " on 127.0.0.1 is already in use"), std::string::npos)
      << message;
  EXPECT_NE(message.find("--listen 127.0.0.1:"), std::string::npos) << message;
}

TEST_F(ReceiverTest, BadFlagsExitWith78AndNameWhatWasExpected) {
  const auto complaint = [&](std::vector<std::string> words) {
    ChildProcess child(receive_main, std::move(words), directory_ / "o", directory_ / "e");
    const int code = child.wait();
    return fmt::format("{} {}{}", code, file_content(directory_ / "o"),
                       file_content(directory_ / "e"));
  };
  EXPECT_NE(complaint({"--listen", "nowhere"}).find("78 --listen: \"nowhere\" is not HOST:PORT"),
            std::string::npos);
  EXPECT_NE(complaint({"--fault", "status=9:0.1"}).find("status needs a number"),
            std::string::npos);
  EXPECT_NE(complaint({"--out", "x", "--stdout"}).find("choose one of"), std::string::npos);
  EXPECT_NE(complaint({"--key", "x"}).find("both --cert and --key"), std::string::npos);
  EXPECT_NE(complaint({"--max-body", "many"}).find("for example 64MiB"), std::string::npos);
  EXPECT_EQ(complaint({"--unknown"}).substr(0, 3), "78 ");
  EXPECT_EQ(complaint({"--help"}).substr(0, 2), "0 ");
  EXPECT_NE(complaint({"-help"}).find("Examples:"), std::string::npos);
  EXPECT_NE(complaint({"--cert", "/none", "--key", "/none"}).find("1 sluice receive: cannot use"),
            std::string::npos);
}

TEST_F(ReceiverTest, VerifiesGeneratedLinesAndFailsWhenOneIsMissing) {
  const std::string logs = directory_ / "logs", ledger = directory_ / "logs/ledger.json";
  ChildProcess generator(generate_main, {"-out", logs, "-shape", "short", "-lines", "50"},
                         directory_ / "o", directory_ / "e");
  ASSERT_EQ(generator.wait(), 0);
  std::vector<std::string> lines;
  std::istringstream written(file_content(logs + "/stream-0000.log"));
  for (std::string line; std::getline(written, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 50u);
  const std::vector<std::string> words = {"--verify",          "--ledger", ledger,
                                          "--expect-complete", "--report", directory_ / "r.json"};
  start(words);
  curl(json_post(body_file(lines)));
  curl(json_post(body_file({lines[3]})));
  EXPECT_NE(run_command(fmt::format("curl -sS http://127.0.0.1:{}/verify", port_))
                .output.find("\"complete\":true"),
            std::string::npos);
  EXPECT_EQ(stop(), 0);
  EXPECT_NE(stderr_text().find("51 arrived, 50 unique, 1 duplicate, 0 damaged"), std::string::npos)
      << stderr_text();
  start(words);
  lines.pop_back();
  curl(json_post(body_file(lines)));
  EXPECT_EQ(stop(), 1);
  EXPECT_NE(file_content(directory_ / "r.json").find("\"missing_first\":[49]"), std::string::npos);
}

TEST_F(ReceiverTest, AReportSpansAKilledReceiverAndIgnoresTheLineItTore) {
  const std::string logs = directory_ / "logs", ledger = directory_ / "logs/ledger.json";
  ChildProcess generator(generate_main, {"-out", logs, "-shape", "short", "-lines", "50"},
                         directory_ / "o", directory_ / "e");
  ASSERT_EQ(generator.wait(), 0);
  std::vector<std::string> lines;
  std::istringstream written(file_content(logs + "/stream-0000.log"));
  for (std::string line; std::getline(written, line);) lines.push_back(line);
  const std::vector<std::string> words = {"--verify",          "--ledger", ledger,
                                          "--expect-complete", "--out",    directory_ / "out"};
  start(words);
  curl(json_post(body_file({lines.begin(), lines.begin() + 20})));
  EXPECT_EQ(stop(SIGKILL), 128 + SIGKILL);
  const std::string file = directory_ / "out/h1/~var~log~a.log";
  write_file(file, file_content(file) + lines[20].substr(0, 10));
  start(words);
  curl(json_post(body_file({lines.begin() + 20, lines.end()})));
  EXPECT_EQ(stop(), 0) << stderr_text();
  EXPECT_NE(stderr_text().find("50 arrived, 50 unique, 0 duplicate, 0 damaged"), std::string::npos)
      << stderr_text();
  EXPECT_EQ(stored(), file_content(logs + "/stream-0000.log"));
}

}  // namespace
}  // namespace sluice
