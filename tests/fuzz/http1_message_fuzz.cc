// Response heads, bodies and the rules for messages: one answer for every split; a body written again as chunks is read
// as itself.
#include "proxy/wire/http1_rules.h"
#include "tests/fuzz/wire_splits.h"
#include "tests/unit/wire/body_summary.h"

using namespace sluice;
using namespace sluice::wire;

namespace {

std::string summary(const Parse<ResponseHead, Http1Error>& parse) {
  if (parse.is_invalid()) return describe(parse.reason());
  if (parse.is_need_more()) return "need more";
  return std::to_string(parse.length()) +
         response_head(parse.value().status, parse.value().reason, parse.value().fields);
}

void check_body(BodyFraming framing, const std::string& text, size_t cut) {
  const std::string whole = test::body_summary(framing, text, {}, true);
  SLUICE_ASSERT(test::body_summary(framing, text, {cut % (text.size() + 1)}, true) == whole);
  std::vector<size_t> all;
  for (size_t i = 1; i < text.size() && text.size() < 400; ++i) all.push_back(i);
  SLUICE_ASSERT(test::body_summary(framing, text, all, true) == whole);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto make = [] { return [p = ResponseHeadParser()](base::ByteView held) mutable { return p.feed(held); }; };
  test::check_splits({data, size}, make, summary);
  if (size < 2) return 0;
  const std::string text(base::as_text({data + 2, size - 2}));
  const size_t cut = static_cast<size_t>(data[0]) << 8 | data[1];
  check_body({BodyKind::kChunked}, text, cut);
  check_body({BodyKind::kLength, data[0]}, text, cut);
  if (!text.empty()) {
    const std::string chunks = chunk_head(text.size()) + text + std::string(chunk_end) + last_chunk({});
    SLUICE_ASSERT(test::body_summary({BodyKind::kChunked}, chunks, {}) == "end, 0 left: " + text);
  }
  RequestHeadParser requests;
  if (const auto head = requests.feed(base::as_bytes(text)); head.is_complete()) {
    const auto target = classify_target(head.value());
    if (target) (void)check_request(head.value(), *target, 80);
  }
  ResponseHeadParser responses;
  if (const auto head = responses.feed(base::as_bytes(text)); head.is_complete()) {
    const auto rules = check_response(head.value(), "GET");
    if (rules && rules->body.kind == BodyKind::kUntilClose) SLUICE_ASSERT(!rules->keep_alive);
  }
  return 0;
}
