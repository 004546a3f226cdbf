#pragma once
// Users and their password hashes from an htpasswd file.
#include <map>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace sluice::tls {

// The users of one file, `user:hash` on each line, with hashes of bcrypt ($2b$, $2y$), SHA-256 ($5$), SHA-512 ($6$) or
// yescrypt ($y$). Immutable once made; any thread. Does not print.
class Passwords {
 public:
  static base::Result<Passwords> load(const std::string& file);
  // The same of text that was read before; `file` names it in errors.
  static base::Result<Passwords> parse(std::string_view text, const std::string& file);

  // Slow by nature (milliseconds to a second of one core): for a thread pool, never a loop. An unknown user takes as
  // long as a wrong password.
  bool verify(std::string_view user, std::string_view password) const;
  size_t size() const { return hashes_.size(); }

 private:
  std::map<std::string, std::string, std::less<>> hashes_;
};

}  // namespace sluice::tls
