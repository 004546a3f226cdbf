#pragma once
// Keys that encrypt session tickets.
#include <memory>

#include "proxy/base/time.h"

namespace sluice::tls {

// The current and the previous key, in memory only. Shared by every context whose sessions may resume each other's (the
// workers of one listener). Any thread.
class TicketKeys {
 public:
  // A key encrypts for `rotate_every` and decrypts for as long again.
  explicit TicketKeys(base::Duration rotate_every = std::chrono::hours(8));
  ~TicketKeys();
  TicketKeys(const TicketKeys&) = delete;
  TicketKeys& operator=(const TicketKeys&) = delete;

  // Makes a new key now; two calls make every ticket worthless.
  void rotate();

 private:
  friend struct TicketKeyAccess;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice::tls
