#pragma once
// The custom BIO of a session: reads from the ciphertext at hand, writes into a bounded buffer. Internal to tls/.
#include <cstdint>
#include <memory>

#include "proxy/base/chunk.h"
#include "proxy/tls/openssl.h"

namespace sluice::tls {

// Flat bytes: appended at the end, taken from the front, freed when empty. One thread.
class OutputBuffer {
 public:
  base::ByteView view() const { return {block_.get() + begin_, end_ - begin_}; }
  size_t size() const { return end_ - begin_; }
  void append(base::ByteView bytes);
  void consume(size_t count);
  // Makes room for `count` bytes more, to be asked for once before many appends.
  void reserve(size_t count);

 private:
  std::unique_ptr<uint8_t[]> block_;
  size_t begin_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

// What OpenSSL sees as the connection. It borrows `input` for the length of one call.
struct Transport {
  base::ByteView input;
  OutputBuffer output;
};

// A BIO over `transport`, which must outlive it.
BIO* make_transport_bio(Transport& transport);

}  // namespace sluice::tls
