#pragma once
// StreamHistory: what became of the streams that a client opened last, so that frames of a stream that is gone can be
// told apart: late ones of a stream that we reset are ordinary, others break the protocol (RFC 9113 section 5.1).
#include <array>
#include <cstdint>

#include "proxy/http/limits.h"

namespace sluice::http {

// Belongs to a server's session. Forgets all but the last stream_history_max streams, and then says kUnknown.
class StreamHistory {
 public:
  enum class Fate : uint8_t {
    kUnknown,  // also: not yet begun
    kSkipped,  // its number was passed over
    kOpened,
    kEnded,  // the peer has said that it sends no more
  };

  void opened(int32_t id) {
    for (int32_t skipped = last_ + 2; skipped < id && id - skipped < 2 * window; skipped += 2) {
      place(skipped) = Fate::kSkipped;
    }
    place(id) = Fate::kOpened;
    last_ = id;
  }
  void ended(int32_t id) {
    if (is_kept(id)) place(id) = Fate::kEnded;
  }
  Fate fate(int32_t id) const { return is_kept(id) ? fates_[index(id)] : Fate::kUnknown; }

 private:
  static constexpr int32_t window = static_cast<int32_t>(stream_history_max);

  static size_t index(int32_t id) { return static_cast<size_t>(id / 2) % stream_history_max; }
  bool is_kept(int32_t id) const { return id % 2 == 1 && id <= last_ && last_ - id < 2 * window; }
  Fate& place(int32_t id) { return fates_[index(id)]; }

  int32_t last_ = -1;  // the highest number that was used
  std::array<Fate, stream_history_max> fates_{};
};

}  // namespace sluice::http
