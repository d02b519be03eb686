// SPDX-License-Identifier: Apache-2.0
// receiver_fixture.h — a test with a real receiver process, and curl to talk to it.
#pragma once

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <simdjson.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "child_process.h"
#include "receive/receive.h"
#include "temporary_directory.h"

namespace sluice {

class ReceiverTest : public ::testing::Test {
 protected:
  void start(std::vector<std::string> words) {
    const std::string port_file = directory_ / "port";
    std::filesystem::remove(port_file);
    std::filesystem::remove(directory_ / "stderr");
    for (const char* word : {"--listen", "127.0.0.1:0", "--port-file"}) words.push_back(word);
    words.push_back(port_file);
    receiver_ = std::make_unique<ChildProcess>(receive_main, words, directory_ / "stdout",
                                               directory_ / "stderr");
    ASSERT_TRUE(eventually([&] {
      return file_content(directory_ / "stderr").find("listening on ") != std::string::npos;
    })) << file_content(directory_ / "stderr");
    port_ = std::stoi(file_content(port_file));
  }

  int stop(int number = SIGTERM) {
    receiver_->signal(number);
    return receiver_->wait();
  }

  std::string url(const char* scheme = "http") const {
    return fmt::format("{}://127.0.0.1:{}/ingest", scheme, port_);
  }

  // A curl command; the output ends with the status in brackets.
  CommandResult curl(const std::string& arguments, const char* scheme = "http") const {
    return run_command(fmt::format("curl -sS -m 20 -w '[%{{http_code}} %{{http_version}}]' {} {}",
                                   arguments, url(scheme)));
  }

  std::string body_file(const std::vector<std::string>& lines, const std::string& name = "body",
                        const std::string& host = "h1",
                        const std::string& path = "/var/log/a.log") {
    std::string body = "[";
    for (const std::string& line : lines) {
      body += fmt::format(
          R"({}{{"timestamp":"2026-11-22T17:00:00.5Z","host":"{}","path":"{}","line":"{}"}})",
          body.size() == 1 ? "" : ",", host, path, line);
    }
    write_file(directory_ / name, body + "]");
    return directory_ / name;
  }

  static std::string json_post(const std::string& file) {
    return "-H 'Content-Type: application/json' --data-binary @" + file;
  }

  uint64_t stat(const std::string& name) const {
    const std::string text =
        run_command(fmt::format("curl -sS -m 20 http://127.0.0.1:{}/stats", port_)).output;
    simdjson::dom::parser parser;
    simdjson::dom::element document;
    uint64_t value = UINT64_MAX;
    EXPECT_EQ(parser.parse(text).get(document), simdjson::SUCCESS) << text;
    EXPECT_EQ(document[name].get(value), simdjson::SUCCESS) << text;
    return value;
  }

  std::string stderr_text() const { return file_content(directory_ / "stderr"); }
  std::string stored() const { return file_content(directory_ / "out/h1/~var~log~a.log"); }

  TemporaryDirectory directory_;
  std::unique_ptr<ChildProcess> receiver_;
  int port_ = 0;
};

}  // namespace sluice
