#include "proxy/tls/peer.h"

#include <openssl/pem.h>

#include "proxy/tls/openssl.h"
#include "proxy/tls/peer_chain_state.h"

namespace sluice::tls {

base::Result<PeerCertificate> parse_peer_certificate(std::string_view pem) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const CertificatePtr certificate(bio ? PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr) : nullptr);
  if (!certificate) return failed("the certificate cannot be read");
  return peer_certificate_of(certificate.get());
}

}  // namespace sluice::tls
