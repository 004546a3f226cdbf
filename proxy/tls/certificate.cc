#include "proxy/tls/certificate.h"

#include <openssl/pem.h>

#include <vector>

#include "proxy/base/assert.h"
#include "proxy/tls/openssl.h"

namespace sluice::tls {

namespace {

using Kind = Identity::Form::Kind;

// A positive number below 2^159, as RFC 5280 section 4.1.2.2 allows.
constexpr int serial_bits = 159;

bool set_serial(X509* certificate) {
  const BigNumberPtr number(BN_new());
  return number && BN_rand(number.get(), serial_bits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_time(ASN1_TIME* field, base::WallTime time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return ASN1_TIME_set(field, static_cast<time_t>(seconds)) != nullptr;
}

bool set_common_name(X509* certificate, const std::string& name) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(name.data());
  return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_UTF8, bytes,
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

struct NamedValue {
  int nid;
  std::string value;
};

std::vector<NamedValue> extensions_of(const Identity::Form& form) {
  std::vector<NamedValue> list;
  switch (form.kind) {
    case Kind::kRootOfRoots: list.push_back({NID_basic_constraints, "critical,CA:TRUE,pathlen:1"}); break;
    case Kind::kRoot:
    case Kind::kIssuing: list.push_back({NID_basic_constraints, "critical,CA:TRUE,pathlen:0"}); break;
    case Kind::kServer:
    case Kind::kClient: list.push_back({NID_basic_constraints, "critical,CA:FALSE"}); break;
  }
  const bool leaf = form.kind == Kind::kServer || form.kind == Kind::kClient;
  list.push_back({NID_key_usage, leaf ? "critical,digitalSignature" : "critical,keyCertSign,cRLSign"});
  if (form.kind == Kind::kServer) list.push_back({NID_ext_key_usage, "serverAuth"});
  if (form.kind == Kind::kClient) list.push_back({NID_ext_key_usage, "clientAuth"});
  if (!form.alternative_names.empty()) list.push_back({NID_subject_alt_name, form.alternative_names});
  list.push_back({NID_subject_key_identifier, "hash"});
  list.push_back({NID_authority_key_identifier, "keyid:always"});
  return list;
}

}  // namespace

struct Identity::State {
  CertificatePtr certificate;
  KeyPtr key;
};

Identity::Identity(std::unique_ptr<State> state) : state_(std::move(state)) {}
Identity::Identity(Identity&&) noexcept = default;
Identity& Identity::operator=(Identity&&) noexcept = default;
Identity::~Identity() = default;

base::Result<Identity> Identity::make(const Form& form, const Identity* issuer) {
  auto state = std::make_unique<State>();
  state->key.reset(EVP_EC_gen("P-256"));
  state->certificate.reset(X509_new());
  X509* certificate = state->certificate.get();
  if (!state->key || certificate == nullptr) return failed("cannot make a key");
  if (X509_set_version(certificate, X509_VERSION_3) != 1 || !set_serial(certificate) ||
      !set_time(X509_getm_notBefore(certificate), form.not_before) ||
      !set_time(X509_getm_notAfter(certificate), form.not_after) || !set_common_name(certificate, form.common_name) ||
      X509_set_pubkey(certificate, state->key.get()) != 1) {
    return failed("cannot make the certificate of `" + form.common_name + "`");
  }
  X509* issuer_certificate = issuer == nullptr ? certificate : issuer->state_->certificate.get();
  if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer_certificate)) != 1) {
    return failed("cannot set the issuer of `" + form.common_name + "`");
  }
  for (const NamedValue& extension : extensions_of(form)) {
    if (!add_extension(certificate, issuer_certificate, extension.nid, extension.value)) {
      return failed("cannot put `" + extension.value + "` into the certificate of `" + form.common_name + "`");
    }
  }
  EVP_PKEY* signer = issuer == nullptr ? state->key.get() : issuer->state_->key.get();
  if (X509_sign(certificate, signer, EVP_sha256()) == 0) return failed("cannot sign `" + form.common_name + "`");
  return Identity(std::move(state));
}

base::Result<Identity> Identity::from_pem(std::string_view certificate, std::string_view key, const std::string& name) {
  const BioPtr certificate_bio(BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size())));
  const BioPtr key_bio(BIO_new_mem_buf(key.data(), static_cast<int>(key.size())));
  if (!certificate_bio || !key_bio) return failed(name + ": out of memory");
  auto state = std::make_unique<State>();
  state->certificate.reset(PEM_read_bio_X509(certificate_bio.get(), nullptr, no_passphrase, nullptr));
  if (!state->certificate) return failed(name + ": no certificate in PEM");
  state->key.reset(PEM_read_bio_PrivateKey(key_bio.get(), nullptr, no_passphrase, nullptr));
  if (!state->key) return failed(name + ": no unencrypted private key in PEM");
  if (X509_check_private_key(state->certificate.get(), state->key.get()) != 1) {
    return failed(name + ": the key does not belong to the certificate");
  }
  return Identity(std::move(state));
}

std::string Identity::certificate_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  SLUICE_ASSERT(bio && PEM_write_bio_X509(bio.get(), state_->certificate.get()) == 1);
  return text_of(bio.get());
}

std::string Identity::key_pem() const {
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  SLUICE_ASSERT(
      bio && PEM_write_bio_PKCS8PrivateKey(bio.get(), state_->key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return text_of(bio.get());
}

base::WallTime Identity::not_after() const {
  const auto time = wall_time_of(X509_get0_notAfter(state_->certificate.get()));
  SLUICE_ASSERT(time.has_value());
  return *time;
}

}  // namespace sluice::tls
