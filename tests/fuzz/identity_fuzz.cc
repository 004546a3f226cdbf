// Device identities: what is read is written back byte by byte.
#include "proxy/base/chunk.h"
#include "proxy/tls/identity.h"

using namespace sluice;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string uri(base::as_text({data, size}));
  if (const auto identity = tls::parse_identity(uri)) {
    const auto again = tls::format_identity(*identity);
    SLUICE_ASSERT(again.ok() && *again == uri);
  }
  // The same bytes as the parts of an identity.
  const size_t third = size / 3;
  const tls::DeviceIdentity parts{uri.substr(0, third), uri.substr(third, third), uri.substr(2 * third)};
  if (const auto made = tls::format_identity(parts)) SLUICE_ASSERT(tls::parse_identity(*made) == parts);
  return 0;
}
