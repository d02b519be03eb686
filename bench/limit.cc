// SPDX-License-Identifier: Apache-2.0
// limit.cc — sluice-limit: what one core can do at most, per codec and kind of log.
//
// In:      --file, or the built-in corpora, which it writes to a temporary file (page-cached, as a
//          log that was just written is); --codec, --seconds, --body-bytes, --simd.
// Out:     a table, or with --json one object per line: raw MB per CPU second, wire bytes per raw
//          byte. --generate writes a corpus to stdout instead, for other benchmarks.
// Owns:    the temporary file; removes it.
// Thread:  one.
// Fails:   exit code 1 with the failed call; 2 for wrong arguments.
// Why so:  see measure/raw_loop.h; the same corpora and the same loop stand beside every published
//          number.
#include <fmt/format.h>
#include <stdlib.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corpus.h"
#include "flow/compress/codecs.h"
#include "measure/raw_loop.h"

#define HWY_WANT_AVX3_DL 1
#include <hwy/highway.h>
#include <hwy/targets.h>

namespace sluice {
namespace {

struct Arguments {
  std::vector<std::string> files;
  std::vector<std::string> corpora;
  std::vector<std::string> codecs;
  std::string generate;
  std::string simd;
  size_t corpus_bytes = 64 << 20;
  size_t body_bytes = 512 << 10;
  double seconds = 3;  // of CPU time per row
  bool json = false;
};

// A row of the table: where the loop ends, and with which codec.
struct Codec {
  LoopStage last = LoopStage::kCompress;
  std::unique_ptr<Compressor> compressor;
};

Result<Codec> make_codec(const std::string& name) {
  if (name == "read") return Codec{LoopStage::kRead, nullptr};
  if (name == "scan") return Codec{LoopStage::kScan, nullptr};
  if (name == "none") return Codec{LoopStage::kEncode, nullptr};
  const size_t dash = name.find('-');
  const int level = dash == std::string::npos ? 1 : std::atoi(name.c_str() + dash + 1);
  const std::string_view family = std::string_view(name).substr(0, dash);
  Result<std::unique_ptr<Compressor>> made = Error{Errc::kInvalid, 0, "unknown codec"};
  if (family == "libdeflate") made = make_deflate(level);
  if (family == "log") made = make_log_deflate();
  if (family == "igzip") made = make_igzip(level);
  if (family == "zstd") made = make_zstd(level);
  if (!made.ok()) return made.error();
  return Codec{LoopStage::kCompress, std::move(made).value()};
}

// What this build can run.
std::vector<std::string> all_codecs() {
  std::vector<std::string> names;
  for (const char* name :
       {"libdeflate-1", "libdeflate-6", "log", "igzip-1", "zstd-1", "none", "scan", "read"}) {
    if (make_codec(name).ok()) names.emplace_back(name);
  }
  return names;
}

Result<LoopFigures> run_loop(const Arguments& arguments, const std::string& file,
                             const std::string& name) {
  Result<Codec> codec = make_codec(name);
  if (!codec.ok()) return codec.error();
  LoopSettings settings;
  settings.file = file;
  settings.body_bytes = arguments.body_bytes;
  settings.last = codec->last;
  auto loop = RawLoop::create(std::move(settings), std::move(codec->compressor));
  if (!loop.ok()) return loop.error();
  return (*loop)->run(LoopTime{.cpu_seconds = arguments.seconds});
}

// A corpus as a file with no name left behind.
class CorpusFile {
 public:
  explicit CorpusFile(const std::string& text) {
    const int fd = ::mkstemp(path_);
    if (fd < 0) return;
    size_t done = 0;
    while (done < text.size()) {
      const ssize_t wrote = ::write(fd, text.data() + done, text.size() - done);
      if (wrote <= 0) break;
      done += static_cast<size_t>(wrote);
    }
    ::close(fd);
    written_ = done == text.size();
  }
  ~CorpusFile() { ::unlink(path_); }
  CorpusFile(const CorpusFile&) = delete;
  CorpusFile& operator=(const CorpusFile&) = delete;
  bool written() const { return written_; }
  const char* path() const { return path_; }

 private:
  char path_[32] = "/tmp/sluice-limit-XXXXXX";
  bool written_ = false;
};

// Leaves only the named instruction set (and the scalar code) to choose from.
bool restrict_simd(const std::string& name) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (name != hwy::TargetName(target)) continue;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    return true;
  }
  fmt::print(stderr, "sluice-limit: this CPU has no {}; it has", name);
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    fmt::print(stderr, " {}", hwy::TargetName(target));
  }
  fmt::print(stderr, "\n");
  return false;
}

std::string chosen_simd() {
  return hwy::TargetName(hwy::SupportedAndGeneratedTargets().front());
}

