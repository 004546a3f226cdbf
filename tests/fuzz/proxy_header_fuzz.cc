// PROXY protocol headers: one answer for every split; a header never takes more than it announces.
#include "proxy/wire/limits.h"
#include "proxy/wire/proxy_header.h"
#include "tests/fuzz/wire_splits.h"

using namespace sluice;
using namespace sluice::wire;

namespace {

std::string summary(const Parse<ProxyHeader, ProxyHeaderError>& parse) {
  if (parse.is_need_more()) return "need more";
  if (parse.is_invalid()) return describe(parse.reason());
  SLUICE_ASSERT(parse.length() <= proxy_header_bytes_max);
  const auto& addresses = parse.value().addresses;
  return std::to_string(parse.length()) + (addresses ? addresses->source.to_string() : "");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  test::check_splits(
      {data, size}, [] { return [](base::ByteView held) { return parse_proxy_header(held); }; }, summary);
  return 0;
}
