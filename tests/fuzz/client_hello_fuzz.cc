// ClientHello: one answer for every split, also when the message is cut into other records.
#include "tests/fuzz/wire_splits.h"
#include "tests/unit/wire/hello_builder.h"
#include "tests/unit/wire/hello_summary.h"

using namespace sluice;
using namespace sluice::wire;
using test::operator+;

namespace {

std::string summarise(const HelloParse& parse) {
  return test::summary(parse);
}

// The body alone, and the same body in records of another size, must say the same.
void check_body(base::ByteView input) {
  constexpr size_t body_bytes_max = 2048;
  if (input.empty() || input.size() > body_bytes_max) return;
  const size_t record_bytes = size_t{input[0]} + 1;
  const test::Bytes body(input.begin() + 1, input.end());
  const HelloParse direct = parse_client_hello_body(body);
  const test::Bytes records = test::records_of(test::u8(1) + test::u24(body.size()) + body, record_bytes);
  ClientHelloPeek peek;
  const HelloParse peeked = peek.feed(records);
  SLUICE_ASSERT(direct.is_complete() == peeked.is_complete());
  if (direct.is_invalid()) {
    SLUICE_ASSERT(peeked.is_invalid() && direct.reason() == peeked.reason());
    return;
  }
  SLUICE_ASSERT(peeked.length() == records.size());
  SLUICE_ASSERT(ja4_raw(direct.value()) == ja4_raw(peeked.value()));
  const std::string text = summarise(direct);
  const std::string other = summarise(peeked);
  SLUICE_ASSERT(text.substr(text.find(" version=")) == other.substr(other.find(" version=")));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  test::check_splits({data, size}, test::make_peek, summarise);
  check_body({data, size});
  return 0;
}
