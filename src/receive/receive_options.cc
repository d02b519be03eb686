// SPDX-License-Identifier: Apache-2.0
#include "receive/receive_options.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "receive/amounts.h"
#include "receive/argument_spelling.h"

namespace sluice {
namespace {

constexpr int kExitConfiguration = 78;

constexpr const char* kFooter = R"(
Takes POST on any path (sluice sends to /ingest): a JSON array, or one object per line with
Content-Type: application/x-ndjson, of {"timestamp","host","path","line"}; Content-Encoding gzip,
zstd or none; HTTP/1.1 and HTTP/2. GET /health, GET /stats and GET /verify answer in JSON and text.

Faults (--fault, repeatable; the same --seed gives the same sequence of decisions):
  status=503:0.1                 one request in ten gets 503 and is not stored
  status=429:0.05,retry-after=2  the same with a Retry-After header
  delay=200ms:0.3                stored, answered late
  hang:0.01                      not stored, never answered
  reset:0.05                     connection reset, half before storing and half after;
                                 reset=body or reset=response for only one of them
  larger=2000                    413 for bodies of more bytes on the wire
  poison=TOKEN                   400 for bodies that hold this text, once unpacked
  outage=10s+5s                  from 10 s after start, for 5 s: connections reset, then refused

Examples:
  sluice receive                                     count what comes to 127.0.0.1:8080
  sluice receive --out /tmp/received --fsync --dedupe     a file per host and path, durable
  sluice receive --stdout | grep ERROR
  sluice receive --verify --ledger /tmp/logs/ledger.json --expect-complete --report r.json
  sluice receive --verify-files /tmp/received --ledger /tmp/logs/ledger.json
  sluice receive --cert cert.pem --key key.pem --listen 0.0.0.0:8443)";

std::string read_listen(const std::string& text, ReceiveOptions& options) {
  const size_t colon = text.rfind(':');
  const std::string host = colon == std::string::npos ? "" : text.substr(0, colon);
  const char* const digits = text.c_str() + (colon == std::string::npos ? 0 : colon + 1);
  const char* const end = text.c_str() + text.size();
  const auto [stop, error] = std::from_chars(digits, end, options.listen_port);
  if (error != std::errc() || stop != end) {
    return "\"" + text + "\" is not HOST:PORT; write for example 127.0.0.1:8080";
  }
  if (!host.empty()) options.listen_host = host;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    options.listen_host = host.substr(1, host.size() - 2);
  }
  return {};
}

void add_bytes(CLI::App& app, const std::string& flag, Bytes* to, const std::string& description) {
  app.add_option_function<std::string>(
      flag,
      [flag, to](const std::string& text) {
        const auto bytes = read_bytes_text(text);
        if (!bytes || bytes->value == 0) {
          throw CLI::ValidationError(flag,
                                     "\"" + text + "\" is not a size; write for example 64MiB");
        }
        *to = *bytes;
      },
      description);
}

void add_server(CLI::App& app, ReceiveOptions& options) {
  app.add_option_function<std::string>(
      "--listen",
      [&options](const std::string& text) {
        const std::string wrong = read_listen(text, options);
        if (!wrong.empty()) throw CLI::ValidationError("--listen", wrong);
      },
      "HOST:PORT to listen on; port 0 takes a free one (127.0.0.1:8080)");
  app.add_option("--port-file", options.port_file, "write the port into this file when ready");
  app.add_option("--cert", options.cert, "certificate chain (PEM); turns on TLS");
  app.add_option("--key", options.key, "private key of the certificate (PEM)");
  add_bytes(app, "--max-body", &options.max_body, "largest body on the wire (64MiB)");
  add_bytes(app, "--max-decoded", &options.max_decoded, "largest body after decoding (256MiB)");
  app.add_option_function<std::vector<std::string>>(
      "--fault",
      [&options](const std::vector<std::string>& texts) {
        for (const std::string& text : texts) {
          auto rule = read_fault_rule(text);
          if (const auto* wrong = std::get_if<std::string>(&rule)) {
            throw CLI::ValidationError("--fault", *wrong);
          }
          options.faults.push_back(std::get<FaultRule>(rule));
        }
      },
      "inject a fault, see below; repeatable");
  app.add_option("--seed", options.seed, "seed of the faults (1)");
  app.add_flag("--quiet", options.quiet, "no progress line and no final statistics");
}

void add_storage(CLI::App& app, ReceiveOptions& options, bool* count, bool* to_stdout) {
  app.add_option("--out", options.out, "store lines in DIR/<host>/<path>");
  app.add_flag("--stdout", *to_stdout, "print lines");
  app.add_flag("--count", *count, "only count lines (default)");
  app.add_flag("--raw", options.raw, "with --count: count bodies, do not decode or read them");
  app.add_flag("--fsync", options.fsync, "lines are durable before the request is answered");
  app.add_flag("--dedupe", options.dedupe,
               "do not store a request again whose Idempotency-Key is known; with --out the keys "
               "survive a restart");
  app.add_option("--dedupe-window", options.dedupe_window, "keys to remember (1000000)")
      ->check(CLI::Range(1u, 100'000'000u));
}

void add_verification(CLI::App& app, ReceiveOptions& options) {
  app.add_flag("--verify", options.verify,
               "check lines made by sluice generate; report at exit; with --out, what "
               "is stored there already counts as arrived");
  app.add_option("--ledger", options.ledger,
                 "the generator's ledger: tells lines that never arrived; read at exit");
  app.add_option("--report", options.report, "write the report as JSON into this file");
  app.add_flag("--expect-complete", options.expect_complete,
               "exit with 1 if a line is missing, damaged or was never written");
  app.add_option("--verify-files", options.verify_files,
                 "no server: check the files below this directory and exit");
}

std::string first_contradiction(const ReceiveOptions& options, bool count, bool to_stdout) {
  const bool verifies = options.verify || !options.verify_files.empty();
  if (int{count} + int{to_stdout} + int{!options.out.empty()} > 1) {
    return "choose one of --out, --stdout and --count";
  }
  if (options.raw && (options.output != ReceiveOutput::kCount || options.verify)) {
    return "--raw does not read bodies, so it goes with --count only, without --verify";
  }
  if (options.cert.empty() != options.key.empty()) {
    return "TLS needs both --cert and --key";
  }
  if (!verifies &&
      (options.expect_complete || !options.ledger.empty() || !options.report.empty())) {
    return "--ledger, --report and --expect-complete need --verify or --verify-files";
  }
  return {};
}

}  // namespace

std::variant<ReceiveOptions, int> parse_receive_options(std::span<char* const> args) {
  ReceiveOptions options;
  bool count = false, to_stdout = false;
  CLI::App app("Receives log lines over HTTP: a small ingest server, and the test of an agent.",
               "sluice receive");
  app.footer(kFooter);
  try {
    add_server(app, options);
    add_storage(app, options, &count, &to_stdout);
    add_verification(app, options);
    app.parse(reversed_two_dash_words(args));
    options.output = to_stdout             ? ReceiveOutput::kStdout
                     : options.out.empty() ? ReceiveOutput::kCount
                                           : ReceiveOutput::kFiles;
    const std::string wrong = first_contradiction(options, count, to_stdout);
    if (!wrong.empty()) throw CLI::ValidationError(wrong);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kExitConfiguration;
  }
  return options;
}

}  // namespace sluice
