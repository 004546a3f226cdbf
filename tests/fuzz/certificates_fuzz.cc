// What an origin shows: a chain of certificates of any bytes is read, judged, mirrored and shown again, and never more
// than refused. Input: a byte (1: the rest is one DER certificate, else PEM), then the certificates.
#include <cstdint>
#include <string>

#include "proxy/base/assert.h"
#include "proxy/tls/cert_minter.h"
#include "proxy/tls/verifier.h"

namespace {

using namespace sluice;

std::string pem_of(base::ByteView der) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = "-----BEGIN CERTIFICATE-----\n";
  size_t column = 0;
  for (size_t i = 0; i < der.size(); i += 3) {
    const auto byte = [&](size_t k) { return i + k < der.size() ? uint32_t{der[i + k]} : 0; };
    const uint32_t group = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (size_t k = 0; k < 4; ++k) {
      text += i + k > der.size() ? '=' : digits[(group >> (18 - 6 * k)) & 63];
    }
    if (++column % 16 == 0) text += '\n';
  }
  return text + "\n-----END CERTIFICATE-----\n";
}

// A PoP's, made once.
struct Pop {
  std::shared_ptr<const tls::IssuingCa> untrusted = *tls::IssuingCa::make_untrusted(now);
  tls::CertMinter minter{untrusted, untrusted, *tls::LeafKeys::generate(), 1 << 20};
  tls::Verifier verifier{*tls::TrustStore::load({})};
  static constexpr base::WallTime now{base::Duration(1'790'000'000'000)};
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static Pop pop;
  if (size == 0) return 0;
  const base::ByteView rest{data + 1, size - 1};
  const std::string pem = (data[0] & 1) != 0 ? pem_of(rest) : std::string(base::as_text(rest));
  const auto chain = tls::PeerChain::from_pem(pem);
  if (!chain) return 0;
  const tls::OriginVerdict verdict = pop.verifier.verify(*chain, "a.example", Pop::now);
  SLUICE_ASSERT(!verdict.errors.empty());  // nobody can sign what the system's CAs have not
  SLUICE_ASSERT(verdict.subject.size() <= tls::name_text_bytes_max &&
                verdict.issuer.size() <= tls::name_text_bytes_max);
  const auto mirrored = pop.minter.mirror_of(*chain, tls::LeafKind::kEcdsa, Pop::now);
  if (!mirrored) SLUICE_ASSERT(!mirrored.error().message.empty());
  return 0;
}
