#pragma once
// Who a device is, as one URI in the subjectAltName of its certificate:
//
//   sluice://TENANT/device/DEVICE?user=USER        sluice://acme/device/laptop-7f3a?user=anna%40acme.example
//
// Every part is UTF-8, percent-encoded: all but the unreserved characters of RFC 3986 (letters, digits, `-._~`) as %XX
// with upper-case digits. There is exactly one spelling of an identity, and no other is read.
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sluice::tls {

// The device and the user it was issued to, of one tenant.
struct DeviceIdentity {
  std::string tenant;  // 1 to tenant_bytes_max
  std::string device;  // 1 to device_bytes_max; unique in the tenant
  std::string user;    // 1 to user_bytes_max; as in the tenant's directory
  bool operator==(const DeviceIdentity&) const = default;
};

// An error names the part that is empty, too long, not UTF-8 or has control characters.
base::Result<std::string> format_identity(const DeviceIdentity& identity);
// Nothing unless `uri` is what format_identity() makes.
std::optional<DeviceIdentity> parse_identity(std::string_view uri);

}  // namespace sluice::tls
