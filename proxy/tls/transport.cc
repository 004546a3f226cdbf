#include "proxy/tls/transport.h"

#include <algorithm>
#include <cstring>

#include "proxy/base/assert.h"
#include "proxy/tls/limits.h"

namespace sluice::tls {

namespace {

using MethodPtr = std::unique_ptr<BIO_METHOD, Freed<BIO_meth_free>>;

int transport_read(BIO* bio, char* into, size_t bytes_max, size_t* bytes) {
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const size_t count = std::min(bytes_max, transport.input.size());
  if (count == 0) {
    BIO_set_retry_read(bio);
    return 0;
  }
  std::memcpy(into, transport.input.data(), count);
  transport.input = transport.input.subspan(count);
  *bytes = count;
  return 1;
}

int transport_write(BIO* bio, const char* from, size_t count, size_t* bytes) {
  auto& transport = *static_cast<Transport*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  if (transport.output.size() + count > output_bytes_max + output_extra_bytes_max) {
    BIO_set_retry_write(bio);
    return 0;
  }
  transport.output.append({reinterpret_cast<const uint8_t*>(from), count});
  *bytes = count;
  return 1;
}

long transport_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* transport_method() {
  static const MethodPtr method = [] {
    MethodPtr made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "sluice transport"));
    SLUICE_ASSERT(made != nullptr);
    BIO_meth_set_read_ex(made.get(), transport_read);
    BIO_meth_set_write_ex(made.get(), transport_write);
    BIO_meth_set_ctrl(made.get(), transport_control);
    return made;
  }();
  return method.get();
}

}  // namespace

void OutputBuffer::reserve(size_t count) {
  if (count <= capacity_ - end_) return;
  const size_t used = size();
  const size_t capacity = std::max({used + count, 2 * capacity_, size_t{4096}});
  auto block = std::make_unique_for_overwrite<uint8_t[]>(capacity);
  if (used != 0) std::memcpy(block.get(), block_.get() + begin_, used);
  block_ = std::move(block);
  capacity_ = capacity;
  begin_ = 0;
  end_ = used;
}

void OutputBuffer::append(base::ByteView bytes) {
  if (bytes.empty()) return;
  reserve(bytes.size());
  std::memcpy(block_.get() + end_, bytes.data(), bytes.size());
  end_ += bytes.size();
}

void OutputBuffer::consume(size_t count) {
  SLUICE_ASSERT(count <= size());
  begin_ += count;
  if (begin_ != end_) return;
  block_.reset();
  begin_ = end_ = capacity_ = 0;
}

BIO* make_transport_bio(Transport& transport) {
  BIO* bio = BIO_new(transport_method());
  SLUICE_ASSERT(bio != nullptr);
  BIO_set_data(bio, &transport);
  BIO_set_init(bio, 1);
  return bio;
}

}  // namespace sluice::tls