void print_row(const Arguments& arguments, std::string_view corpus, const std::string& codec,
               const LoopFigures& f) {
  const auto raw = static_cast<double>(f.raw_bytes);
  const double line_bytes = f.lines == 0 ? 0 : raw / static_cast<double>(f.lines);
  const double lines_per_second = static_cast<double>(f.lines) / f.cpu_seconds;
  const double wire = static_cast<double>(f.wire_bytes) / raw;
  const double inflation = static_cast<double>(f.encoded_bytes) / raw;
  if (arguments.json) {
    fmt::print(
        "{{\"corpus\":\"{}\",\"codec\":\"{}\",\"simd\":\"{}\",\"body_bytes\":{},"
        "\"raw_mb_per_cpu_second\":{:.2f},\"lines_per_cpu_second\":{:.0f},\"line_bytes\":{:.1f},"
        "\"wire_per_raw\":{:.4f},\"encoded_per_raw\":{:.3f},\"raw_bytes\":{},\"bodies\":{},"
        "\"cpu_seconds\":{:.4f},\"wall_seconds\":{:.4f}}}\n",
        corpus, codec, chosen_simd(), arguments.body_bytes, f.raw_mb_per_cpu_second(),
        lines_per_second, line_bytes, wire, inflation, f.raw_bytes, f.bodies, f.cpu_seconds,
        f.wall_seconds);
  } else {
    fmt::print("{:<8} {:<13} {:>10.0f} {:>12.0f} {:>8.1f} {:>9.3f} {:>9.2f}\n", corpus, codec,
               f.raw_mb_per_cpu_second(), lines_per_second, line_bytes, wire, inflation);
  }
  std::fflush(stdout);
}

bool run_file(const Arguments& arguments, std::string_view corpus, const std::string& file) {
  for (const std::string& codec : arguments.codecs) {
    const Result<LoopFigures> figures = run_loop(arguments, file, codec);
    if (!figures.ok()) {
      fmt::print(stderr, "sluice-limit: {}: {}: {}\n", file, codec, figures.error().message());
      return false;
    }
    print_row(arguments, corpus, codec, figures.value());
  }
  return true;
}

bool run_corpus(const Arguments& arguments, const std::string& name) {
  const CorpusFile file(make_corpus(*corpus_shape_of(name), arguments.corpus_bytes));
  if (!file.written()) {
    fmt::print(stderr, "sluice-limit: {}: {}\n", file.path(), std::strerror(errno));
    return false;
  }
  return run_file(arguments, name, file.path());
}

int run(const Arguments& arguments) {
  if (!arguments.simd.empty() && !restrict_simd(arguments.simd)) return 2;
  if (!arguments.json) {
    fmt::print("one core, {}, bodies of {} KiB before compression\n", chosen_simd(),
               arguments.body_bytes >> 10);
    fmt::print("{:<8} {:<13} {:>10} {:>12} {:>8} {:>9} {:>9}\n", "corpus", "codec", "raw MB/s",
               "lines/s", "B/line", "wire/raw", "json/raw");
  }
  for (const std::string& file : arguments.files) {
    if (!run_file(arguments, "file", file)) return 1;
  }
  for (const std::string& corpus : arguments.corpora) {
    if (!run_corpus(arguments, corpus)) return 1;
  }
  return 0;
}

int generate(const Arguments& arguments) {
  const std::string text =
      make_corpus(*corpus_shape_of(arguments.generate), arguments.corpus_bytes);
  return std::fwrite(text.data(), 1, text.size(), stdout) == text.size() ? 0 : 1;
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  using namespace sluice;
  Arguments arguments;
  CLI::App app{"The one-core limit: read, scan, encode, compress; no network"};
  const CLI::IsMember shapes({"nginx", "json", "short"});
  app.add_option("--file", arguments.files, "Log file; default: the built-in corpora")
      ->check(CLI::ExistingFile);
  app.add_option("--corpus", arguments.corpora, "nginx, json, short")->check(shapes);
  app.add_option("--codec", arguments.codecs,
                 "log, libdeflate-N, igzip-N, zstd-N, none, scan, read; default: a choice of them");
  app.add_option("--seconds", arguments.seconds, "CPU seconds per row")
      ->check(CLI::Range(0.001, 3600.0));
  app.add_option("--body-bytes", arguments.body_bytes, "Bytes of a body before compression")
      ->check(CLI::Range(size_t{1}, size_t{256} << 20));
  app.add_option("--corpus-bytes", arguments.corpus_bytes, "Bytes of a built-in corpus");
  app.add_option("--simd", arguments.simd, "Only this instruction set: AVX3_DL, AVX3, AVX2, ...");
  app.add_option("--generate", arguments.generate, "Write this corpus to stdout and stop")
      ->check(shapes);
  app.add_flag("--json", arguments.json, "One JSON object per row");
  CLI11_PARSE(app, argc, argv);
  if (!arguments.generate.empty()) return generate(arguments);
  if (arguments.codecs.empty()) arguments.codecs = all_codecs();
  if (arguments.files.empty() && arguments.corpora.empty()) {
    for (const CorpusShape shape : kCorpusShapes) {
      arguments.corpora.emplace_back(name_of(shape));
    }
  }
  return run(arguments);
}
