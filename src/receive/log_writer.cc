// SPDX-License-Identifier: Apache-2.0
#include "receive/log_writer.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "receive/clocks.h"

namespace sluice {
namespace {

using namespace literals;

constexpr size_t kChunkBytes = 256u << 10;
// Below this rate each line has its own write and its own stamp; above it the system calls would
// be the load, so lines of one millisecond go together.
constexpr double kSingleLinesPerSecondMax = 20'000;
constexpr Duration kTick = 1_ms;
constexpr uint64_t kRacedLines = 8;

void sleep_until(MonoTime time) {
  timespec at{};
  at.tv_sec = time.value / 1'000'000'000;
  at.tv_nsec = time.value % 1'000'000'000;
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr);  // a signal ends it early: wanted
}

LedgerStream past_of(const Ledger& past, uint32_t stream, const std::string& path) {
  for (const LedgerStream& candidate : past.streams) {
    if (candidate.stream == stream) return candidate;
  }
  LedgerStream fresh;
  fresh.stream = stream;
  fresh.file = path;
  return fresh;
}

}  // namespace

LogWriter::LogWriter(const GenerateOptions& options, const Ledger& past)
    : options_(options),
      past_(past),
      script_(std::make_unique<LineScript>(options.shape, options.seed)) {
  outputs_.reserve(options.files);
  for (uint32_t i = 0; i < options.files; ++i) {
    const uint32_t stream = options.first_stream + i;
    const std::string path = fmt::format("{}/stream-{:04}.log", options.out, stream);
    outputs_.push_back(Output{GeneratedStream(*script_, past_of(past, stream, path)),
                              RotatingFile(path, options.rotation, options.keep)});
  }
  // A chunk ends at the first event boundary after its size; one event is the longest excess.
  buffer_ = std::make_unique<char[]>(kChunkBytes + 64 * (size_t{script_->longest_line()} + 1));
}

Result<void> LogWriter::open() {
  for (Output& output : outputs_) {
    failed_path_ = output.file.path();
    // An empty file is nobody's; it is there when a run ended before its stream's turn came.
    const bool is_new = output.stream.ledger().lines == 0;
    struct stat status {};
    if (is_new && ::stat(failed_path_.c_str(), &status) == 0 && status.st_size > 0) {
      return Error::from_errno("open", EEXIST);
    }
    if (auto opened = output.file.open(); !opened.ok()) return opened;
  }
  return {};
}

Result<void> LogWriter::run(const volatile sig_atomic_t& stop) {
  begin_ = read_mono_clock();
  if (options_.rotate_every) next_rotation_ = begin_ + *options_.rotate_every;
  if (!options_.quiet && ::isatty(STDERR_FILENO) == 1) next_progress_ = begin_ + 1_s;
  auto ran = options_.rate ? run_at_rate(stop) : run_flat_out(stop);
  if (next_progress_ != kNever) fmt::print(stderr, "\r\x1b[K");
  return ran;
}

bool LogWriter::room_for_line() const {
  return (!options_.bytes || bytes_ < *options_.bytes) &&
         (!options_.lines || lines_ < *options_.lines);
}

bool LogWriter::is_complete(MonoTime now) const {
  return !room_for_line() || (options_.duration && now - begin_ >= *options_.duration);
}

// Each file gets its share, in several turns since each ends behind its size by a line: whole
// chunks would leave thousands of small files empty.
Result<void> LogWriter::run_flat_out(const volatile sig_atomic_t& stop) {
  const auto files = static_cast<int64_t>(outputs_.size());
  const Lines lines_max =
      options_.lines ? Lines(std::max<int64_t>(1, options_.lines->value / files)) : Lines::max();
  const auto whole = static_cast<int64_t>(kChunkBytes);
  const auto bytes_max = static_cast<size_t>(
      options_.bytes ? std::clamp<int64_t>(options_.bytes->value / (4 * files), 1, whole) : whole);
  for (MonoTime time = begin_; stop == 0 && !is_complete(time); time = read_mono_clock()) {
    Output& output = outputs_[turn_];
    turn_ = (turn_ + 1) % outputs_.size();
    fill(output, bytes_max, lines_max);
    if (auto wrote = flush(output); !wrote.ok()) return wrote;
    if (auto rotated = rotate_if_large(output); !rotated.ok()) return rotated;
    if (auto rotated = rotate_all_if_due(time); !rotated.ok()) return rotated;
    show_progress(time);
  }
  return {};
}

double LogWriter::written_units() const {
  return static_cast<double>(options_.rate->unit == WriteRate::Unit::kLines ? lines_.value
                                                                            : bytes_.value);
}

double LogWriter::due_now(MonoTime now) const {
  return options_.rate->per_second * static_cast<double>((now - begin_).value) / 1e9;
}

