// SPDX-License-Identifier: Apache-2.0
// raw_loop.h — the least that one core must do for a line: read, cut, encode, compress.
//
// In:      a log file, what its records hold, the bound of a body, a codec.
// Out:     raw bytes, bodies and the CPU time of this thread, from which the limit follows.
// Owns:    one block, its index, one body; nothing else that an agent has: no queue, no
//          acknowledgement, no checkpoint, no network.
// Thread:  one; each core that is measured has a loop of its own.
// Limits:  the file must hold whole lines, each shorter than a block. It is read round and round.
// Fails:   with the failed system call; kInvalid when the file does not begin with a whole line.
// Why so:  the agent is measured as a ratio to this loop in the same minute on the same core, which
//          cancels the machine. It uses the agent's own stages: what is left is the agent's
//          overhead.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "flow/encode/json_encoder.h"
#include "sluice/compressor.h"
#include "sluice/encoder.h"
#include "sluice/line_block.h"
#include "sluice/result.h"

namespace sluice {

// How far the loop goes; also the index of LoopFigures::stage_seconds.
enum class LoopStage : uint8_t { kRead, kScan, kEncode, kCompress };
inline constexpr size_t kLoopStages = 4;

struct LoopSettings {
  std::string file;
  std::string host = "web-01.example.com";
  std::string path;  // of the records; empty: that of the file
  std::vector<std::pair<std::string, std::string>> labels;
  JsonEncoder::Options encoder = {};
  size_t body_bytes = size_t{512} << 10;  // before compression
  uint32_t body_lines_max = 0;            // 0: no bound
  LoopStage last = LoopStage::kCompress;
};

// The call ends when one of them is used up.
struct LoopTime {
  double cpu_seconds = 1e9;
  double wall_seconds = 1e9;
};

struct LoopFigures {
  uint64_t raw_bytes = 0;
  uint64_t lines = 0;
  uint64_t bodies = 0;
  uint64_t encoded_bytes = 0;
  uint64_t wire_bytes = 0;
  double cpu_seconds = 0;
  double wall_seconds = 0;
  std::array<double, kLoopStages> stage_seconds{};  // of run_timed() only

  double raw_mb_per_cpu_second() const {
    return static_cast<double>(raw_bytes) / 1e6 / cpu_seconds;
  }
};

class RawLoop {
 public:
  // `compressor`: null when the loop ends before it.
  static Result<std::unique_ptr<RawLoop>> create(LoopSettings settings,
                                                 std::unique_ptr<Compressor> compressor);
  ~RawLoop();
  RawLoop(const RawLoop&) = delete;
  RawLoop& operator=(const RawLoop&) = delete;

  // Goes on where the last call ended; at least one block. The figures are of this call.
  Result<LoopFigures> run(const LoopTime& time);
  // The same with a look at the clock round every stage, which costs about 0.2 us per look.
  Result<LoopFigures> run_timed(const LoopTime& time);

 private:
  class Stopwatch;

  RawLoop(LoopSettings settings, std::unique_ptr<Compressor> compressor);

  Result<LoopFigures> run_with(const LoopTime& time, Stopwatch& watch);
  Result<size_t> turn(int64_t offset, Stopwatch& watch);
  size_t count(size_t bytes, size_t lines);
  void encode(uint32_t lines, int64_t offset, Stopwatch& watch);
  void seal(Stopwatch& watch);

  const LoopSettings settings_;
  std::unique_ptr<Compressor> compressor_;
  int fd_ = -1;
  int64_t offset_ = 0;
  std::vector<uint8_t> block_;
  std::vector<uint32_t> ends_;
  TailOrigin origin_;
  JsonEncoder encoder_;
  std::vector<uint8_t> body_memory_;
  BodyBuffer body_;
  uint32_t body_lines_ = 0;
  std::vector<std::byte> packed_;
  LoopFigures figures_;
};

// What `clock` shows, in seconds.
double seconds_of_thread_cpu();
double seconds_of_wall();

}  // namespace sluice
