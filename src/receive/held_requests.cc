// SPDX-License-Identifier: Apache-2.0
#include "receive/held_requests.h"

#include <poll.h>

#include <algorithm>
#include <new>

#include "receive/http_exchange.h"

namespace sluice {

HeldRequest& HeldRequests::hold(h2o_req_t* request) {
  void* const memory = h2o_mem_alloc_shared(&request->pool, sizeof(HeldRequest), on_freed);
  HeldRequest* const held = new (memory) HeldRequest;
  held->request = request;
  held->home = this;
  held->place = list_.insert(list_.end(), held);
  return *held;
}

void HeldRequests::on_freed(void* memory) {
  HeldRequest* const held = static_cast<HeldRequest*>(memory);
  if (held->home != nullptr) held->home->list_.erase(held->place);
  held->~HeldRequest();
}

std::optional<HeldRequest> HeldRequests::take_due(MonoTime now) {
  for (HeldRequest* held : list_) {
    if (held->owes_commit || held->due > now) continue;
    list_.erase(held->place);
    held->home = nullptr;
    return *held;
  }
  return std::nullopt;
}

void HeldRequests::expire_hung_up() {
  for (HeldRequest* held : list_) {
    if (held->due != kNever) continue;
    pollfd poller{descriptor_of(held->request), POLLRDHUP, 0};
    if (::poll(&poller, 1, 0) > 0 && (poller.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
      held->due = MonoTime(0);
      held->resets = true;
    }
  }
}

MonoTime HeldRequests::next_due() const {
  MonoTime soonest = kNever;
  for (const HeldRequest* held : list_) soonest = std::min(soonest, held->due);
  return soonest;
}

bool HeldRequests::has_waiting() const {
  return std::any_of(list_.begin(), list_.end(),
                     [](const HeldRequest* held) { return held->due != kNever; });
}

}  // namespace sluice
