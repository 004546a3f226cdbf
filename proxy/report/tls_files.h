#pragma once
// How we show who we are and whom we believe.
#include <string>

namespace sluice::report {

// PEM files: our certificate, its key, and what the other side's certificate must chain to.
struct TlsFiles {
  std::string certificate;
  std::string key;
  std::string ca;
};

}  // namespace sluice::report
