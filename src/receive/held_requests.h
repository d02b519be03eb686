// SPDX-License-Identifier: Apache-2.0
// held_requests.h — requests whose answer must wait: for a commit, for a delay, or for ever.
//
// In:      a request of libh2o, the answer it will get, and what it waits for.
// Out:     the requests that are due, each once.
// Owns:    nothing but the list: a held request lives in the memory pool of its h2o request and
//          leaves the list by itself when that request is freed (stream reset, connection lost).
// Thread:  the server's.
#pragma once

#include <list>
#include <optional>

#include "receive/h2o_api.h"
#include "receive/ingest.h"
#include "sluice/units.h"

namespace sluice {

class HeldRequests;

struct HeldRequest {
  h2o_req_t* request = nullptr;
  IngestAnswer answer;
  std::optional<int> retry_after_s;
  MonoTime due;              // kNever: hangs
  bool owes_commit = false;  // not before the next commit
  bool resets = false;       // the answer is a reset of the connection

  // Its place in the list; null home: taken out.
  HeldRequests* home = nullptr;
  std::list<HeldRequest*>::iterator place;
};

class HeldRequests {
 public:
  // The held request lives as long as its h2o request does. Never blocks, never fails.
  HeldRequest& hold(h2o_req_t* request);

  // Takes out one request that is due.
  std::optional<HeldRequest> take_due(MonoTime now);

  // All requests that wait for a commit: apply `change` and let them go on.
  template <class Change>
  void commit_done(Change&& change) {
    for (HeldRequest* held : list_) {
      if (!held->owes_commit) continue;
      change(*held);
      held->owes_commit = false;
    }
  }

  // HTTP/1 clients that left a hanging request are not noticed by the loop. Makes them due.
  void expire_hung_up();

  MonoTime next_due() const;
  bool has_waiting() const;  // any that will be answered some day
  bool empty() const { return list_.empty(); }

 private:
  static void on_freed(void* held);

  std::list<HeldRequest*> list_;
};

}  // namespace sluice
