#pragma once
// Sets of small numbers as bits.
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace sluice::policy {

// A set of numbers below `size`, at most Max. A plain value on the stack; only the words in use are touched.
template <size_t Max>
class Bits {
 public:
  explicit Bits(size_t size) : words_((size + 63) / 64) {
    for (size_t i = 0; i < words_; ++i) word_[i] = 0;
  }

  void set(size_t i) { word_[i / 64] |= uint64_t{1} << (i % 64); }
  void reset(size_t i) { word_[i / 64] &= ~(uint64_t{1} << (i % 64)); }
  bool test(size_t i) const { return (word_[i / 64] >> (i % 64) & 1) != 0; }
  bool any() const {
    for (size_t i = 0; i < words_; ++i) {
      if (word_[i] != 0) return true;
    }
    return false;
  }
  void add(const Bits& other) {
    for (size_t i = 0; i < words_; ++i) word_[i] |= other.word_[i];
  }
  void keep(const Bits& other) {
    for (size_t i = 0; i < words_; ++i) word_[i] &= other.word_[i];
  }
  void remove(const Bits& other) {
    for (size_t i = 0; i < words_; ++i) word_[i] &= ~other.word_[i];
  }

  static constexpr size_t none = SIZE_MAX;
  size_t first() const {
    for (size_t i = 0; i < words_; ++i) {
      if (word_[i] != 0) return i * 64 + static_cast<size_t>(std::countr_zero(word_[i]));
    }
    return none;
  }
  template <class Visit>
  void each(Visit visit) const {
    for (size_t i = 0; i < words_; ++i) {
      for (uint64_t rest = word_[i]; rest != 0; rest &= rest - 1) {
        visit(i * 64 + static_cast<size_t>(std::countr_zero(rest)));
      }
    }
  }

 private:
  size_t words_;
  std::array<uint64_t, (Max + 63) / 64> word_;  // NOLINT: words beyond words_ are never read
};

}  // namespace sluice::policy
