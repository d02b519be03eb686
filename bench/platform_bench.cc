// SPDX-License-Identifier: Apache-2.0
// platform_bench.cc — what one operation of the platform costs. All of them happen per block, per
// parcel or per turn; the figures show that none of them matters next to 256 KiB of compression.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "platform/io_probe.h"
#include "platform/mpmc_block_queue.h"
#include "platform/mpmc_channel.h"
#include "platform/pread_io.h"
#include "platform/read_pool.h"
#include "platform/uring_io.h"
#include "sluice/parcel.h"

namespace sluice {
namespace {

void pool_take_and_give(benchmark::State& state) {
  auto pool = ReadPool::create({.shards = 1, .buffers_per_shard = 6}).value();
  for (auto _ : state) {
    ReadBuffer* buffer = pool->take(ShardId(0));
    benchmark::DoNotOptimize(buffer);
    pool->give(buffer);
  }
}
BENCHMARK(pool_take_and_give);

void channel_push_and_pop(benchmark::State& state) {
  MpmcChannel<ParcelPtr> channel(256, 2);
  ParcelPtr parcel = std::make_unique<Parcel>();
  for (auto _ : state) {
    if (!channel.push(0, std::move(parcel)) || !channel.pop(parcel)) std::abort();
  }
}
BENCHMARK(channel_push_and_pop);

void block_queue_publish_and_take(benchmark::State& state) {
  MpmcBlockQueue queue(2, 16);
  TailOrigin origin;
  LineBlock block;
  block.origin = &origin;
  for (auto _ : state) {
    queue.publish(ShardId(0), &block);
    LineBlock* taken = state.range(0) == 0 ? queue.take_own(ShardId(0)) : queue.steal(ShardId(1));
    benchmark::DoNotOptimize(taken);
  }
}
BENCHMARK(block_queue_publish_and_take)->ArgName("steal")->Arg(0)->Arg(1);

// Buffers of a pool, registered, and a file that lies in the page cache.
struct Reading {
  explicit Reading(bool uring, size_t file_bytes) {
    pool = ReadPool::create({.shards = 1, .buffers_per_shard = 4}).value();
    pieces = pool->registrations(ShardId(0));
    const LoopIoOptions options{4, pieces};
    if (uring) {
      auto made = UringIo::create(options);
      if (made) io = std::move(made).value();
    } else {
      io = PreadIo::create(options).value();
    }
    // A file with a name: a ring hands reads of memory files to its worker threads.
    std::string path = (std::filesystem::temp_directory_path() / "sluice-bench-XXXXXX").string();
    file = ::mkostemp(path.data(), O_CLOEXEC);
    ::unlink(path.c_str());
    const std::vector<char> text(file_bytes, 'x');
    if (::write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) std::abort();
  }
  ~Reading() {
    io.reset();
    ::close(file);
  }
  Reading(const Reading&) = delete;
  Reading& operator=(const Reading&) = delete;

  std::unique_ptr<ReadPool> pool;
  std::vector<iovec> pieces;
  std::unique_ptr<LoopIo> io;
  int file = -1;
};

void read_cached(benchmark::State& state) {
  const bool registered = state.range(2) != 0;
  const auto bytes = static_cast<size_t>(state.range(1));
  Reading reading(state.range(0) != 0, bytes);
  if (reading.io == nullptr) return state.SkipWithError("no io_uring here");
  std::vector<ReadBuffer*> buffers;
  for (int i = 0; i < 4; ++i) buffers.push_back(reading.pool->take(ShardId(0)));
  std::array<ReadDone, 4> done;
  for (auto _ : state) {
    for (const ReadBuffer* buffer : buffers) {
      const std::span<std::byte> into = buffer->text.first(bytes);
      if (!reading.io->submit({static_cast<uint64_t>(buffer->index), FileHandle{reading.file},
                               FileOffset(0), into, registered ? buffer->registered : -1})) {
        std::abort();
      }
    }
    for (size_t left = 4; left > 0;) {
      const size_t count = reading.io->reap(done);
      if (count == 0) reading.io->wait(kNever);
      left -= count;
    }
  }
  state.SetBytesProcessed(state.iterations() * 4 * state.range(1));
  state.SetItemsProcessed(state.iterations() * 4);
}
BENCHMARK(read_cached)
    ->ArgNames({"uring", "bytes", "registered"})
    ->Args({0, 4096, 0})
    ->Args({1, 4096, 0})
    ->Args({1, 4096, 1})
    ->Args({0, kBlockBytes, 0})
    ->Args({1, kBlockBytes, 0})
    ->Args({1, kBlockBytes, 1});

void wait_that_is_due(benchmark::State& state) {
  Reading reading(state.range(0) != 0, 1);
  if (reading.io == nullptr) return state.SkipWithError("no io_uring here");
  for (auto _ : state) reading.io->wait(MonoTime(0));
}
BENCHMARK(wait_that_is_due)->ArgName("uring")->Arg(0)->Arg(1);

void wake_of_a_loop_that_is_awake(benchmark::State& state) {
  Reading reading(false, 1);
  for (auto _ : state) reading.io->wake();
}
BENCHMARK(wake_of_a_loop_that_is_awake);

}  // namespace
}  // namespace sluice

BENCHMARK_MAIN();
