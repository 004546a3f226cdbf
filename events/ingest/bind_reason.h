#pragma once
// Why a gRPC server could not listen: gRPC itself only says that it did not work, so the bind is tried once more by
// hand. For the sentence of a start that has failed anyway; blocking, any thread.
#include <string>

#include "proxy/base/ip.h"

namespace sluice::ingest {

// The operating system's words, e.g. "Address already in use"; "" if the address can be bound now.
std::string bind_reason(const base::Endpoint& address);
// The same of a unix socket that nobody listens on. A socket file that this makes is removed again.
std::string bind_reason(const std::string& socket_path);

}  // namespace sluice::ingest
