// SPDX-License-Identifier: Apache-2.0
#include "measure/raw_loop.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

#include "flow/split/newline_scan.h"
#include "sluice/check.h"

namespace sluice {
namespace {

// Time of reading of the first block; any constant with all its digits in use.
constexpr int64_t kReadAt = 1'795'367'417'123'456'789;

double seconds_of(clockid_t clock) {
  timespec now{};
  SLUICE_CHECK(::clock_gettime(clock, &now) == 0, "a clock can be read");
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

}  // namespace

double seconds_of_thread_cpu() {
  return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

double seconds_of_wall() {
  return seconds_of(CLOCK_MONOTONIC);
}

// Books the time since the last look to a stage; does nothing when nobody wants to know.
class RawLoop::Stopwatch {
 public:
  explicit Stopwatch(bool on) : on_(on), last_(on ? seconds_of_thread_cpu() : 0) {}

  void book(LoopStage stage) {
    if (!on_) return;
    const double now = seconds_of_thread_cpu();
    seconds_[static_cast<size_t>(stage)] += now - last_;
    last_ = now;
  }
  const std::array<double, kLoopStages>& seconds() const { return seconds_; }

 private:
  const bool on_;
  double last_;
  std::array<double, kLoopStages> seconds_{};
};

RawLoop::RawLoop(LoopSettings settings, std::unique_ptr<Compressor> compressor)
    : settings_(std::move(settings)),
      compressor_(std::move(compressor)),
      block_(kBlockBytes),
      ends_(kBlockBytes),
      encoder_(settings_.encoder) {
  origin_.host = settings_.host;
  origin_.path = settings_.path.empty() ? settings_.file : settings_.path;
  origin_.labels = settings_.labels;
  body_.soft_limit = settings_.body_bytes;
  body_.capacity = settings_.body_bytes + encoder_.worst_line_bytes(kBlockBytes, origin_);
  body_memory_.resize(body_.capacity);
  body_.data = body_memory_.data();
  if (compressor_ != nullptr) packed_.resize(compressor_->bound(body_.capacity));
}

RawLoop::~RawLoop() {
  if (fd_ >= 0) ::close(fd_);
}

Result<std::unique_ptr<RawLoop>> RawLoop::create(LoopSettings settings,
                                                 std::unique_ptr<Compressor> compressor) {
  SLUICE_CHECK(compressor != nullptr || settings.last != LoopStage::kCompress,
               "compressing takes a codec");
  std::unique_ptr<RawLoop> made(new RawLoop(std::move(settings), std::move(compressor)));
  made->fd_ = ::open(made->settings_.file.c_str(), O_RDONLY | O_CLOEXEC);
  if (made->fd_ < 0) return Error::from_errno("open");
  // One warm block: first touches of memory and the codec's tables are not the loop's.
  Stopwatch watch(false);
  const Result<size_t> warm = made->turn(0, watch);
  if (!warm) return warm.error();
  if (warm.value() == 0) return Error{Errc::kInvalid, 0, "no whole line in the first block"};
  return made;
}

Result<LoopFigures> RawLoop::run(const LoopTime& time) {
  Stopwatch watch(false);
  return run_with(time, watch);
}

Result<LoopFigures> RawLoop::run_timed(const LoopTime& time) {
  Stopwatch watch(true);
  return run_with(time, watch);
}

Result<LoopFigures> RawLoop::run_with(const LoopTime& time, Stopwatch& watch) {
  figures_ = {};
  const double cpu_start = seconds_of_thread_cpu();
  const double wall_start = seconds_of_wall();
  do {
    const Result<size_t> took = turn(offset_, watch);
    if (!took) return took.error();
    offset_ = took.value() == 0 ? 0 : offset_ + static_cast<int64_t>(took.value());
    figures_.cpu_seconds = seconds_of_thread_cpu() - cpu_start;
    figures_.wall_seconds = seconds_of_wall() - wall_start;
  } while (figures_.cpu_seconds < time.cpu_seconds && figures_.wall_seconds < time.wall_seconds);
  figures_.stage_seconds = watch.seconds();
  return figures_;
}

// One block from `offset`. Returns how many bytes of whole lines it held; 0 at the end.
Result<size_t> RawLoop::turn(int64_t offset, Stopwatch& watch) {
  const ssize_t got = ::pread(fd_, block_.data(), block_.size(), offset);
  if (got < 0) return Error::from_errno("pread");
  watch.book(LoopStage::kRead);
  const auto size = static_cast<size_t>(got);
  if (settings_.last == LoopStage::kRead || size == 0) return count(size, 0);
  const size_t lines = scan_newlines(block_.data(), size, ends_.data(), ends_.size());
  watch.book(LoopStage::kScan);
  if (lines == 0) return size_t{0};
  if (settings_.last != LoopStage::kScan) encode(static_cast<uint32_t>(lines), offset, watch);
  return count(ends_[lines - 1], lines);
}

size_t RawLoop::count(size_t bytes, size_t lines) {
  figures_.raw_bytes += bytes;
  figures_.lines += lines;
  return bytes;
}

void RawLoop::encode(uint32_t lines, int64_t offset, Stopwatch& watch) {
  LineBlock block;
  block.origin = &origin_;
  block.bytes = block_.data();
  block.line_ends = ends_.data();
  block.line_count = lines;
  block.first_offset = FileOffset(offset);
  block.read_at = WallTime(kReadAt + offset);
  const uint32_t lines_max = settings_.body_lines_max;
  for (uint32_t next = 0; next < lines;) {
    uint32_t room = lines - next;
    if (lines_max > 0) room = std::min(room, lines_max - body_lines_);
    const EncodeStep step = encoder_.encode(block, next, room, body_);
    const bool full = step.next_line < next + room;
    body_lines_ += step.next_line - next;
    next = step.next_line;
    watch.book(LoopStage::kEncode);
    if (full || (lines_max > 0 && body_lines_ == lines_max)) seal(watch);
  }
}

void RawLoop::seal(Stopwatch& watch) {
  encoder_.finish(body_);
  figures_.encoded_bytes += body_.size;
  ++figures_.bodies;
  size_t wire = body_.size;
  watch.book(LoopStage::kEncode);
  if (settings_.last == LoopStage::kCompress) {
    const auto* bytes = reinterpret_cast<const std::byte*>(body_.data);
    const Result<size_t> packed = compressor_->compress(std::span(bytes, body_.size), packed_);
    SLUICE_CHECK(packed.ok(), "the bound of the codec holds");
    wire = packed.value();
    watch.book(LoopStage::kCompress);
  }
  figures_.wire_bytes += wire;
  body_.size = 0;
  body_lines_ = 0;
}

}  // namespace sluice
