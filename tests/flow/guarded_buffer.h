// SPDX-License-Identifier: Apache-2.0
// guarded_buffer.h — memory whose neighbours cannot be touched.
//
// In:      a capacity.
// Out:     spans of any size that end at, or begin at, a page that faults on access.
// Owns:    one anonymous mapping.
// Thread:  one.
// Why so:  a kernel that reads a vector past its input is right in every test with an ordinary
//          buffer and crashes one host in a thousand. Here the next byte is a segmentation fault,
//          in builds without a sanitizer too.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>

namespace sluice {

class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t capacity)
      : page_(static_cast<size_t>(::sysconf(_SC_PAGESIZE))),
        capacity_((capacity + page_ - 1) / page_ * page_),
        map_(
            ::mmap(nullptr, capacity_ + 2 * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) {
    EXPECT_NE(map_, MAP_FAILED);
    EXPECT_EQ(::mprotect(first(), capacity_, PROT_READ | PROT_WRITE), 0);
  }
  ~GuardedBuffer() { ::munmap(map_, capacity_ + 2 * page_); }
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  // The byte before it faults.
  uint8_t* first() const { return static_cast<uint8_t*>(map_) + page_; }
  // `size` bytes behind which comes the page that faults. REQUIRES: size <= capacity.
  uint8_t* last(size_t size) const { return first() + capacity_ - size; }

 private:
  size_t page_;
  size_t capacity_;
  void* map_;
};

}  // namespace sluice
