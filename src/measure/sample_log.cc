// SPDX-License-Identifier: Apache-2.0
#include "measure/sample_log.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "control/config_text.h"
#include "control/config_values.h"
#include "receive/durable_file.h"
#include "receive/generated_stream.h"

namespace sluice {
namespace {

constexpr size_t kSampleBytesMax = size_t{64} << 20;
// Below this zstd finds the last repetition of the sample in its window at any level in use.
constexpr size_t kHonestSampleBytes = size_t{2} << 20;
constexpr size_t kPieceBytes = size_t{1} << 20;
// A fixed second in which all generated lines are written: the same bytes in every run.
constexpr int64_t kStamp = 1'795'367'417'123'456'789;

std::string refusal(const std::string& path, const std::string& why) {
  return fmt::format("cannot write {}: {}; TMPDIR may name another directory", path, why);
}

// The whole lines of the beginning of a file; empty with `problem`.
std::string first_lines(const std::string& path, std::string& problem) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text(file.is_open() ? kSampleBytesMax : 0, '\0');
  size_t size = 0;
  ssize_t got = file.is_open() ? 1 : -1;
  while (got > 0 && size < text.size()) {
    got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got > 0) size += static_cast<size_t>(got);
  }
  if (got < 0) {
    problem = fmt::format("cannot read '{}': {}", excerpt(path), std::strerror(errno));
    return {};
  }
  text.resize(size);
  const size_t last = text.rfind('\n');
  text.resize(last == std::string::npos ? 0 : last + 1);
  if (text.empty()) problem = fmt::format("'{}' holds no whole line", excerpt(path));
  if (text.find('\0') != std::string::npos)
    problem =
        fmt::format("'{}' holds zero bytes; is it compressed? Give it unpacked", excerpt(path));
  return problem.empty() ? text : std::string();
}

// Where the bytes of the log come from, a piece of whole lines at a time.
class Source {
 public:
  virtual ~Source() = default;
  virtual std::string_view next_piece() = 0;
  uint64_t lines = 0;
};

class Repeated final : public Source {
 public:
  explicit Repeated(std::string text) : text_(std::move(text)) {}

  std::string_view next_piece() override {
    if (at_ == text_.size()) at_ = 0;
    const std::string_view rest = std::string_view(text_).substr(at_);
    const size_t last = rest.substr(0, kPieceBytes).rfind('\n');
    // A line longer than a piece is a piece.
    const size_t end = (last == std::string_view::npos ? rest.find('\n') : last) + 1;
    at_ += end;
    lines += static_cast<uint64_t>(
        std::count(rest.begin(), rest.begin() + static_cast<ptrdiff_t>(end), '\n'));
    return rest.substr(0, end);
  }

 private:
  const std::string text_;
  size_t at_ = 0;
};

class Generated final : public Source {
 public:
  explicit Generated(LineShape shape) : script_(shape, 1), stream_(script_, LedgerStream{}) {
    piece_.resize(kPieceBytes + script_.longest_line() + 1);
  }

  std::string_view next_piece() override {
    size_t size = 0;
    while (size < kPieceBytes) {
      // Spread over time, as lines are.
      size += stream_.write_line(piece_.data() + size,
                                 kStamp + static_cast<int64_t>(lines) * 5'000'000);
      ++lines;
    }
    return std::string_view(piece_).substr(0, size);
  }

 private:
  const LineScript script_;
  GeneratedStream stream_;
  std::string piece_;
};

std::string room_problem(const SampleWish& wish) {
  struct statvfs found {};
  if (::statvfs(wish.directory.c_str(), &found) != 0)
    return refusal(wish.directory, std::strerror(errno));
  const uint64_t room = uint64_t{found.f_bavail} * found.f_frsize;
  if (room >= wish.bytes + wish.bytes / 8) return {};
  return fmt::format(
      "{} has room for {}, and a log of {} is to be written; TMPDIR may name "
      "another directory",
      wish.directory, format_bytes(Bytes(static_cast<int64_t>(room >> 20 << 20))),
      format_bytes(Bytes(static_cast<int64_t>(wish.bytes >> 20 << 20))));
}

}  // namespace

std::variant<SampleLog, std::string> write_sample_log(const SampleWish& wish) {
  std::string problem = room_problem(wish);
  if (!problem.empty()) return problem;
  SampleLog log;
  std::unique_ptr<Source> source;
  if (wish.file.empty()) {
    source = std::make_unique<Generated>(wish.shape);
    log.what = fmt::format("generated {} lines", line_shape_name(wish.shape));
  } else {
    std::string text = first_lines(wish.file, problem);
    if (!problem.empty()) return problem;
    log.what = fmt::format("lines of {}", excerpt(wish.file));
    if (text.size() < kHonestSampleBytes && text.size() < wish.bytes)
      log.warning = fmt::format(
          "the sample is only {:.0f} KB and is repeated: expect smaller bodies than in real life",
          static_cast<double>(text.size()) / 1e3);
    source = std::make_unique<Repeated>(std::move(text));
  }
  for (uint32_t number = 0; number < wish.files; ++number) {
    log.paths.push_back(fmt::format("{}/sample-{}.log", wish.directory, number));
    const Descriptor file(
        ::open(log.paths.back().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!file.is_open()) return refusal(log.paths.back(), std::strerror(errno));
    const uint64_t end = wish.bytes / wish.files * (number + 1);
    do {
      const std::string_view piece = source->next_piece();
      const Result<void> wrote = write_whole(file.get(), piece);
      if (!wrote) return refusal(log.paths.back(), wrote.error().message());
      log.bytes += piece.size();
    } while (log.bytes < end);
  }
  log.line_bytes = static_cast<double>(log.bytes) / static_cast<double>(source->lines);
  return log;
}

}  // namespace sluice
