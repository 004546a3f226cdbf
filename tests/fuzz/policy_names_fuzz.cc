// Entries of name and URL lists, and the hosts held against them: parsers accept or refuse, and what the index says of
// an accepted entry is what its definition says. Input: entry, newline, host, newline, path.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/assert.h"
#include "proxy/policy/address_matcher.h"
#include "proxy/policy/host_matcher.h"
#include "proxy/policy/request_path.h"
#include "proxy/policy/url_index.h"

namespace {

using namespace sluice;
using namespace sluice::policy;

std::string_view take_line(std::string_view& text) {
  const size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// A host as the wire parsers hand it on: lower case, no empty label; anything else never reaches policy.
bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= host_bytes_max && host.front() != '.' && host.back() != '.' &&
         host.find("..") == std::string_view::npos;
}

void check_pattern(std::string_view entry, std::string_view host) {
  const auto pattern = parse_host_pattern(entry);
  if (!pattern) return;
  const auto again = parse_host_pattern(pattern->to_string());
  SLUICE_ASSERT(again.ok() && *again == *pattern);
  SLUICE_ASSERT(covers(*pattern, *pattern));
  const auto address = base::IpAddress::parse(host);
  bool indexed = false;
  if (pattern->network) {
    AddressMatcher addresses;
    addresses.add(*pattern->network, 1);
    if (address) addresses.match(*address, [&](uint32_t) { indexed = true; });
  } else {
    HostMatcher hosts;
    hosts.add(*pattern, 1);
    hosts.finish();
    hosts.match(HostKey(host, address.has_value()), [&](uint32_t, size_t) { indexed = true; });
  }
  if (is_host(host)) SLUICE_ASSERT(indexed == matches(*pattern, host));
}

void check_url(std::string_view text, std::string_view host, std::string_view raw_path) {
  const auto entry = parse_url_entry(text);
  if (!entry) return;
  UrlIndex index;
  index.add(*entry, 0);
  index.finish();
  const auto address = base::IpAddress::parse(host);
  const HostKey key(host, address.has_value());
  const std::string path = normalised_path(raw_path);
  ListBits sure(1);
  ListBits maybe(1);
  index.match({key, address ? &*address : nullptr, 443, Fact<std::string_view>::of(path)}, sure, maybe);
  SLUICE_ASSERT(!maybe.any());
  const bool port = entry->port == 0 || entry->port == 443;
  const bool expected = matches(entry->host, host) && port && path_covers(entry->path, path);
  if (is_host(host)) SLUICE_ASSERT(sure.test(0) == expected);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::string_view entry = take_line(text);
  const std::string_view host = take_line(text);
  check_pattern(entry, host);
  check_url(entry, host, text);
  const std::string path = normalised_path(text);
  SLUICE_ASSERT(normalised_path(path) == path);
  return 0;
}
