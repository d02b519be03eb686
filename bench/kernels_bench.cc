// SPDX-License-Identifier: Apache-2.0
// kernels_bench.cc — what one core does in each kernel: Google Benchmark, bytes of raw log per
// second.
//
// In:      the corpora of corpus.h, 256 KiB of each, which is one block and fits the second-level
//          cache as it does in the agent.
// Out:     a table; --benchmark_filter, --benchmark_format as usual.
// Thread:  one.
// Why so:  every kernel stands beside its scalar twin and beside what a library offers for the same
//          work, so that a kernel which does not earn its lines is seen.
#include <benchmark/benchmark.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "corpus.h"
#include "flow/compress/codecs.h"
#include "flow/encode/escape.h"
#include "flow/encode/json_encoder.h"
#include "flow/split/newline_scan.h"

#define HWY_WANT_AVX3_DL 1
#include <hwy/highway.h>
#include <hwy/targets.h>

namespace sluice {
namespace {

constexpr size_t kBlock = 256 << 10;

const std::string& corpus(CorpusShape shape) {
  static const std::string texts[] = {make_corpus(CorpusShape::kNginx, kBlock),
                                      make_corpus(CorpusShape::kJsonApp, kBlock),
                                      make_corpus(CorpusShape::kShort, kBlock)};
  return texts[static_cast<size_t>(shape)];
}

const uint8_t* bytes_of(const std::string& text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

std::vector<uint32_t> ends_of(const std::string& text) {
  std::vector<uint32_t> ends(text.size());
  ends.resize(scan_newlines_scalar(bytes_of(text), text.size(), ends.data(), ends.size()));
  return ends;
}

// Restricts dispatch to one instruction set for the life of the object.
class Target {
 public:
  explicit Target(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  ~Target() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
};

void finish(benchmark::State& state, const std::string& text) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * text.size()));
}

void scan(benchmark::State& state, CorpusShape shape, int64_t target) {
  const Target chosen(target);
  const std::string& text = corpus(shape);
  std::vector<uint32_t> ends(text.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(scan_newlines(bytes_of(text), text.size(), ends.data(), ends.size()));
    benchmark::ClobberMemory();
  }
  finish(state, text);
}

void scan_memchr(benchmark::State& state, CorpusShape shape) {
  const std::string& text = corpus(shape);
  std::vector<uint32_t> ends(text.size());
  for (auto _ : state) {
    size_t count = 0;
    const char* const begin = text.data();
    const char* const end = begin + text.size();
    for (const char* at = begin; at < end;) {
      const auto* newline =
          static_cast<const char*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
      if (newline == nullptr) break;
      at = newline + 1;
      ends[count++] = static_cast<uint32_t>(at - begin);
    }
    benchmark::DoNotOptimize(count);
    benchmark::ClobberMemory();
  }
  finish(state, text);
}

template <class Kernel>
void escape_lines(benchmark::State& state, CorpusShape shape, Kernel kernel) {
  const std::string& text = corpus(shape);
  const std::vector<uint32_t> ends = ends_of(text);
  std::vector<uint8_t> out(6 * text.size() + kEscapeSlack);
  EscapeCounts counts;
  for (auto _ : state) {
    uint8_t* at = out.data();
    uint32_t begin = 0;
    for (const uint32_t end : ends) {
      at = kernel(bytes_of(text) + begin, end - begin - 1, at, &counts);
      begin = end;
    }
    benchmark::DoNotOptimize(at);
    benchmark::ClobberMemory();
  }
  finish(state, text);
}

// One block as JSON records in one body.
class Encoding {
 public:
  explicit Encoding(const std::string& text)
      : ends_(ends_of(text)), memory_(8 * kBlock + (1 << 20)) {
    origin_.host = "web-01.example.com";
    origin_.path = "/var/log/nginx/access.log";
    block_.origin = &origin_;
    block_.bytes = bytes_of(text);
    block_.line_ends = ends_.data();
    block_.line_count = static_cast<uint32_t>(ends_.size());
    block_.read_at = WallTime(1'795'367'417'123'456'789);
  }
  std::span<const std::byte> body() {
    BodyBuffer body{memory_.data(), 0, memory_.size() / 2, memory_.size()};
    encoder_.encode(block_, 0, UINT32_MAX, body);
    encoder_.finish(body);
    return {reinterpret_cast<const std::byte*>(body.data), body.size};
  }

