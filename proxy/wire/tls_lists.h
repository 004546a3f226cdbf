#pragma once
// Views of the lists inside a TLS handshake message. A parser checks the bytes once with `valid`; after that walking
// them needs no checks and no memory.
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>

#include "proxy/base/byte_reader.h"
#include "proxy/base/chunk.h"

namespace sluice::wire {

// RFC 8701: 0x0a0a, 0x1a1a ... 0xfafa.
constexpr bool is_grease(uint16_t value) {
  return (value & 0x0f0f) == 0x0a0a && value >> 8 == (value & 0xff);
}

// Two-byte numbers.
class U16List {
 public:
  U16List() = default;
  static bool valid(base::ByteView bytes) { return bytes.size() % 2 == 0; }
  explicit U16List(base::ByteView bytes) : bytes_(bytes) {}

  size_t size() const { return bytes_.size() / 2; }
  bool empty() const { return bytes_.empty(); }
  uint16_t operator[](size_t i) const { return static_cast<uint16_t>(bytes_[2 * i] << 8 | bytes_[2 * i + 1]); }

  class Iterator {
   public:
    Iterator(const U16List* list, size_t i) : list_(list), i_(i) {}
    uint16_t operator*() const { return (*list_)[i_]; }
    Iterator& operator++() {
      ++i_;
      return *this;
    }
    bool operator==(const Iterator& other) const { return i_ == other.i_; }

   private:
    const U16List* list_;
    size_t i_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  base::ByteView bytes_;
};

// Walks a run of items that `Item::read` takes from a reader one after another.
template <class Item>
class ItemList {
 public:
  ItemList() = default;
  static bool valid(base::ByteView bytes) {
    base::ByteReader in(bytes);
    while (!in.done()) {
      if (!Item::read(in)) return false;
    }
    return true;
  }
  explicit ItemList(base::ByteView bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }

  class Iterator {
   public:
    explicit Iterator(base::ByteView bytes) : in_(bytes) { ++*this; }
    const typename Item::Value& operator*() const { return *value_; }
    const typename Item::Value* operator->() const { return &*value_; }
    Iterator& operator++() {
      value_ = in_.done() ? std::nullopt : Item::read(in_);
      return *this;
    }
    bool operator==(std::default_sentinel_t) const { return !value_; }

   private:
    base::ByteReader in_;
    std::optional<typename Item::Value> value_;
  };
  Iterator begin() const { return Iterator(bytes_); }
  std::default_sentinel_t end() const { return {}; }

 private:
  base::ByteView bytes_;
};

// A number and a body with a two-byte length: extensions, key shares.
struct Tagged {
  uint16_t tag = 0;
  base::ByteView body;

  using Value = Tagged;
  static std::optional<Tagged> read(base::ByteReader& in) {
    const auto tag = in.u16();
    if (!tag) return std::nullopt;
    const auto body = in.prefixed(2);
    if (!body) return std::nullopt;
    return Tagged{*tag, *body};
  }
};
using TaggedList = ItemList<Tagged>;

// A non-empty name with a one-byte length: ALPN protocols.
struct ShortName {
  using Value = std::string_view;
  static std::optional<std::string_view> read(base::ByteReader& in) {
    const auto name = in.prefixed(1);
    if (!name || name->empty()) return std::nullopt;
    return base::as_text(*name);
  }
};
using NameList = ItemList<ShortName>;

}  // namespace sluice::wire
