#pragma once
// PasswordGate: checks passwords off the loop and remembers, for a minute, those that were right. One per worker.
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include "proxy/net/loop.h"
#include "proxy/tls/password.h"

namespace sluice::pop {

class PasswordGate {
 public:
  explicit PasswordGate(net::Loop& loop);
  PasswordGate(const PasswordGate&) = delete;
  PasswordGate& operator=(const PasswordGate&) = delete;

  // Calls `done` on the loop's thread, perhaps before it returns.
  void check(std::shared_ptr<const tls::Passwords> file, std::string user, std::string password,
             std::function<void(bool)> done);
  // After a reload: nothing that was right before is believed.
  void forget() { remembered_.clear(); }

 private:
  void remember(const std::string& key);

  net::Loop& loop_;
  std::string salt_;  // what is remembered is useless outside this process
  std::unordered_map<std::string, base::Time> remembered_;
  size_t checks_ = 0;
};

}  // namespace sluice::pop
