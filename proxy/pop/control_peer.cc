#include "proxy/pop/control_peer.h"

#include "proxy/tls/peer.h"

namespace sluice::pop {

namespace {

// "ipv4:192.0.2.1:40000", "ipv6:%5B2001:db8::1%5D:40000" -> the address.
std::string address_of(std::string peer) {
  const size_t scheme = peer.find(':');
  const size_t port = peer.rfind(':');
  if (scheme == std::string::npos || port <= scheme) return "";
  std::string address = peer.substr(scheme + 1, port - scheme - 1);
  if (address.starts_with("%5B") && address.ends_with("%5D")) address = address.substr(3, address.size() - 6);
  if (address.starts_with('[') && address.ends_with(']')) address = address.substr(1, address.size() - 2);
  return address;
}

}  // namespace

base::Result<ControlPeer> control_peer(const grpc::ServerContextBase& context) {
  const auto pem = context.auth_context()->FindPropertyValues("x509_pem_cert");
  if (pem.empty()) return base::Error{"there is no certificate"};
  const auto certificate = tls::parse_peer_certificate({pem.front().data(), pem.front().size()});
  if (!certificate) return certificate.error();
  auto identity = certificate->device();
  if (!identity) return base::Error{"the certificate is not a device's"};
  return ControlPeer{*std::move(identity), certificate->serial, address_of(context.peer())};
}

}  // namespace sluice::pop
