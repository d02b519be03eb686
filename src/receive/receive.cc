// SPDX-License-Identifier: Apache-2.0
#include "receive/receive.h"

#include <fmt/format.h>
#include <signal.h>
#include <sys/resource.h>

#include <atomic>
#include <cstdio>
#include <optional>

#include "receive/durable_file.h"
#include "receive/ingest.h"
#include "receive/receive_options.h"
#include "receive/receive_server.h"
#include "receive/stored_files.h"
#include "receive/verifier.h"

namespace sluice {
namespace {

// A signal can reach nothing but what has static storage: this is the one server of the process.
std::atomic<ReceiveServer*> signalled_server{nullptr};

void on_stop_signal(int) {
  if (ReceiveServer* const server = signalled_server.load()) server->stop();
}

void catch_signals(ReceiveServer* server) {
  signalled_server.store(server);
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGINT, &action, nullptr);
}

int complain(const std::string& message) {
  fmt::print(stderr, "sluice receive: {}\n", message);
  return 1;
}

// The ledger may not exist before the generator ends; then only gaps are known.
std::optional<Ledger> ledger_now(const ReceiveOptions& options) {
  if (options.ledger.empty()) return std::nullopt;
  auto read = read_ledger(options.ledger);
  if (!read.ok()) return std::nullopt;
  return std::move(read).value();
}

VerifyReport report_now(const ReceiveOptions& options, const Verifier& verifier) {
  const std::optional<Ledger> ledger = ledger_now(options);
  return verifier.report(ledger ? &*ledger : nullptr);
}

// Prints and stores the report; the exit code.
int conclude(const ReceiveOptions& options, const Verifier& verifier) {
  const VerifyReport report = report_now(options, verifier);
  fmt::print(stderr, "{}", report.text());
  if (!options.report.empty()) {
    if (auto wrote = replace_file(options.report, report.json()); !wrote.ok()) {
      return complain(fmt::format("cannot write the report {}: {}. Choose another --report.",
                                  options.report, wrote.error().message()));
    }
  }
  if (!options.ledger.empty() && !report.has_ledger) {
    const std::string why = read_ledger(options.ledger).error().message();
    return complain(
        fmt::format("cannot use the ledger {}: {}. Missing lines at the end are not "
                    "known; let the generator finish first.",
                    options.ledger, why));
  }
  return options.expect_complete && !report.is_complete() ? 1 : 0;
}

int verify_stored(const ReceiveOptions& options) {
  Verifier verifier;
  if (auto read =
          read_stored_lines(options.verify_files, options.ledger, TornEnd::kIsALine, &verifier);
      !read.ok()) {
    return complain(fmt::format("cannot read {}: {}. Give the directory of --out.",
                                options.verify_files, read.error().message()));
  }
  return conclude(options, verifier);
}

int serve(const ReceiveOptions& options) {
  ReceiveStats stats;
  Ingest ingest(options, &stats);
  if (const std::string wrong = ingest.open(); !wrong.empty()) return complain(wrong);
  ReceiveServer server(options, &ingest, &stats,
                       [&] { return report_now(options, ingest.verifier()).json(); });
  if (const std::string wrong = server.open(); !wrong.empty()) return complain(wrong);
  catch_signals(&server);
  if (!options.port_file.empty()) {
    const std::string port = fmt::format("{}\n", server.port());
    if (auto wrote = replace_file(options.port_file, port); !wrote.ok()) {
      return complain(fmt::format("cannot write {}: {}. Choose another --port-file.",
                                  options.port_file, wrote.error().message()));
    }
  }
  fmt::print(stderr, "listening on {}\n", server.url());
  server.run();
  signalled_server.store(nullptr);
  if (!options.quiet) fmt::print(stderr, "{}", stats.text(server.uptime_seconds()));
  return options.verify ? conclude(options, ingest.verifier()) : 0;
}

// A file per host and path and a connection per client need more than the usual 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int receive_main(std::span<char* const> args) {
  auto parsed = parse_receive_options(args);
  if (const int* code = std::get_if<int>(&parsed)) return *code;
  const ReceiveOptions& options = std::get<ReceiveOptions>(parsed);
  raise_descriptor_limit();
  signal(SIGPIPE, SIG_IGN);  // a client or a reader of stdout that left is an error, not the end
  return options.verify_files.empty() ? serve(options) : verify_stored(options);
}

}  // namespace sluice
