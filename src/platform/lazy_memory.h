// SPDX-License-Identifier: Apache-2.0
// lazy_memory.h — a large piece of address space whose pages cost nothing until they are touched.
//
// In:      a size.
// Out:     zeroed memory; a page becomes resident at its first use.
// Owns:    one private mapping without reserve, followed by a guard page.
// Thread:  a value that can be moved; its bytes belong to whoever it is lent to.
// Limits:  what the memory plan counts is what is usually touched; a body of one over-long line may
//          touch more, once.
// Fails:   create(), when the kernel refuses the mapping.
// Why so:  a body must have room for its bound and for one line of the largest size escaped six
//          times over. That is 7 MiB of which a normal host never touches more than half a MiB.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <utility>

#include "sluice/result.h"

namespace sluice {

class LazyMemory {
 public:
  LazyMemory() = default;
  static Result<LazyMemory> create(size_t bytes);
  ~LazyMemory() { reset(); }
  LazyMemory(LazyMemory&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        mapped_(std::exchange(other.mapped_, 0)) {}
  LazyMemory& operator=(LazyMemory&& other) noexcept {
    if (this != &other) {
      reset();
      data_ = std::exchange(other.data_, nullptr);
      size_ = std::exchange(other.size_, 0);
      mapped_ = std::exchange(other.mapped_, 0);
    }
    return *this;
  }

  std::span<std::byte> bytes() const { return {data_, size_}; }

 private:
  void reset();

  std::byte* data_ = nullptr;
  size_t size_ = 0;
  size_t mapped_ = 0;
};

}  // namespace sluice
