#include "events/store/page_token.h"

#include "events/store/event_key.h"
#include "proxy/base/crc32c.h"
#include "proxy/base/text.h"

namespace sluice::store {
namespace {
constexpr size_t digits = 16;
constexpr size_t body = 3 * digits;

std::string checksum(std::string_view text) {
  return base::hex16(base::crc32c(base::as_bytes(text))).substr(8);
}
}  // namespace

std::string to_text(const PageToken& token) {
  std::string text = base::hex16(token.fingerprint) + base::hex16(token.snapshot) +
                     base::hex16(static_cast<uint64_t>(token.before_key));
  return text + checksum(text);
}

std::optional<PageToken> parse_page_token(std::string_view text) {
  if (text.size() != body + digits / 2 || checksum(text.substr(0, body)) != text.substr(body)) return std::nullopt;
  const auto fingerprint = base::parse_hex16(text.substr(0, digits));
  const auto snapshot = base::parse_hex16(text.substr(digits, digits));
  const auto key = base::parse_hex16(text.substr(2 * digits, digits));
  if (!fingerprint || !snapshot || !key || *key > static_cast<uint64_t>(key_end)) return std::nullopt;
  return PageToken{*fingerprint, *snapshot, static_cast<int64_t>(*key)};
}

}  // namespace sluice::store
