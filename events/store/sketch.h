#pragma once
// Sketches: what many values have in common, in bounded memory. Values; used by one thread at a time.
#include <cstdint>
#include <map>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace sluice::store {

// How many different values were added: exact up to distinct_exact_max, then estimated (HyperLogLog, 4,096 registers,
// standard error 1.6 %).
class DistinctSketch {
 public:
  static constexpr size_t distinct_exact_max = 1'024;
  void add(std::string_view value);
  double count() const;

 private:
  void note(uint64_t hash);
  std::unordered_set<uint64_t> exact_;
  std::vector<uint8_t> registers_;  // empty while exact
};

// Percentiles of numbers that are not negative, within 1 % of the value: counts in buckets that each are 2 % wide.
class QuantileSketch {
 public:
  void add(double value);
  // Of 0 < percentile < 100; 0 without values.
  double percentile(double percentile) const;

 private:
  std::map<int, uint64_t> buckets_;  // at most 2,250: the logarithm of what an int64 holds
  uint64_t zeros_ = 0;
  uint64_t count_ = 0;
};

}  // namespace sluice::store
