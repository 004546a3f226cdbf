#pragma once
// Resumption: what a server gave us so that the next handshake is cheap.
#include <memory>
#include <string>

#include "proxy/base/time.h"

namespace sluice::tls {

// One ticket (TLS 1.3) or session (TLS 1.2), opaque. Immutable, a handle; any thread. Holds secrets and does not print.
class Resumption {
 public:
  // When it, or the certificate it stands for, lapses: not offered after that.
  base::WallTime valid_until() const;
  // The name whose server gave it; it is offered to no other.
  const std::string& server_name() const;
  // TLS 1.3 tickets shall be used once (RFC 8446 appendix C.4).
  bool single_use() const;

  struct State;
  explicit Resumption(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const std::shared_ptr<const State>& state() const { return state_; }

 private:
  std::shared_ptr<const State> state_;
};

}  // namespace sluice::tls
