// SPDX-License-Identifier: Apache-2.0
// tsan_suppressions.cc — what ThreadSanitizer cannot see.
//
// moodycamel::ConcurrentQueue orders the reuse of a slot by atomic_thread_fence, which
// ThreadSanitizer does not model: it reports the queue's own reads and writes of slots as races.
// What travels through the queue is ordered by an acquire load of its tail index and stays checked.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:moodycamel::ConcurrentQueue\n";
}
