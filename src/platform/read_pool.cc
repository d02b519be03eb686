// SPDX-License-Identifier: Apache-2.0
#include "platform/read_pool.h"

#include <sys/mman.h>
#include <unistd.h>

#include <bit>

#include "sluice/check.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#endif

namespace sluice {
namespace {

constexpr size_t kHeadBytes = Marker::kBytesMax;
constexpr size_t kIndexBytes = kBlockLinesMax * sizeof(uint32_t);

size_t page_bytes() {
  static const auto size = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  return size;
}

size_t whole_pages(size_t bytes) {
  return (bytes + page_bytes() - 1) / page_bytes() * page_bytes();
}

// Without the guard page.
size_t usable_bytes(size_t text_bytes) {
  return whole_pages(kIndexBytes) + whole_pages(kHeadBytes + text_bytes + kReadSlackBytes);
}

// In a build with AddressSanitizer a buffer in the pool is poison: a block that is read after its
// buffer went home is reported at once.
void set_readable([[maybe_unused]] const ReadBuffer& buffer, [[maybe_unused]] bool readable) {
#ifdef ASAN_POISON_MEMORY_REGION
  const std::byte* from = buffer.text.data() - kHeadBytes;
  const size_t bytes = kHeadBytes + buffer.text.size() + kReadSlackBytes;
  if (readable) {
    ASAN_UNPOISON_MEMORY_REGION(from, bytes);
    ASAN_UNPOISON_MEMORY_REGION(buffer.line_ends.data(), buffer.line_ends.size_bytes());
  } else {
    ASAN_POISON_MEMORY_REGION(from, bytes);
    ASAN_POISON_MEMORY_REGION(buffer.line_ends.data(), buffer.line_ends.size_bytes());
  }
#endif
}

}  // namespace

size_t read_buffer_bytes(size_t text_bytes) {
  return usable_bytes(text_bytes);
}

Result<std::unique_ptr<ReadPool>> ReadPool::create(const ReadPoolShape& shape) {
  SLUICE_CHECK(shape.shards > 0 && shape.buffers_per_shard > 0, "a shard that reads has a buffer");
  SLUICE_CHECK(shape.buffers_per_shard <= kBuffersPerShardMax, "one bit each");
  SLUICE_CHECK(shape.oversize >= 0 && shape.oversize <= kBuffersPerShardMax, "one bit each");
  const size_t normal = static_cast<size_t>(shape.shards) *
                        static_cast<size_t>(shape.buffers_per_shard) *
                        (usable_bytes(kBlockBytes) + page_bytes());
  const size_t oversize = static_cast<size_t>(shape.oversize) *
                          (usable_bytes(shape.oversize_text_bytes) + page_bytes());
  const size_t mapped = normal + oversize;
  void* memory =
      ::mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return Error::from_errno("mmap of the read buffers");
  // Huge pages would make a buffer resident that is touched in one place.
  ::madvise(memory, mapped, MADV_NOHUGEPAGE);
  auto pool =
      std::unique_ptr<ReadPool>(new ReadPool(shape, static_cast<std::byte*>(memory), mapped));
  for (const ReadBuffer& buffer : pool->buffers_) {
    const size_t usable = usable_bytes(buffer.text.size());
    if (::mprotect(buffer.line_ends.data(), usable, PROT_READ | PROT_WRITE) != 0) {
      return Error::from_errno("mprotect of the read buffers");
    }
  }
  return pool;
}

ReadPool::ReadPool(const ReadPoolShape& shape, std::byte* memory, size_t mapped_bytes)
    : shape_(shape),
      memory_(memory),
      mapped_bytes_(mapped_bytes),
      homes_(std::make_unique<Home[]>(static_cast<size_t>(shape.shards) + 1)),
      buffers_(static_cast<size_t>(shape.shards * shape.buffers_per_shard + shape.oversize)) {
  std::byte* at = memory;
  size_t index = 0;
  for (int32_t home = 0; home <= shape.shards; ++home) {
    const bool oversize = home == shape.shards;
    const int32_t count = oversize ? shape.oversize : shape.buffers_per_shard;
    const size_t text_bytes = oversize ? shape.oversize_text_bytes : kBlockBytes;
    homes_[static_cast<size_t>(home)].first = static_cast<int32_t>(index);
    for (int32_t i = 0; i < count; ++i, ++index) {
      lay_out(index, at, text_bytes);
      ReadBuffer& buffer = buffers_[index];
      buffer.home = ShardId(oversize ? 0U : static_cast<uint32_t>(home));
      buffer.registered = oversize ? -1 : i;
      buffer.oversize = oversize;
      homes_[static_cast<size_t>(home)].free |= uint64_t{1} << i;
      set_readable(buffer, false);
      at += usable_bytes(text_bytes) + page_bytes();
    }
  }
  SLUICE_CHECK(at == memory + mapped_bytes, "the buffers fill the mapping");
}

void ReadPool::lay_out(size_t index, std::byte* at, size_t text_bytes) {
  ReadBuffer& buffer = buffers_[index];
  buffer.index = static_cast<int32_t>(index);
  buffer.line_ends = {reinterpret_cast<uint32_t*>(at), kBlockLinesMax};
  buffer.text = {at + whole_pages(kIndexBytes) + kHeadBytes, text_bytes};
}

ReadPool::~ReadPool() {
  for (const ReadBuffer& buffer : buffers_) set_readable(buffer, true);
  ::munmap(memory_, mapped_bytes_);
}

void ReadPool::set_waker(ShardId shard, Waker* waker) {
  SLUICE_CHECK(shard.value < static_cast<uint32_t>(shape_.shards), "a shard of this pool");
  homes_[shard.value].waker = waker;
}

std::vector<iovec> ReadPool::registrations(ShardId shard) const {
  std::vector<iovec> pieces;
  for (const ReadBuffer& buffer : buffers_) {
    if (buffer.oversize || buffer.home != shard) continue;
    pieces.push_back(
        {buffer.text.data() - kHeadBytes, kHeadBytes + buffer.text.size() + kReadSlackBytes});
  }
  return pieces;
}

size_t ReadPool::free_count(ShardId shard) const {
  return static_cast<size_t>(std::popcount(homes_[shard.value].free.load()));
}

ReadBuffer* ReadPool::take_from(Home& home) {
  uint64_t free = home.free.load();
  while (free != 0) {
    const int bit = std::countr_zero(free);
    if (!home.free.compare_exchange_weak(free, free & ~(uint64_t{1} << bit))) continue;
    ReadBuffer& buffer = buffers_[static_cast<size_t>(home.first + bit)];
    set_readable(buffer, true);
    buffer.block = LineBlock{};
    buffer.block.buffer = buffer.index;
    return &buffer;
  }
  return nullptr;
}

ReadBuffer* ReadPool::take(ShardId shard) {
  SLUICE_CHECK(shard.value < static_cast<uint32_t>(shape_.shards), "a shard of this pool");
  Home& home = homes_[shard.value];
  if (ReadBuffer* buffer = take_from(home)) return buffer;
  // Announced first, then looked again: a buffer that comes home in between is not overlooked.
  home.starving.store(true);
  return take_from(home);
}

ReadBuffer* ReadPool::take_oversize() {
  Home& home = homes_[static_cast<size_t>(shape_.shards)];
  if (ReadBuffer* buffer = take_from(home)) return buffer;
  home.starving.store(true);
  return take_from(home);
}

ReadBuffer* ReadPool::at(int32_t index) {
  SLUICE_CHECK(index >= 0 && static_cast<size_t>(index) < buffers_.size(), "a buffer of this pool");
  return &buffers_[static_cast<size_t>(index)];
}

ReadPool::Home& ReadPool::home_of(const ReadBuffer& buffer) {
  return homes_[buffer.oversize ? static_cast<size_t>(shape_.shards) : buffer.home.value];
}

void ReadPool::give(ReadBuffer* buffer) {
  SLUICE_CHECK(buffer != nullptr && buffer == at(buffer->index), "a buffer of this pool");
  Home& home = home_of(*buffer);
  if (buffer->oversize) {
    // Long lines are rare; their megabytes do not stay resident for the next one.
    ::madvise(buffer->line_ends.data(), usable_bytes(buffer->text.size()), MADV_DONTNEED);
  }
  set_readable(*buffer, false);
  const uint64_t bit = uint64_t{1} << (buffer->index - home.first);
  SLUICE_CHECK((home.free.fetch_or(bit) & bit) == 0, "a buffer is given back once");
  wake_starving(home, buffer->oversize);
}

void ReadPool::wake_starving(Home& home, bool oversize) {
  if (!home.starving.load() || !home.starving.exchange(false)) return;
  if (!oversize) {
    if (home.waker != nullptr) home.waker->wake();
    return;
  }
  for (int32_t i = 0; i < shape_.shards; ++i) {
    Waker* waker = homes_[static_cast<size_t>(i)].waker;
    if (waker != nullptr) waker->wake();
  }
}

}  // namespace sluice
