#include "proxy/flow/settings.h"

#include <algorithm>

namespace sluice::flow {

bool Settings::source_allowed(const base::IpAddress& source) const {
  if (allow_any_source) return true;
  return std::any_of(allow_sources.begin(), allow_sources.end(),
                     [&](const base::Cidr& cidr) { return cidr.contains(source.unmapped()); });
}

bool Settings::port_allowed(uint16_t port) const {
  return std::find(allow_ports.begin(), allow_ports.end(), port) != allow_ports.end();
}

}  // namespace sluice::flow
