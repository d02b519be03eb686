// SPDX-License-Identifier: Apache-2.0
#include "platform/lazy_memory.h"

#include <unistd.h>

namespace sluice {

Result<LazyMemory> LazyMemory::create(size_t bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  const size_t room = (bytes + page - 1) / page * page;
  void* const memory = mmap(nullptr, room + page, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return Error::from_errno("mmap body memory");
  if (mprotect(static_cast<std::byte*>(memory) + room, page, PROT_NONE) != 0) {
    const Error error = Error::from_errno("mprotect guard page");
    munmap(memory, room + page);
    return error;
  }
  LazyMemory lazy;
  lazy.data_ = static_cast<std::byte*>(memory);
  lazy.size_ = bytes;
  lazy.mapped_ = room + page;
  return lazy;
}

void LazyMemory::reset() {
  if (data_ != nullptr) munmap(data_, mapped_);
  data_ = nullptr;
}

}  // namespace sluice
