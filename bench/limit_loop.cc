// SPDX-License-Identifier: Apache-2.0
#include "limit_loop.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <memory>

#include "flow/compress/codecs.h"
#include "flow/encode/json_encoder.h"
#include "flow/split/newline_scan.h"
#include "sluice/check.h"
#include "sluice/line_block.h"

namespace sluice {
namespace {

double seconds_of(clockid_t clock) {
  timespec now{};
  SLUICE_CHECK(::clock_gettime(clock, &now) == 0, "a clock can be read");
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

class File {
 public:
  explicit File(const std::string& path) : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

enum class LastStage : uint8_t { kRead, kScan, kEncode, kCompress };

struct Codec {
  LastStage last = LastStage::kCompress;
  std::unique_ptr<Compressor> compressor;
};

Result<Codec> make_codec(const std::string& name) {
  if (name == "read") return Codec{LastStage::kRead, nullptr};
  if (name == "scan") return Codec{LastStage::kScan, nullptr};
  if (name == "none") return Codec{LastStage::kEncode, nullptr};
  const size_t dash = name.find('-');
  const int level = dash == std::string::npos ? 1 : std::atoi(name.c_str() + dash + 1);
  const std::string_view family = std::string_view(name).substr(0, dash);
  Result<std::unique_ptr<Compressor>> made = Error{Errc::kInvalid, 0, "unknown codec"};
  if (family == "libdeflate") made = make_deflate(level);
  if (family == "log") made = make_log_deflate();
  if (family == "igzip") made = make_igzip(level);
  if (family == "zstd") made = make_zstd(level);
  if (!made.ok()) return made.error();
  return Codec{LastStage::kCompress, std::move(made).value()};
}

class Loop {
 public:
  Loop(const LimitOptions& options, Codec codec)
      : codec_(std::move(codec)), block_(kBlockBytes), ends_(kBlockBytes) {
    origin_.host = "web-01.example.com";
    origin_.path = options.file;
    body_.soft_limit = options.body_bytes;
    body_.capacity = options.body_bytes + encoder_.worst_line_bytes(kBlockBytes, origin_);
    body_memory_.resize(body_.capacity);
    body_.data = body_memory_.data();
    if (codec_.compressor != nullptr) packed_.resize(codec_.compressor->bound(body_.capacity));
  }

  // One block from `offset`. Returns how many bytes of whole lines it held; 0 at the end.
  Result<size_t> turn(int fd, off_t offset) {
    const ssize_t got = ::pread(fd, block_.data(), block_.size(), offset);
    if (got < 0) return Error::from_errno("pread");
    const auto size = static_cast<size_t>(got);
    if (codec_.last == LastStage::kRead || size == 0) return count(size, 0);
    const size_t lines = scan_newlines(block_.data(), size, ends_.data(), ends_.size());
    if (lines == 0) return size_t{0};
    if (codec_.last != LastStage::kScan) encode(static_cast<uint32_t>(lines), offset);
    return count(ends_[lines - 1], lines);
  }

  LimitFigures figures;

 private:
  size_t count(size_t bytes, size_t lines) {
    figures.raw_bytes += bytes;
    figures.lines += lines;
    return bytes;
  }

  void encode(uint32_t lines, off_t offset) {
    LineBlock block;
    block.origin = &origin_;
    block.bytes = block_.data();
    block.line_ends = ends_.data();
    block.line_count = lines;
    block.first_offset = FileOffset(offset);
    block.read_at = WallTime(1'795'367'417'123'456'789 + offset);
    for (uint32_t next = 0; next < lines;) {
      next = encoder_.encode(block, next, lines - next, body_).next_line;
      if (next < lines) seal();
    }
  }

  void seal() {
    encoder_.finish(body_);
    figures.encoded_bytes += body_.size;
    ++figures.bodies;
    size_t wire = body_.size;
    if (codec_.compressor != nullptr) {
      const auto* bytes = reinterpret_cast<const std::byte*>(body_.data);
      const Result<size_t> packed =
          codec_.compressor->compress(std::span(bytes, body_.size), packed_);
      SLUICE_CHECK(packed.ok(), "the bound of the codec holds");
      wire = packed.value();
    }
    figures.wire_bytes += wire;
    body_.size = 0;
  }

  Codec codec_;
  std::vector<uint8_t> block_;
  std::vector<uint32_t> ends_;
  TailOrigin origin_;
  JsonEncoder encoder_{JsonEncoder::Options{}};
  std::vector<uint8_t> body_memory_;
  BodyBuffer body_;
  std::vector<std::byte> packed_;
};

}  // namespace

std::vector<std::string> limit_codecs() {
  std::vector<std::string> names;
  for (const char* name :
       {"libdeflate-1", "libdeflate-6", "log", "igzip-1", "zstd-1", "none", "scan", "read"}) {
    if (make_codec(name).ok()) names.emplace_back(name);
  }
  return names;
}

Result<LimitFigures> run_limit(const LimitOptions& options) {
  Result<Codec> codec = make_codec(options.codec);
  if (!codec.ok()) return codec.error();
  const File file(options.file);
  if (file.get() < 0) return Error::from_errno("open");
  Loop loop(options, std::move(codec).value());
  // One warm block: first touches of memory and the codec's tables are not the loop's.
  const Result<size_t> warm = loop.turn(file.get(), 0);
  if (!warm.ok()) return warm.error();
  if (warm.value() == 0) return Error{Errc::kInvalid, 0, "no whole line in the first block"};
  loop.figures = {};

  const double cpu_start = seconds_of(CLOCK_THREAD_CPUTIME_ID);
  const double wall_start = seconds_of(CLOCK_MONOTONIC);
  double cpu = 0;
  for (off_t offset = 0; cpu < options.seconds;) {
    const Result<size_t> took = loop.turn(file.get(), offset);
    if (!took.ok()) return took.error();
    offset = took.value() == 0 ? 0 : offset + static_cast<off_t>(took.value());
    cpu = seconds_of(CLOCK_THREAD_CPUTIME_ID) - cpu_start;
  }
  loop.figures.cpu_seconds = cpu;
  loop.figures.wall_seconds = seconds_of(CLOCK_MONOTONIC) - wall_start;
  return loop.figures;
}

}  // namespace sluice
