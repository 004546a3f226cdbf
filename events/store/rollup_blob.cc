#include "events/store/rollup_blob.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace sluice::store {
namespace {
constexpr uint64_t minutes_per_hour = 60;

void put(std::string& to, uint64_t number) {
  for (; number >= 0x80; number >>= 7) to += static_cast<char>(0x80 | (number & 0x7f));
  to += static_cast<char>(number);
}
}  // namespace

std::string encode_rollup(std::vector<RollupEntry> entries) {
  std::sort(entries.begin(), entries.end(), [](const RollupEntry& a, const RollupEntry& b) {
    return std::tie(a.minute, a.id, a.group) < std::tie(b.minute, b.id, b.group);
  });
  std::string blob;
  uint32_t minute = 0;
  uint32_t id = 0;
  for (size_t i = 0; i < entries.size();) {
    RollupEntry entry = entries[i];
    for (++i; i < entries.size() && entries[i].minute == entry.minute && entries[i].id == entry.id &&
              entries[i].group == entry.group;
         ++i) {
      entry.sums.add(entries[i].sums);
    }
    put(blob, entry.minute - minute);
    put(blob, entry.minute == minute ? entry.id - id : entry.id);
    minute = entry.minute;
    id = entry.id;
    put(blob, entry.group);
    const RollupSums& sums = entry.sums;
    put(blob, sums.count << 1 | static_cast<uint64_t>(sums.other_count > 0));
    if (sums.count > 0) {
      put(blob, sums.bytes);
      put(blob, static_cast<uint64_t>(sums.last));
    }
    if (sums.other_count > 0) {
      put(blob, sums.other_count);
      put(blob, sums.other_bytes);
      put(blob, static_cast<uint64_t>(sums.other_last));
    }
  }
  return blob;
}

uint64_t RollupDecoder::number() {
  uint64_t number = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (rest_.empty()) break;
    const auto byte = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    number |= uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) return number;
  }
  damaged_ = true;
  rest_ = {};
  return 0;
}

bool RollupDecoder::next(RollupEntry& entry) {
  if (rest_.empty()) return false;
  const uint64_t minutes = number();
  minute_ += std::min(minutes, minutes_per_hour);
  const uint64_t id = number();
  id_ = minutes > 0 ? id : id_ + id;
  entry.group = number();
  entry.sums = {};
  const uint64_t counts = number();
  entry.sums.count = counts >> 1;
  if (entry.sums.count > 0) {
    entry.sums.bytes = number();
    entry.sums.last = static_cast<int64_t>(number());
  }
  if ((counts & 1) != 0) {
    entry.sums.other_count = number();
    entry.sums.other_bytes = number();
    entry.sums.other_last = static_cast<int64_t>(number());
  }
  if (minute_ >= minutes_per_hour || id_ > std::numeric_limits<uint32_t>::max()) damaged_ = true;
  entry.minute = static_cast<uint32_t>(minute_);
  entry.id = static_cast<uint32_t>(id_);
  return !damaged_;
}

}  // namespace sluice::store
