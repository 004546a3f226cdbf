#pragma once
// Result<T>: a value or an Error. For what the world can cause; what only we can cause is SLUICE_ASSERT.
#include <string>
#include <utility>
#include <variant>

#include "proxy/base/assert.h"

namespace sluice::base {

// One clear sentence for a person: what is wrong, where, and what would be right. Programs branch on types that the
// function's own interface defines, never on this text.
struct Error {
  std::string message;
};

struct Unit {};

template <class T, class E = Error>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT: implicit by design
  Result(E error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit by design

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & {
    SLUICE_ASSERT(ok());
    return std::get<0>(state_);
  }
  const T& value() const& {
    SLUICE_ASSERT(ok());
    return std::get<0>(state_);
  }
  T&& value() && {
    SLUICE_ASSERT(ok());
    return std::get<0>(std::move(state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const E& error() const {
    SLUICE_ASSERT(!ok());
    return std::get<1>(state_);
  }

 private:
  std::variant<T, E> state_;
};

using Status = Result<Unit>;

}  // namespace sluice::base
