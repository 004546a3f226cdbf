#pragma once
// LeafKeys: the keys of all certificates that are minted for a day.
#include <memory>

#include "proxy/base/result.h"

namespace sluice::tls {

// One ECDSA P-256 key and one RSA-2048 key for clients without ECDSA; in memory only, never those of a CA. Immutable,
// shared by all workers; any thread.
class LeafKeys {
 public:
  // Takes up to a second for the RSA key: for start-up and a thread pool.
  static base::Result<std::shared_ptr<const LeafKeys>> generate();
  ~LeafKeys();

  struct State;
  const State& state() const { return *state_; }

 private:
  explicit LeafKeys(std::unique_ptr<const State> state);
  std::unique_ptr<const State> state_;
};

}  // namespace sluice::tls
