// SPDX-License-Identifier: Apache-2.0
#include "sim_io.h"

#include <algorithm>
#include <cstring>

namespace sluice::sim {

bool SimIo::submit(const ReadRequest& request) {
  if (reads_.size() >= reads_in_flight_max()) return false;
  const Duration delay = dice_.between(Duration(0), plan_.read_delay_max);
  reads_.push_back({request, witness_.now + delay, witness_.now, false, 0});
  if (Inode* inode = disk_.behind(request.file)) inode->read_by_run = true;
  return true;
}

MonoTime SimIo::next_done() const {
  MonoTime next = kNever;
  for (const Read& read : reads_) next = std::min(next, read.due);
  return next;
}

void SimIo::work() {
  for (Read& read : reads_) {
    if (read.copied || read.due > witness_.now) continue;
    read.result = copy(read);
    read.copied = true;
  }
}

int32_t SimIo::copy(const Read& read) {
  const ReadRequest& request = read.request;
  Inode* inode = disk_.behind(request.file);
  if (inode == nullptr) {
    witness_.violation("I7 BOUND", "a read of a descriptor that is not open");
    return -EBADF;
  }
  const bool nth = faults && plan_.nth != nullptr && plan_.nth->fails(Seam::kRead);
  if (nth || (faults && dice_.chance(plan_.read_error))) {
    witness_.saw(Rare::kReadFailed);
    return -EIO;
  }
  const std::string& content = inode->life->content;
  const auto at = std::min(static_cast<size_t>(request.offset.value), content.size());
  size_t bytes = std::min(request.into.size(), content.size() - at);
  if (disk_.bad_sector && disk_.bad_sector(*inode, request.offset, bytes)) return -EIO;
  constexpr size_t kLeast = 1;
  const std::pair place(inode->serial, request.offset);
  const bool may_be_short = were_short_.erase(place) == 0;
  if (faults && may_be_short && bytes > kLeast && dice_.chance(plan_.short_read)) {
    witness_.saw(Rare::kShortRead);
    were_short_.insert(place);
    bytes = kLeast + dice_.below(bytes - kLeast);
    // Half a character at the end of a deleted file would become another one.
    while (bytes > kLeast && (content[at + bytes] & 0xC0) == 0x80) --bytes;
  }
  std::memcpy(request.into.data(), content.data() + at, bytes);
  ledger_.read_done(static_cast<size_t>(request.tag), *inode, read.asked_at);
  return static_cast<int32_t>(bytes);
}

size_t SimIo::reap(std::span<ReadDone> done) {
  work();
  size_t count = 0;
  while (count < done.size()) {
    const auto ready =
        std::find_if(reads_.begin(), reads_.end(), [](const Read& read) { return read.copied; });
    if (ready == reads_.end()) break;
    done[count++] = {ready->request.tag, ready->result};
    reads_.erase(ready);
  }
  return count;
}

}  // namespace sluice::sim
