// SPDX-License-Identifier: Apache-2.0
// receive_options.h — what `sluice receive` was asked to do.
//
// In:      the words after "receive".
// Out:     checked options, or the exit code after help (0) or a message on stderr (78).
// Thread:  main, before anything runs.
// Fails:   bad flags name the flag, the value and what was expected.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "receive/fault_plan.h"
#include "sluice/units.h"

namespace sluice {

enum class ReceiveOutput : uint8_t { kCount, kStdout, kFiles };

struct ReceiveOptions {
  std::string listen_host = "127.0.0.1";
  uint16_t listen_port = 8080;
  std::string port_file;
  std::string cert, key;
  Bytes max_body{64 << 20};
  Bytes max_decoded{256 << 20};
  ReceiveOutput output = ReceiveOutput::kCount;
  std::string out;
  bool raw = false;
  bool fsync = false;
  bool dedupe = false;
  uint32_t dedupe_window = 1'000'000;
  bool verify = false;
  std::string ledger;
  std::string report;
  std::string verify_files;
  bool expect_complete = false;
  std::vector<FaultRule> faults;
  uint64_t seed = 1;
  bool quiet = false;
};

std::variant<ReceiveOptions, int> parse_receive_options(std::span<char* const> args);

}  // namespace sluice
