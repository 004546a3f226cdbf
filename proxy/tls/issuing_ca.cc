#include "proxy/tls/issuing_ca.h"

#include <sys/stat.h>

#include "proxy/base/assert.h"
#include "proxy/tls/certificate.h"
#include "proxy/tls/issuing_ca_state.h"
#include "proxy/tls/limits.h"

namespace sluice::tls {

namespace {

using AuthorityKeyPtr = std::unique_ptr<AUTHORITY_KEYID, Freed<AUTHORITY_KEYID_free>>;

// "" when only the owner may read the key.
std::string why_exposed(const std::string& key_file) {
  struct stat about {};
  if (stat(key_file.c_str(), &about) != 0) return "";  // reading it will say more
  if (!S_ISREG(about.st_mode)) return key_file + ": is not a regular file";
  if ((about.st_mode & 077) == 0) return "";
  return key_file + ": others may read it; the key of a CA must have mode 0600 (chmod 600 " + key_file + ")";
}

ExtensionPtr authority_key_of(const X509* ca) {
  const ASN1_OCTET_STRING* subject_key = X509_get0_subject_key_id(const_cast<X509*>(ca));
  AuthorityKeyPtr authority(AUTHORITY_KEYID_new());
  if (subject_key == nullptr || !authority) return nullptr;
  authority->keyid = ASN1_OCTET_STRING_dup(subject_key);
  return ExtensionPtr(X509V3_EXT_i2d(NID_authority_key_identifier, 0, authority.get()));
}

bool is_root(X509* certificate) {
  return X509_check_issued(certificate, certificate) == X509_V_OK;
}

std::string why_no_ca(X509* certificate, base::WallTime not_after, base::WallTime now) {
  if (X509_check_ca(certificate) != 1) return "is not the certificate of a CA";
  if ((X509_get_key_usage(certificate) & KU_KEY_CERT_SIGN) == 0) return "may not sign certificates (key usage)";
  if (X509_get0_subject_key_id(certificate) == nullptr) return "has no subject key identifier";
  if (not_after <= now) return "has expired";
  return "";
}

// The certificates to send behind a leaf: `ca`, then `above` as far as it is no root.
base::Result<std::shared_ptr<STACK_OF(X509)>> chain_of(X509* ca, const std::vector<CertificatePtr>& above,
                                                       const std::string& file) {
  ChainPtr chain(sk_X509_new_null());
  const auto add = [&](X509* certificate) {
    if (is_root(certificate)) return true;
    return chain && X509_add_cert(chain.get(), certificate, X509_ADD_FLAG_UP_REF) == 1;
  };
  if (!add(ca)) return failed("out of memory");
  X509* below = ca;
  for (size_t i = 0; i < above.size(); ++i) {
    X509* next = above[i].get();
    if (X509_check_issued(next, below) != X509_V_OK) {
      return base::Error{file + ": certificate " + std::to_string(i + 1) + " (" + text_of(X509_get_subject_name(next)) +
                         ") did not sign " + text_of(X509_get_subject_name(below)) +
                         "; it must be the chain from the CA's issuer upwards"};
    }
    if (!add(next)) return failed("out of memory");
    below = next;
  }
  return std::shared_ptr<STACK_OF(X509)>(std::move(chain));
}

}  // namespace

IssuingCa::IssuingCa(std::unique_ptr<const State> state) : state_(std::move(state)) {}
IssuingCa::~IssuingCa() = default;

base::Result<std::shared_ptr<const IssuingCa>> IssuingCa::load(const Files& files, base::WallTime now) {
  if (const std::string why = why_exposed(files.key); !why.empty()) return base::Error{why};
  auto certificates = read_certificates(files.certificate);
  if (!certificates) return certificates.error();
  auto key = read_key(files.key);
  if (!key) return key.error();
  auto state = std::make_unique<State>();
  state->certificate = std::move(certificates->front());
  state->key = std::move(*key);
  X509* ca = state->certificate.get();
  const auto not_after = wall_time_of(X509_get0_notAfter(ca));
  if (!not_after) return base::Error{files.certificate + ": its end of validity cannot be read"};
  state->not_after = *not_after;
  if (const std::string why = why_no_ca(ca, *not_after, now); !why.empty()) {
    return base::Error{files.certificate + ": " + why};
  }
  if (X509_check_private_key(ca, state->key.get()) != 1) {
    ERR_clear_error();
    return base::Error{files.key + ": is not the key of " + files.certificate};
  }
  std::vector<CertificatePtr> above;
  if (!files.chain.empty()) {
    auto read = read_certificates(files.chain);
    if (!read) return read.error();
    above = std::move(*read);
  }
  auto chain = chain_of(ca, above, files.chain);
  if (!chain) return chain.error();
  state->chain = std::move(*chain);
  state->authority_key = authority_key_of(ca);
  if (!state->authority_key) return failed(files.certificate + ": cannot be used");
  return std::shared_ptr<const IssuingCa>(new IssuingCa(std::move(state)));
}

base::Result<std::shared_ptr<const IssuingCa>> IssuingCa::make_untrusted(base::WallTime now) {
  constexpr auto lifetime = std::chrono::hours(24) * 3653;
  Identity::Form form;
  form.kind = Identity::Form::Kind::kRoot;
  form.common_name = "The origin's certificate is not valid (Sluice)";
  form.not_before = now - lifetime;  // older than what it copies
  form.not_after = now + lifetime;
  const auto made = Identity::make(form, nullptr);
  if (!made) return made.error();
  auto certificates = parse_certificates(made->certificate_pem(), "untrusted CA");
  if (!certificates) return certificates.error();
  auto key = parse_key(made->key_pem(), "untrusted CA");
  if (!key) return key.error();
  auto state = std::make_unique<State>();
  state->certificate = std::move(certificates->front());
  state->key = std::move(*key);
  state->not_after = form.not_after;
  auto chain = chain_of(state->certificate.get(), {}, "");
  if (!chain) return chain.error();
  state->chain = std::move(*chain);
  state->authority_key = authority_key_of(state->certificate.get());
  SLUICE_ASSERT(state->authority_key != nullptr);
  return std::shared_ptr<const IssuingCa>(new IssuingCa(std::move(state)));
}

base::WallTime IssuingCa::not_after() const {
  return state_->not_after;
}

std::string IssuingCa::subject() const {
  return text_of(X509_get_subject_name(state_->certificate.get()));
}

Sha256 public_key_hash(const X509* certificate) {
  Sha256 hash{};
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (length > 0) hash = sha256({der, static_cast<size_t>(length)});
  OPENSSL_free(der);
  return hash;
}

base::Result<Sha256> public_key_hash(const std::string& certificate_file) {
  const auto certificates = read_certificates(certificate_file);
  if (!certificates) return certificates.error();
  return public_key_hash(certificates->front().get());
}

}  // namespace sluice::tls
