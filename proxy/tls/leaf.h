#pragma once
// Leaf: a certificate with its key and chain that a server session shows.
#include <memory>

namespace sluice::tls {

// Immutable, a handle; any thread. Made by CertMinter.
class Leaf {
 public:
  struct State;
  explicit Leaf(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  const State& state() const { return *state_; }

 private:
  std::shared_ptr<const State> state_;
};

}  // namespace sluice::tls