Result<void> LogWriter::run_at_rate(const volatile sig_atomic_t& stop) {
  for (MonoTime time = begin_; stop == 0 && !is_complete(time); time = read_mono_clock()) {
    if (auto wrote = write_due_lines(due_now(time)); !wrote.ok()) return wrote;
    for (Output& output : outputs_) {
      if (auto rotated = rotate_if_large(output); !rotated.ok()) return rotated;
    }
    if (auto rotated = rotate_all_if_due(time); !rotated.ok()) return rotated;
    show_progress(time);
    const double ahead = written_units() - due_now(read_mono_clock());
    const Duration until_due(static_cast<int64_t>(ahead / options_.rate->per_second * 1e9));
    MonoTime wake = read_mono_clock() + std::max(until_due, kTick / 10);
    if (options_.duration) wake = std::min(wake, begin_ + *options_.duration);
    sleep_until(wake);
  }
  return {};
}

Result<void> LogWriter::write_due_lines(double due) {
  const double line_units = options_.rate->unit == WriteRate::Unit::kLines ? 1 : 100;
  const bool single = options_.rate->per_second / line_units <= kSingleLinesPerSecondMax;
  while (written_units() < due && room_for_line()) {
    Output& output = outputs_[turn_];
    turn_ = (turn_ + 1) % outputs_.size();
    if (single) {
      add_line(output, read_clock_ns(CLOCK_REALTIME));
    } else {
      // The share of one file, so that all files grow in every tick.
      const double units_left = (due - written_units()) / static_cast<double>(outputs_.size());
      const double bytes_left = line_units == 1 ? units_left * 200 : units_left;
      fill(output, static_cast<size_t>(std::clamp(bytes_left, 1.0, double{kChunkBytes})));
    }
    if (auto wrote = flush(output); !wrote.ok()) return wrote;
  }
  return {};
}

void LogWriter::fill(Output& output, size_t bytes, Lines lines) {
  const int64_t stamp_ns = read_clock_ns(CLOCK_REALTIME);
  const Lines begin = lines_;
  const auto has_room = [&] { return buffer_bytes_ < bytes && lines_ - begin < lines; };
  while (room_for_line() && (has_room() || !output.stream.next_starts_event())) {
    add_line(output, stamp_ns);
  }
}

void LogWriter::add_line(Output& output, int64_t stamp_ns) {
  const size_t length = output.stream.write_line(buffer_.get() + buffer_bytes_, stamp_ns);
  buffer_bytes_ += length;
  lines_ += Lines(1);
  bytes_ += Bytes(static_cast<int64_t>(length));
}

Result<void> LogWriter::flush(Output& output) {
  failed_path_ = output.file.path();
  const std::string_view bytes(buffer_.get(), buffer_bytes_);
  buffer_bytes_ = 0;
  return output.file.append(bytes);
}

Result<void> LogWriter::rotate_if_large(Output& output) {
  if (!options_.rotate_bytes || !output.stream.next_starts_event()) return {};
  if (output.file.bytes() < static_cast<uint64_t>(options_.rotate_bytes->value)) return {};
  return rotate(output);
}

Result<void> LogWriter::rotate_all_if_due(MonoTime now) {
  if (now < next_rotation_) return {};
  next_rotation_ = now + *options_.rotate_every;
  for (Output& output : outputs_) {
    if (output.file.bytes() == 0) continue;
    if (auto rotated = rotate(output); !rotated.ok()) return rotated;
  }
  return {};
}

Result<void> LogWriter::rotate(Output& output) {
  failed_path_ = output.file.path();
  if (options_.rotation != Rotation::kCopyTruncate) return output.file.rotate();
  if (!options_.race) {
    sleep_until(read_mono_clock() + options_.settle);
    return output.file.rotate();
  }
  return output.file.rotate([&]() -> Result<void> {
    const uint64_t first = output.stream.ledger().lines;
    for (uint64_t i = 0; i < kRacedLines && room_for_line(); ++i)
      add_line(output, read_clock_ns(CLOCK_REALTIME));
    if (output.stream.ledger().lines == first) return {};
    output.stream.note_raced(first, output.stream.ledger().lines - 1);
    return flush(output);
  });
}

Ledger LogWriter::ledger() const {
  Ledger ledger;
  ledger.shape = line_shape_name(options_.shape);
  ledger.seed = options_.seed;
  for (const Output& output : outputs_) ledger.streams.push_back(output.stream.ledger());
  // A run with fewer files keeps what is known about the others.
  for (const LedgerStream& other : past_.streams) {
    if (other.stream < options_.first_stream ||
        other.stream >= options_.first_stream + options_.files) {
      ledger.streams.push_back(other);
    }
  }
  return ledger;
}

uint64_t LogWriter::rotations() const {
  uint64_t sum = 0;
  for (const Output& output : outputs_) sum += output.file.rotations();
  return sum;
}

void LogWriter::show_progress(MonoTime now) {
  if (now < next_progress_) return;
  next_progress_ = now + 1_s;
  const double seconds = static_cast<double>((now - begin_).value) / 1e9;
  fmt::print(stderr, "\r\x1b[K{} lines, {:.1f} MB, {:.1f} MB/s", lines_.value,
             static_cast<double>(bytes_.value) / 1e6,
             static_cast<double>(bytes_.value) / 1e6 / seconds);
}

}  // namespace sluice