 private:
  std::vector<uint32_t> ends_;
  std::vector<uint8_t> memory_;
  TailOrigin origin_;
  LineBlock block_;
  JsonEncoder encoder_{JsonEncoder::Options{}};
};

void encode(benchmark::State& state, CorpusShape shape, int64_t target) {
  const Target chosen(target);
  Encoding encoding(corpus(shape));
  for (auto _ : state) benchmark::DoNotOptimize(encoding.body().size());
  finish(state, corpus(shape));
}

using MakeCompressor = Result<std::unique_ptr<Compressor>> (*)(int);

void compress(benchmark::State& state, CorpusShape shape, MakeCompressor make, int level) {
  Encoding encoding(corpus(shape));
  const std::span<const std::byte> body = encoding.body();
  const auto compressor = make(level);
  if (!compressor.ok()) return state.SkipWithError("not part of this build");
  std::vector<std::byte> out(compressor.value()->bound(body.size()));
  size_t wire = 0;
  for (auto _ : state) wire = compressor.value()->compress(body, out).value();
  finish(state, corpus(shape));
  state.counters["wire_per_raw"] =
      static_cast<double>(wire) / static_cast<double>(corpus(shape).size());
}

void compress_zlib(benchmark::State& state, CorpusShape shape) {
  Encoding encoding(corpus(shape));
  const std::span<const std::byte> body = encoding.body();
  std::vector<Bytef> out(compressBound(body.size()));
  uLongf wire = 0;
  for (auto _ : state) {
    wire = out.size();
    compress2(out.data(), &wire, reinterpret_cast<const Bytef*>(body.data()), body.size(), 1);
  }
  finish(state, corpus(shape));
  state.counters["wire_per_raw"] =
      static_cast<double>(wire) / static_cast<double>(corpus(shape).size());
}

void register_codecs(CorpusShape shape) {
  const std::string prefix = "compress/" + std::string(name_of(shape)) + "/";
  const auto add = [&](const char* library, MakeCompressor make,
                       std::initializer_list<int> levels) {
    for (const int level : levels) {
      benchmark::RegisterBenchmark(
          (prefix + library + "-" + std::to_string(level)).c_str(),
          [=](benchmark::State& state) { compress(state, shape, make, level); });
    }
  };
  add("libdeflate", make_deflate, {1, 3, 6, 9});
  add("log", [](int) { return Result<std::unique_ptr<Compressor>>(make_log_deflate()); }, {1});
  add("igzip", make_igzip, {1, 2, 3});
  add("zstd", make_zstd, {-1, 1, 3, 6});
  benchmark::RegisterBenchmark((prefix + "zlib-1").c_str(),
                               [=](benchmark::State& state) { compress_zlib(state, shape); });
}

void register_all() {
  for (const CorpusShape shape : kCorpusShapes) {
    const std::string name(name_of(shape));
    for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
      const std::string suffix = "/" + name + "/" + hwy::TargetName(target);
      benchmark::RegisterBenchmark(("scan" + suffix).c_str(),
                                   [=](benchmark::State& state) { scan(state, shape, target); });
      benchmark::RegisterBenchmark(("escape" + suffix).c_str(), [=](benchmark::State& state) {
        const Target chosen(target);
        escape_lines(state, shape, escape_json);
      });
      benchmark::RegisterBenchmark(("encode" + suffix).c_str(),
                                   [=](benchmark::State& state) { encode(state, shape, target); });
    }
    register_codecs(shape);
    benchmark::RegisterBenchmark(("scan/" + name + "/memchr").c_str(),
                                 [=](benchmark::State& state) { scan_memchr(state, shape); });
    benchmark::RegisterBenchmark(
        ("escape/" + name + "/twin").c_str(),
        [=](benchmark::State& state) { escape_lines(state, shape, escape_json_scalar); });
  }
}

}  // namespace
}  // namespace sluice

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  sluice::register_all();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
