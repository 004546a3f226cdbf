#include "proxy/tls/library.h"

#include "proxy/base/assert.h"
#include "proxy/tls/openssl.h"

namespace sluice::tls {

void stay_until_the_end() {
  SLUICE_ASSERT(OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, nullptr) == 1);
}

}  // namespace sluice::tls
