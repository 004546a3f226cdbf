#include "events/store/sketch.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace sluice::store {
namespace {
constexpr int register_bits = 12;
constexpr size_t registers = size_t{1} << register_bits;
constexpr double bucket_growth = 1.02;

// FNV-1a with a final mix, because HyperLogLog needs every bit to be fair.
uint64_t hash_of(std::string_view value) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : value) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccd;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53;
  return hash ^ (hash >> 33);
}
}  // namespace

void DistinctSketch::add(std::string_view value) {
  const uint64_t hash = hash_of(value);
  if (!registers_.empty()) return note(hash);
  exact_.insert(hash);
  if (exact_.size() <= distinct_exact_max) return;
  registers_.resize(registers);
  for (const uint64_t known : exact_) note(known);
  exact_ = {};
}

void DistinctSketch::note(uint64_t hash) {
  uint8_t& top = registers_[hash >> (64 - register_bits)];
  const uint64_t rest = hash << register_bits | (uint64_t{1} << (register_bits - 1));  // the mark ends the zeros
  top = std::max(top, static_cast<uint8_t>(std::countl_zero(rest) + 1));
}

double DistinctSketch::count() const {
  if (registers_.empty()) return static_cast<double>(exact_.size());
  constexpr double m = registers;
  double sum = 0;
  size_t zeros = 0;
  for (const uint8_t value : registers_) {
    sum += std::ldexp(1.0, -value);
    zeros += value == 0 ? 1 : 0;
  }
  const double estimate = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  if (estimate <= 2.5 * m && zeros > 0) return std::round(m * std::log(m / static_cast<double>(zeros)));
  return std::round(estimate);
}

void QuantileSketch::add(double value) {
  ++count_;
  if (value < 1) {
    ++zeros_;
    return;
  }
  ++buckets_[static_cast<int>(std::floor(std::log(value) / std::log(bucket_growth)))];
}

double QuantileSketch::percentile(double percentile) const {
  if (count_ == 0) return 0;
  const double rank = percentile / 100 * static_cast<double>(count_ - 1);
  auto seen = static_cast<double>(zeros_);
  if (rank < seen) return 0;
  for (const auto& [bucket, count] : buckets_) {
    seen += static_cast<double>(count);
    if (rank < seen) return std::pow(bucket_growth, bucket + 0.5);
  }
  return 0;
}

}  // namespace sluice::store
