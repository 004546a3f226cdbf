#pragma once
// Parse<T, Reason>: what a parser says about the bytes it was shown. Parsers are pure: bytes in, Parse out, no log.
#include <cstddef>
#include <utility>
#include <variant>

#include "proxy/base/assert.h"

namespace sluice::wire {

// One of: complete (a value and how many bytes it took), need more, invalid (why, as the parser's own enum).
// The answer depends on the bytes alone, never on how they were split: more bytes may turn "need more" into another
// answer, and no other answer ever changes.
template <class T, class Reason>
class [[nodiscard]] Parse {
 public:
  static Parse complete(T value, size_t length) { return Parse(std::in_place_index<1>, std::move(value), length); }
  static Parse need_more() { return Parse(std::in_place_index<0>); }
  static Parse invalid(Reason reason) { return Parse(std::in_place_index<2>, reason); }

  bool is_complete() const { return std::holds_alternative<Complete>(state_); }
  bool is_need_more() const { return std::holds_alternative<NeedMore>(state_); }
  bool is_invalid() const { return std::holds_alternative<Invalid>(state_); }

  const T& value() const& {
    SLUICE_ASSERT(is_complete());
    return std::get<Complete>(state_).value;
  }
  T&& value() && {
    SLUICE_ASSERT(is_complete());
    return std::get<Complete>(std::move(state_)).value;
  }
  // Bytes of the input that belong to the value; what follows is not the parser's.
  size_t length() const {
    SLUICE_ASSERT(is_complete());
    return std::get<Complete>(state_).length;
  }
  Reason reason() const {
    SLUICE_ASSERT(is_invalid());
    return std::get<Invalid>(state_).reason;
  }

 private:
  struct NeedMore {};
  struct Complete {
    Complete(T v, size_t l) : value(std::move(v)), length(l) {}
    T value;
    size_t length;
  };
  struct Invalid {
    explicit Invalid(Reason r) : reason(r) {}
    Reason reason;
  };

  // Built in place: GCC 12 warns of moves out of a variant that it cannot follow.
  template <size_t I, class... Args>
  explicit Parse(std::in_place_index_t<I> index, Args&&... args) : state_(index, std::forward<Args>(args)...) {}

  std::variant<NeedMore, Complete, Invalid> state_;
};

}  // namespace sluice::wire
