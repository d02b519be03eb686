// SPDX-License-Identifier: Apache-2.0
#include "measure/bench_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <thread>

#define HWY_WANT_AVX3_DL 1
#include <hwy/highway.h>
#include <hwy/targets.h>

#include "control/config_choices.h"
#include "control/config_values.h"
#include "flow/compress/codecs.h"
#include "measure/send_loop.h"
#include "platform/io_probe.h"

namespace sluice {
namespace {

// Raising it makes slices shorter and medians steadier, until a slice is a few bodies only.
constexpr double kRoundsWanted = 12;
constexpr double kSliceSecondsMin = 0.01;
constexpr double kSliceSecondsMax = 0.25;
constexpr int32_t kShardsMax = 32;
constexpr size_t kSmallBody = size_t{4} << 10;
constexpr size_t kLargeBody = size_t{256} << 10;

// One way to set the flags.
struct Variant {
  std::string flag;
  Compression compression = Compression::kGzip;
  CompressionLevel level;
  size_t body_bytes = 0;
  uint32_t body_lines_max = 0;
  bool is_level = false;  // else it is about the size of bodies
  std::unique_ptr<RawLoop> loop = nullptr;
  std::vector<LoopFigures> rounds = {};
};

CompressionLevel fixed(int32_t level) {
  return {CompressionLevel::Mode::kFixed, level};
}

// The flags that lead from the current codec to this one.
std::string codec_flag(Compression compression, const CompressionLevel& level,
                       Compression current) {
  if (compression == Compression::kNone) return "-compression none";
  std::string flags = fmt::format("-level {}", format_level(level));
  if (compression != current)
    flags = fmt::format("-compression {} {}", word_of(compression), flags);
  return flags;
}

double per_gb(double amount, uint64_t raw_bytes) {
  return amount / static_cast<double>(raw_bytes) * 1e9;
}

class BenchRun {
 public:
  BenchRun(const BenchSubject& subject, Interrupt& interrupt)
      : subject_(subject), interrupt_(interrupt) {}

  // Empty, or why it cannot be measured.
  std::string prepare() {
    plan_variants();
    for (auto variant = variants_.begin(); variant != variants_.end();) {
      auto loop = loop_of(*variant);
      if (loop) {
        variant->loop = std::move(loop).value();
        ++variant;
        continue;
      }
      // A codec that this build lacks is no row; the current one is checked by the configuration.
      if (loop.error().code != Errc::kUnsupported || variant == variants_.begin())
        return loop.error().message();
      variant = variants_.erase(variant);
    }
    for (int32_t shards = 1; shards < std::min(subject_.cpus, kShardsMax); shards *= 2)
      shard_counts_.push_back(shards);
    shard_counts_.push_back(std::min(subject_.cpus, kShardsMax));
    for (int32_t i = 0; i < shard_counts_.back(); ++i) {
      auto loop = loop_of(variants_.front());
      if (!loop) return loop.error().message();
      shard_loops_.push_back(std::move(loop).value());
    }
    shard_rounds_.resize(shard_counts_.size());
    auto io = make_io(IoBackend::kPread, UringProbe{}, LoopIoOptions{});
    if (!io) return io.error().message();
    io_ = std::move(io->io);
    return {};
  }

  std::string measure(const std::function<void(double)>& progress) {
    const double begin = seconds_of_wall();
    const double slices = static_cast<double>(variants_.size() + shard_counts_.size() + 3);
    slice_ =
        std::clamp(subject_.seconds / slices / kRoundsWanted, kSliceSecondsMin, kSliceSecondsMax);
    // The first slice after a pause finds a slow clock and cold caches.
    const Result<LoopFigures> warm = variants_.front().loop->run(slice());
    if (!warm) return warm.error().message();
    do {
      std::string problem = round();
      if (!problem.empty()) return problem;
      if (interrupt_.came()) return "interrupted";
      ++rounds_;
      seconds_ = seconds_of_wall() - begin;
      progress(std::min(1.0, seconds_ / subject_.seconds));
      // The next round is only begun if it will be over in time.
    } while (seconds_ + seconds_ / static_cast<double>(rounds_) <= subject_.seconds);
    return {};
  }

  BenchFigures figures() const {
    BenchFigures all;
    all.log = subject_.log.what;
    all.warning = subject_.log.warning;
    all.line_bytes = subject_.log.line_bytes;
    all.flags = fmt::format("{} -batch-bytes {} -batch {}", variants_.front().flag,
                            format_bytes(Bytes(static_cast<int64_t>(subject_.loop.body_bytes))),
                            subject_.loop.body_lines_max);
    all.simd = hwy::TargetName(hwy::SupportedAndGeneratedTargets().front());
    all.cpus = subject_.cpus;
    all.rounds = rounds_;
    all.seconds = seconds_;
    const SendCost send = cost_of_sending();
    all.send_us_per_request = send.cpu_s_per_request * 1e6;
    all.send_cpu_s_per_wire_gb = send.cpu_s_per_byte * 1e9;
    add_ceiling(all, send);
    add_rows(all, send);
    add_shards(all);
    return all;
  }

