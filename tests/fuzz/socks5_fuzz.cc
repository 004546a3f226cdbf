// SOCKS 5: one answer for every split of each message; an accepted request names a host that can be named again.
#include "proxy/wire/socks5.h"
#include "tests/fuzz/wire_splits.h"

using namespace sluice;
using namespace sluice::wire;

namespace {

template <class T>
std::string summarise(const Parse<T, SocksError>& parse, const std::string& value) {
  return parse.is_invalid() ? describe(parse.reason()) : std::to_string(parse.length()) + " " + value;
}

template <class F, class Value>
void check_message(base::ByteView bytes, F parse_message, Value value) {
  test::check_splits(
      bytes, [&] { return parse_message; },
      [&](const auto& parse) { return summarise(parse, parse.is_complete() ? value(parse.value()) : ""); });
}

void check_request(base::ByteView bytes) {
  const auto parse = parse_socks_request(bytes);
  if (parse.is_invalid()) SLUICE_ASSERT(reply_for(parse.reason()) != SocksReply::kSucceeded);
  if (!parse.is_complete()) return;
  const auto again = parse_authority(parse.value().to_string());
  SLUICE_ASSERT(again && *again == parse.value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const base::ByteView bytes{data, size};
  check_message(bytes, parse_socks_greeting, [](const SocksGreeting& greeting) {
    return std::to_string(greeting.offers_none) + std::to_string(greeting.offers_user_password);
  });
  check_message(bytes, parse_socks_credentials,
                [](const SocksCredentials& credentials) { return credentials.user + "/" + credentials.password; });
  check_message(bytes, parse_socks_request, [](const Authority& authority) { return authority.to_string(); });
  check_request(bytes);
  return 0;
}
