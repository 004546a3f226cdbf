// A stapled OCSP response (RFC 6960), as far as it is about the leaf and signed by who may sign it.
#include <openssl/ocsp.h>

#include "proxy/tls/trust_store_state.h"

namespace sluice::tls {

namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Freed<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Freed<OCSP_BASICRESP_free>>;
using CertIdPtr = std::unique_ptr<OCSP_CERTID, Freed<OCSP_CERTID_free>>;

// Clocks of responders and ours may differ by this.
constexpr auto skew = std::chrono::minutes(5);

// The one about `leaf`, whichever hash its id was made with.
int find_single(OCSP_BASICRESP* basic, X509* leaf, X509* issuer) {
  for (const EVP_MD* digest : {EVP_sha1(), EVP_sha256()}) {
    const CertIdPtr id(OCSP_cert_to_id(digest, leaf, issuer));
    const int found = id ? OCSP_resp_find(basic, id.get(), -1) : -1;
    if (found >= 0) return found;
  }
  return -1;
}

std::optional<base::WallTime> time_of(const ASN1_GENERALIZEDTIME* time) {
  return wall_time_of(time);
}

}  // namespace

OcspAnswer read_ocsp(base::ByteView response, STACK_OF(X509) * built, STACK_OF(X509) * shown, X509_STORE* store,
                     base::WallTime now) {
  OcspAnswer answer;
  if (sk_X509_num(built) < 2) return answer;
  const unsigned char* at = response.data();
  const ResponsePtr outer(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(response.size())));
  const bool successful = outer && OCSP_response_status(outer.get()) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
  const BasicPtr basic(successful ? OCSP_response_get1_basic(outer.get()) : nullptr);
  const bool believed = basic && OCSP_basic_verify(basic.get(), shown, store, OCSP_PARTIAL_CHAIN) == 1;
  const int index = believed ? find_single(basic.get(), sk_X509_value(built, 0), sk_X509_value(built, 1)) : -1;
  ERR_clear_error();
  if (index < 0) return answer;
  ASN1_GENERALIZEDTIME* this_update = nullptr;
  ASN1_GENERALIZEDTIME* next_update = nullptr;
  const int status =
      OCSP_single_get0_status(OCSP_resp_get0(basic.get(), index), nullptr, nullptr, &this_update, &next_update);
  const auto begins = time_of(this_update);
  const auto ends = next_update == nullptr ? base::WallTime::max() : time_of(next_update).value_or(base::WallTime{});
  if (!begins || *begins > now + skew) return answer;
  if (status == V_OCSP_CERTSTATUS_REVOKED) answer.status = OcspAnswer::Status::kRevoked;  // stays so, however old
  if (status == V_OCSP_CERTSTATUS_GOOD && ends > now) {
    answer.status = OcspAnswer::Status::kGood;
    answer.usable_until = ends;
  }
  return answer;
}

}  // namespace sluice::tls
