// SPDX-License-Identifier: Apache-2.0
// main.cc — the door of the program: which subcommand was asked for, and its exit code.
#include <cstdio>
#include <exception>
#include <span>
#include <string_view>

#include "agent/audit.h"
#include "agent/bench.h"
#include "agent/check.h"
#include "agent/dlq.h"
#include "agent/run.h"
#include "agent/spool.h"
#include "control/config_print.h"
#include "receive/generate.h"
#include "receive/receive.h"

namespace {

constexpr int kExitGood = 0;
constexpr int kExitFailed = 1;
constexpr int kExitConfiguration = 78;

constexpr const char* kOtherCommands = R"(
Other commands:
  sluice check      validates a configuration and says everything that is wrong with it
  sluice audit      proves that every byte is delivered, or says what is not
  sluice dlq        shows and replays lines that a destination refused
  sluice spool      shows what waits on disk for its destination
  sluice explain    says whether a path is followed, or why not
  sluice bench      measures what a core of this host can do with these flags and lines
  sluice tune       tries flags on this host and recommends some
  sluice receive    takes lines over HTTP: a small ingest server, and the agent's counterpart
  sluice generate   writes lines that can be verified at the other end
  sluice version    prints the version
  Each knows --help.
)";

int dispatch(std::span<char* const> args) {
  const std::string_view command = args.empty() ? std::string_view() : args.front();
  // `sluice -paths …` is `sluice run -paths …`, and so is `sluice` alone.
  if (command == "-h" || command == "--help" || command == "-help" || command == "help") {
    std::fputs(sluice::help_text().c_str(), stdout);
    std::fputs(kOtherCommands, stdout);
    return kExitGood;
  }
  if (command == "version" || command == "-V" || command == "--version") {
    std::puts("sluice " SLUICE_VERSION);
    return kExitGood;
  }
  if (command.empty() || command.starts_with('-')) return sluice::run_main(args);
  const auto rest = args.subspan(1);
  if (command == "run") return sluice::run_main(rest);
  if (command == "check" || command == "validate") return sluice::check_configuration_main(rest);
  if (command == "audit") return sluice::audit_main(rest);
  if (command == "dlq") return sluice::dlq_main(rest);
  if (command == "spool") return sluice::spool_main(rest);
  if (command == "explain") return sluice::explain_main(rest);
  if (command == "bench") return sluice::bench_main(rest);
  if (command == "tune") return sluice::tune_main(rest);
  if (command == "receive") return sluice::receive_main(rest);
  if (command == "generate") return sluice::generate_main(rest);
  std::fprintf(
      stderr,
      "sluice: there is no command '%.*s'; the commands are run, check, audit, dlq, spool, "
      "explain, bench, tune, receive, generate, version, help\n",
      static_cast<int>(command.size()), command.data());
  return kExitConfiguration;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return dispatch(std::span<char* const>(argv + 1, argv + (argc > 0 ? argc : 1)));
  } catch (const std::exception& error) {
    // Only memory can run out here: nothing of ours throws.
    std::fprintf(stderr, "sluice: %s\n", error.what());
    return kExitFailed;
  }
}
