#pragma once
// Connections to servers of ours: an event store's ingest, a PoP's control service.
#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>

#include "proxy/base/result.h"
#include "proxy/report/tls_files.h"

namespace sluice::report {

// A channel that connects when it is first used, with our keepalive and no back-off of its own worth mentioning. `tls`
// is required unless the address is loopback or a unix socket: without mutual TLS anybody would be believed. `what`
// begins the errors: the configuration key, "events".
base::Result<std::shared_ptr<grpc::Channel>> open_channel(const std::string& address,
                                                          const std::optional<TlsFiles>& tls, const std::string& what);

}  // namespace sluice::report
