#pragma once
// The door between TicketKeys and OpenSSL's callback. Internal to tls/.
#include "proxy/tls/openssl.h"
#include "proxy/tls/ticket_keys.h"

namespace sluice::tls {

struct TicketKeyAccess {
  // The contract of SSL_CTX_set_tlsext_ticket_key_evp_cb.
  static int use(TicketKeys& keys, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                 bool encrypt, base::Time now);
};

}  // namespace sluice::tls
