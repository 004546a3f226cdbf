#pragma once
// Certificates that no longer count, from a file.
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"

namespace sluice::tls {

// The revoked serial numbers of one file, which holds either CRLs in PEM or a serial in hex digits per line
// (`# comment` lines and text behind the serial are skipped). The file is ours and is believed like a configuration:
// a CRL's signature and dates are not looked at, an entry once listed stays revoked. Any thread; shared by contexts.
class Revocations {
 public:
  static base::Result<std::shared_ptr<Revocations>> load(const std::string& file);

  // Reads the file again; on error the old list stays. Blocking.
  base::Status reload();
  // `serial` as in PeerCertificate.
  bool contains(std::string_view serial) const;
  size_t size() const;

 private:
  using Serials = std::vector<std::string>;  // sorted
  explicit Revocations(std::string file) : file_(std::move(file)) {}
  static base::Result<Serials> parse(const std::string& text, const std::string& file);
  std::shared_ptr<const Serials> serials() const;

  const std::string file_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Serials> serials_;
};

}  // namespace sluice::tls
