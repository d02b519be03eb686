// SPDX-License-Identifier: Apache-2.0
// dissection.h — takes a refused body apart until its good records are delivered and its bad ones
// are known.
//
// In:      what was refused or taken, as ranges of the body's records.
// Out:     what to do next: send these records, bury that one, hold, done.
// Owns:    the range that is not settled, and suspects: records that were refused alone and are not
//          buried yet.
// Thread:  the lane's. Pure.
// Limits:  one bad record among n costs at most 2 * log2(n) further requests (3 of 2 records):
//          log2(n) to find it, one for what lies behind it, one to be sure. kSuspectsMax suspects
//          in a row without a success: hold.
// Fails:   cannot. A receiver that changes its mind is believed each time.
// Why so:  a half that is taken proves that the bad record is in the other half, so that is not
//          sent whole again; but nothing is ever buried that was not refused all alone. What lies
//          behind a suspect is sent before it is buried: its success shows that the destination
//          takes records at all, and when everything is refused nothing is buried. A success may
//          also mean that the destination has just been cured: a suspect with no success before its
//          refusal is asked once more, unless that could overtake records of an ordered file.
#pragma once

#include <cstdint>
#include <vector>

#include "sluice/record_table.h"

namespace sluice {

struct Suspect {
  uint32_t record = 0;
  int32_t status = 0;
  int64_t successes_then = 0;  // of the destination, when it was refused
  bool confirmed = false;      // refused once more after a success
};

class Dissection {
 public:
  // Raising it tolerates longer runs of bad records; it is also the most that a destination that
  // begins to refuse everything can put into the dead letters.
  static constexpr uint32_t kSuspectsMax = 8;

  struct Step {
    enum class Kind : uint8_t {
      kSend,  // `range`
      kBury,  // suspect() is bad and not the destination
      kHold,  // everything is refused: start_over() after a pause
      kDone,
    };
    Kind kind = Kind::kDone;
    RecordRange range;
  };

  // `in_order`: records must not overtake each other.
  Dissection(uint32_t records, bool in_order, int64_t successes)
      : end_(records), successes_begun_(successes), in_order_(in_order) {}

  // `successes` of the destination so far. `may_bury_unproven`: a suspect may be buried at the end
  // although nothing was taken since it was refused.
  Step next(int64_t successes, bool may_bury_unproven) const;

  void delivered(RecordRange range);
  // REQUIRES: a range that next() named, or its beginning.
  void refused(RecordRange range, int32_t status, int64_t successes);

  // REQUIRES: there is one.
  const Suspect& suspect() const { return suspects_.front(); }
  bool has_suspects() const { return !suspects_.empty(); }
  // Nothing is left to send: all that remains is suspect.
  bool exhausted() const { return begin_ == end_; }
  void buried();
  // After a hold. A success meanwhile may mean that the destination is cured, so its suspects are
  // asked once more; without one they are sent again with the rest.
  void look_again(int64_t successes, bool keeps_suspects);
  // Forgets its suspects: they are sent again with the rest.
  void start_over(int64_t successes);

 private:
  RecordRange next_range() const;
  bool is_confirmation(RecordRange range) const;

  uint32_t begin_ = 0;
  uint32_t end_;
  uint32_t refused_end_ = 0;  // [begin_, refused_end_) holds a bad record; 0: not known
  std::vector<Suspect> suspects_;
  uint32_t in_row_ = 0;      // suspects since the last success of this body
  bool beside_bad_ = false;  // the record at begin_ lies behind a suspect
  int64_t successes_begun_;  // of the destination, when this search began
  const bool in_order_;
};

}  // namespace sluice
