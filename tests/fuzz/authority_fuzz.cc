// Authorities and hosts: what is accepted has one form, and that form is accepted again as itself.
#include "proxy/base/assert.h"
#include "proxy/base/chunk.h"
#include "proxy/wire/authority.h"
#include "proxy/wire/limits.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text = base::as_text({data, size});
  if (const auto authority = wire::parse_authority(text)) {
    SLUICE_ASSERT(authority->port != 0);
    SLUICE_ASSERT(authority->host.size() <= wire::host_bytes_max && !authority->host.empty());
    const auto again = wire::parse_authority(authority->to_string());
    SLUICE_ASSERT(again && *again == *authority);
    SLUICE_ASSERT(authority->address == base::IpAddress::parse(authority->host));
  }
  const auto host = wire::parse_host(text);
  SLUICE_ASSERT(host.ok() == !wire::check_host(text).has_value());
  if (host) {
    const auto again = wire::parse_host(host->name);
    SLUICE_ASSERT(again && *again == *host);
    for (const char c : host->name) SLUICE_ASSERT(c > 0x20 && c < 0x7f && (c < 'A' || c > 'Z') && c != '@' && c != '/');
  }
  return 0;
}