 private:
  // The first one is what the flags say.
  void plan_variants() {
    const LoopSettings& loop = subject_.loop;
    const Variant current{codec_flag(subject_.compression, subject_.level, Compression::kGzip),
                          subject_.compression,
                          subject_.level,
                          loop.body_bytes,
                          loop.body_lines_max,
                          true};
    const auto add = [&](std::string flag, Compression compression, const CompressionLevel& level,
                         size_t body_bytes, uint32_t lines_max, bool is_level) {
      const bool same = compression == current.compression && level == current.level &&
                        body_bytes == current.body_bytes && lines_max == current.body_lines_max;
      if (!same || variants_.empty())
        variants_.push_back({std::move(flag), compression, level, body_bytes, lines_max, is_level});
    };
    add(current.flag, current.compression, current.level, loop.body_bytes, loop.body_lines_max,
        true);
    const std::pair<Compression, CompressionLevel> codecs[] = {
        {Compression::kGzip, {CompressionLevel::Mode::kFast, 1}},
        {Compression::kGzip, fixed(1)},
        {Compression::kGzip, fixed(6)},
        {Compression::kZstd, fixed(1)},
        {Compression::kNone, {}}};
    for (const auto& [compression, level] : codecs)
      add(codec_flag(compression, level, current.compression), compression, level, loop.body_bytes,
          loop.body_lines_max, true);
    for (size_t body = size_t{64} << 10; body <= size_t{2} << 20; body *= 2)
      add(fmt::format("-batch-bytes {}", format_bytes(Bytes(static_cast<int64_t>(body)))),
          current.compression, current.level, body, loop.body_lines_max, false);
    for (const uint32_t lines : {100U, 1000U, 10000U})
      add(fmt::format("-batch {}", lines), current.compression, current.level, loop.body_bytes,
          lines, false);
  }

  Result<std::unique_ptr<RawLoop>> loop_of(const Variant& variant) const {
    LoopSettings settings = subject_.loop;
    settings.body_bytes = variant.body_bytes;
    settings.body_lines_max = variant.body_lines_max;
    auto compressor = make_compressor(variant.compression, variant.level);
    if (!compressor) return compressor.error();
    // The figures speak of a backlog: that is when speed counts.
    (*compressor)->set_pace(Pace::kBehind);
    return RawLoop::create(std::move(settings), std::move(compressor).value());
  }

  // CPU time, but not without end when others have the CPU.
  LoopTime slice() const { return {.cpu_seconds = slice_, .wall_seconds = 2 * slice_}; }

  std::string round() {
    for (Variant& variant : variants_) {
      const Result<LoopFigures> ran = variant.loop->run(slice());
      if (!ran) return ran.error().message();
      variant.rounds.push_back(ran.value());
    }
    const Result<LoopFigures> timed = variants_.front().loop->run_timed(slice());
    if (!timed) return timed.error().message();
    timed_.push_back(timed.value());
    for (size_t i = 0; i < shard_counts_.size(); ++i)
      run_shards(shard_counts_[i], shard_rounds_[i]);
    std::string problem = send(kSmallBody, small_seconds_);
    return problem.empty() ? send(kLargeBody, large_seconds_) : problem;
  }

  void run_shards(int32_t shards, std::vector<double>& mb_per_s) {
    std::vector<std::thread> threads;
    std::vector<double> rates(static_cast<size_t>(shards), 0);
    for (size_t i = 0; i < rates.size(); ++i) {
      threads.emplace_back([this, i, &rates] {
        const Result<LoopFigures> ran = shard_loops_[i]->run({.wall_seconds = slice_});
        if (ran) rates[i] = static_cast<double>(ran->raw_bytes) / 1e6 / ran->wall_seconds;
      });
    }
    for (std::thread& thread : threads) thread.join();
    double sum = 0;
    for (const double rate : rates) sum += rate;
    mb_per_s.push_back(sum);
  }

  std::string send(size_t bytes, std::vector<double>& cpu_seconds) {
    const Parcel parcel = noise_parcel(bytes);
    const auto sent = send_bodies(subject_.wire, parcel, {.wall_seconds = slice_}, *io_);
    if (const auto* words = std::get_if<std::string>(&sent))
      return "the null destination failed: " + *words;
    const auto& figures = std::get<SendFigures>(sent);
    cpu_seconds.push_back(figures.cpu_seconds / static_cast<double>(figures.requests));
    return {};
  }

  SendCost cost_of_sending() const {
    return send_cost(kSmallBody, spread_of(small_seconds_).median, kLargeBody,
                     spread_of(large_seconds_).median);
  }

