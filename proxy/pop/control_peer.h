#pragma once
// Who is at the other end of a stream of the control service, by its certificate.
#include <grpcpp/grpcpp.h>

#include <string>

#include "proxy/base/result.h"
#include "proxy/tls/identity.h"

namespace sluice::pop {

struct ControlPeer {
  tls::DeviceIdentity identity;
  std::string serial;   // of the certificate, as tls::Revocations knows it
  std::string address;  // of the device, as text
};

// An error when the certificate is no device's.
base::Result<ControlPeer> control_peer(const grpc::ServerContextBase& context);

}  // namespace sluice::pop
