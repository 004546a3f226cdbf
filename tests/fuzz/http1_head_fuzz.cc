// Request heads: one answer for every split; a complete head written again is read again as itself.
#include <algorithm>

#include "proxy/wire/limits.h"
#include "tests/fuzz/wire_splits.h"
#include "tests/unit/wire/http1_summary.h"

using namespace sluice;
using namespace sluice::wire;

namespace {

std::string serialise(const RequestHead& head) {
  std::string out = head.method + " " + head.target + " HTTP/1." + std::to_string(head.minor_version) + "\r\n";
  for (const Field& field : head.fields) out += field.name + ":" + field.value + "\r\n";
  return out + "\r\n";
}

void check_head(base::ByteView bytes) {
  RequestHeadParser parser;
  const auto parse = parser.feed(bytes);
  if (!parse.is_complete()) return;
  const RequestHead& head = parse.value();
  SLUICE_ASSERT(parse.length() <= head_bytes_max && head.fields.size() <= head_fields_max);
  RequestHeadParser again;
  const std::string text = serialise(head);
  const auto second = again.feed(base::as_bytes(text));
  SLUICE_ASSERT(second.is_complete() && second.value() == head && second.length() == text.size());
  if (const auto target = classify_target(head); target && target->form == TargetForm::kAbsolute) {
    SLUICE_ASSERT(target->path.starts_with('/') && target->authority.port != 0);
  }
  for (const Field& field : head.fields) {
    (void)parse_basic_credentials(field.value);
    const std::string response = response_head(400, field.value, {field});
    SLUICE_ASSERT(static_cast<size_t>(std::count(response.begin(), response.end(), '\n')) == 3);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  test::check_splits({data, size}, test::make_head_parser, test::head_summary);
  check_head({data, size});
  return 0;
}