  void add_ceiling(BenchFigures& all, const SendCost& send) const {
    std::vector<double> rates;
    std::vector<double> lines;
    for (const LoopFigures& round : variants_.front().rounds) {
      rates.push_back(round.raw_mb_per_cpu_second());
      lines.push_back(static_cast<double>(round.lines) / round.cpu_seconds);
    }
    all.ceiling_mb_per_cpu_s = spread_of(rates).median;
    all.ceiling_lines_per_cpu_s = spread_of(lines).median;
    LoopFigures sum;
    for (const LoopFigures& round : timed_) {
      sum.raw_bytes += round.raw_bytes;
      for (size_t i = 0; i < kLoopStages; ++i) sum.stage_seconds[i] += round.stage_seconds[i];
    }
    const char* const names[] = {"read (page cache)", "find lines", "records (JSON)", "compress"};
    for (size_t i = 0; i < kLoopStages; ++i)
      all.stages.push_back({names[i], per_gb(sum.stage_seconds[i], sum.raw_bytes), 0});
    all.stages.push_back(
        {"send (HTTP, loopback)",
         per_gb(send_seconds(variants_.front(), send), raw_bytes(variants_.front())), 0});
    double whole = 0;
    for (const BenchStage& stage : all.stages) whole += stage.cpu_s_per_gb;
    for (BenchStage& stage : all.stages) stage.share = stage.cpu_s_per_gb / whole;
  }

  static uint64_t raw_bytes(const Variant& variant) {
    uint64_t sum = 0;
    for (const LoopFigures& round : variant.rounds) sum += round.raw_bytes;
    return sum;
  }

  static double send_seconds(const Variant& variant, const SendCost& send) {
    double sum = 0;
    for (const LoopFigures& round : variant.rounds)
      sum += send.of(static_cast<double>(round.bodies), static_cast<double>(round.wire_bytes));
    return sum;
  }

  void add_rows(BenchFigures& all, const SendCost& send) const {
    const Variant& first = variants_.front();
    for (const Variant& variant : variants_) {
      BenchRow row = row_of(variant, first, send);
      row.current = &variant == &first;
      if (row.current) {
        all.levels.push_back(row);
        row.flag = fmt::format("-batch-bytes {} -batch {}",
                               format_bytes(Bytes(static_cast<int64_t>(first.body_bytes))),
                               first.body_lines_max);
        all.batches.push_back(row);
      } else {
        (variant.is_level ? all.levels : all.batches).push_back(row);
      }
    }
  }

  // What sending costs is known only over all rounds: bodies of one slice are too few.
  static BenchRow row_of(const Variant& variant, const Variant& first, const SendCost& send) {
    const auto cost_with_send = [&send](const Variant& of, size_t round) {
      const auto raw = static_cast<double>(of.rounds[round].raw_bytes);
      const auto all_raw = static_cast<double>(raw_bytes(of));
      return of.rounds[round].cpu_seconds / raw + send_seconds(of, send) / all_raw;
    };
    std::vector<double> rates;
    std::vector<double> ratios;
    for (size_t i = 0; i < variant.rounds.size(); ++i) {
      rates.push_back(1e-6 / cost_with_send(variant, i));
      ratios.push_back(cost_with_send(first, i) / cost_with_send(variant, i));
    }
    uint64_t wire = 0;
    uint64_t bodies = 0;
    for (const LoopFigures& round : variant.rounds) {
      wire += round.wire_bytes;
      bodies += round.bodies;
    }
    const uint64_t raw = raw_bytes(variant);
    return {variant.flag,
            false,
            spread_of(rates).median,
            spread_of(ratios),
            static_cast<double>(wire) / static_cast<double>(raw),
            per_gb(static_cast<double>(bodies), raw)};
  }

  void add_shards(BenchFigures& all) const {
    for (size_t i = 0; i < shard_counts_.size(); ++i) {
      std::vector<double> ratios;
      for (size_t round = 0; round < shard_rounds_[i].size(); ++round)
        ratios.push_back(shard_rounds_[i][round] / shard_rounds_[0][round]);
      all.shards.push_back({shard_counts_[i], spread_of(shard_rounds_[i]).median, spread_of(ratios),
                            subject_.memory_of(shard_counts_[i])});
    }
  }

  const BenchSubject& subject_;
  Interrupt& interrupt_;
  double slice_ = 0;
  std::vector<Variant> variants_;
  std::vector<LoopFigures> timed_;
  std::vector<int32_t> shard_counts_;
  std::vector<std::unique_ptr<RawLoop>> shard_loops_;
  std::vector<std::vector<double>> shard_rounds_;  // by shard_counts_: MB/s per round
  std::unique_ptr<LoopIo> io_;
  std::vector<double> small_seconds_;  // of CPU per request, per round
  std::vector<double> large_seconds_;
  size_t rounds_ = 0;
  double seconds_ = 0;
};

}  // namespace

std::variant<BenchFigures, std::string> run_bench(const BenchSubject& subject, Interrupt& interrupt,
                                                  const std::function<void(double)>& progress) {
  BenchRun run(subject, interrupt);
  std::string problem = run.prepare();
  if (problem.empty()) problem = run.measure(progress);
  if (!problem.empty()) return problem;
  return run.figures();
}

}  // namespace sluice
