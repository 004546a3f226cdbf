#include "proxy/pop/password_gate.h"

#include "proxy/base/text.h"
#include "proxy/pop/limits.h"
#include "proxy/tls/digest.h"

namespace sluice::pop {

PasswordGate::PasswordGate(net::Loop& loop)
    : loop_(loop), salt_(base::hex16(base::random_u64()) + base::hex16(base::random_u64())) {}

void PasswordGate::check(std::shared_ptr<const tls::Passwords> file, std::string user, std::string password,
                         std::function<void(bool)> done) {
  const std::string key = tls::sha256_hex(base::as_bytes(salt_ + user + '\0' + password));
  const auto found = remembered_.find(key);
  if (found != remembered_.end() && found->second > loop_.now()) return done(true);
  if (checks_ >= password_checks_max) return done(false);
  ++checks_;
  auto right = std::make_shared<bool>(false);
  loop_.offload([=] { *right = file->verify(user, password); },
                [this, key, right, done = std::move(done)] {
                  --checks_;
                  if (*right) remember(key);
                  done(*right);
                });
}

void PasswordGate::remember(const std::string& key) {
  if (remembered_.size() >= passwords_remembered_max) {
    std::erase_if(remembered_, [&](const auto& item) { return item.second <= loop_.now(); });
    if (remembered_.size() >= passwords_remembered_max) remembered_.clear();
  }
  remembered_[key] = loop_.now() + password_memory;
}

}  // namespace sluice::pop
