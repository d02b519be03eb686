// SPDX-License-Identifier: Apache-2.0
#include "measure/null_sink.h"

#include <array>
#include <fstream>
#include <vector>

#include "receive/receive.h"

namespace sluice {
namespace {

constexpr Duration kLook{5'000'000};
constexpr int kLooksMax = 2000;  // ten seconds

std::string port_in(const std::string& file) {
  std::ifstream text(file);
  std::string port;
  text >> port;
  return port;
}

}  // namespace

std::variant<NullSink, std::string> NullSink::start(const std::string& directory,
                                                    Interrupt& interrupt) {
  const std::string port_file = directory + "/sink.port";
  const std::string log = directory + "/sink.log";
  const auto work = [&port_file] {
    std::array<std::string, 7> words = {"--listen", "127.0.0.1:0", "--port-file", port_file,
                                        "--count",  "--raw",       "--quiet"};
    std::vector<char*> args;
    for (std::string& word : words) args.push_back(word.data());
    return receive_main(args);
  };
  Result<Child> process = Child::start(work, log, interrupt);
  if (!process) return "cannot start the null destination: " + process.error().message();
  for (int look = 0; look < kLooksMax; ++look) {
    const std::string port = port_in(port_file);
    if (!port.empty())
      return NullSink(std::move(process).value(), "http://127.0.0.1:" + port + "/ingest");
    if (!process->lives()) return "the null destination did not start: " + last_line_of(log);
    if (interrupt.pause(kLook)) break;
  }
  return std::string("the null destination did not start");
}

}  // namespace sluice
