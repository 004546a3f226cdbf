#include "proxy/tls/cert_minter.h"

#include <algorithm>

#include "proxy/base/assert.h"
#include "proxy/base/ip.h"
#include "proxy/tls/issuing_ca_state.h"
#include "proxy/tls/leaf_keys_state.h"
#include "proxy/tls/leaf_state.h"
#include "proxy/tls/peer_chain_state.h"

namespace sluice::tls {

namespace {

constexpr auto day = std::chrono::hours(24);
// Clients whose clocks run late accept it too.
constexpr auto backdating = day * 2;
// Browsers refuse more than 200 days.
constexpr auto lifetime_max = day * 197;
// A leaf about to end is minted anew.
constexpr auto remaining_min = std::chrono::minutes(10);
// Random, not counted: a repeated issuer and serial makes Firefox refuse the site (RFC 5280 allows 159 bits).
constexpr int serial_bits = 127;

using GeneralNamePtr = std::unique_ptr<GENERAL_NAME, Freed<GENERAL_NAME_free>>;

bool is_certificate_name(std::string_view host) {
  const auto fine = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
  };
  return !host.empty() && host.size() <= host_bytes_max && host.front() != '.' && host.back() != '.' &&
         std::all_of(host.begin(), host.end(), fine);
}

ExtensionPtr constant_extension(int nid, const char* value) {
  ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
  SLUICE_ASSERT(extension != nullptr);
  return extension;
}

// An address stands as bytes, a name as text.
ExtensionPtr names_of(const std::string& host, bool critical) {
  const GeneralNamePtr name(GENERAL_NAME_new());
  const NamesPtr names(GENERAL_NAMES_new());
  const auto address = base::IpAddress::parse(host);
  auto* text = address ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();
  if (!name || !names || text == nullptr) return nullptr;
  GENERAL_NAME_set0_value(name.get(), address ? GEN_IPADD : GEN_DNS, text);
  const int done = address ? ASN1_STRING_set(text, address->bytes().data(), address->is_v4() ? 4 : 16)
                           : ASN1_STRING_set(text, host.data(), static_cast<int>(host.size()));
  if (done != 1 || sk_GENERAL_NAME_push(names.get(), name.get()) <= 0) return nullptr;
  ExtensionPtr extension(X509V3_EXT_i2d(NID_subject_alt_name, critical ? 1 : 0, names.get()));
  sk_GENERAL_NAME_pop(names.get());  // owned by `name`
  return extension;
}

bool set_serial(X509* certificate) {
  const BigNumberPtr number(BN_new());
  return number && BN_rand(number.get(), serial_bits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
         BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_time(ASN1_TIME* field, base::WallTime time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  return ASN1_TIME_set(field, static_cast<time_t>(seconds)) != nullptr;
}

bool set_common_name(X509* certificate, const std::string& host) {
  return X509_NAME_add_entry_by_NID(X509_get_subject_name(certificate), NID_commonName, MBSTRING_ASC,
                                    reinterpret_cast<const unsigned char*>(host.data()), static_cast<int>(host.size()),
                                    -1, 0) == 1;
}

std::shared_ptr<EVP_PKEY> key_of(const LeafKeys& keys, LeafKind kind) {
  switch (kind) {
    case LeafKind::kEcdsa: return keys.state().ecdsa;
    case LeafKind::kRsa: return keys.state().rsa;
  }
  SLUICE_ASSERT(false);
}

std::string cache_key(char what, LeafKind kind, std::string_view name) {
  return std::string{what, kind == LeafKind::kRsa ? 'r' : 'e'} + std::string(name);
}

}  // namespace

// What is alike in every leaf.
struct CertMinter::Templates {
  ExtensionPtr no_ca = constant_extension(NID_basic_constraints, "critical,CA:FALSE");
  ExtensionPtr server = constant_extension(NID_ext_key_usage, "serverAuth");
  ExtensionPtr ecdsa_usage = constant_extension(NID_key_usage, "critical,digitalSignature");
  ExtensionPtr rsa_usage = constant_extension(NID_key_usage, "critical,digitalSignature,keyEncipherment");

  // Everything but subject, names and validity.
  CertificatePtr begin(const IssuingCa::State& ca, EVP_PKEY* key, LeafKind kind) const {
    CertificatePtr certificate(X509_new());
    X509* leaf = certificate.get();
    const bool done = leaf != nullptr && X509_set_version(leaf, X509_VERSION_3) == 1 && set_serial(leaf) &&
                      X509_set_pubkey(leaf, key) == 1 &&
                      X509_set_issuer_name(leaf, X509_get_subject_name(ca.certificate.get())) == 1 &&
                      X509_add_ext(leaf, no_ca.get(), -1) == 1 && X509_add_ext(leaf, server.get(), -1) == 1 &&
                      X509_add_ext(leaf, (kind == LeafKind::kRsa ? rsa_usage : ecdsa_usage).get(), -1) == 1 &&
                      X509_add_ext(leaf, ca.authority_key.get(), -1) == 1;
    return done ? std::move(certificate) : nullptr;
  }
};

namespace {

base::Result<Leaf> signed_leaf(CertificatePtr certificate, const IssuingCa::State& ca, std::shared_ptr<EVP_PKEY> key,
                               base::WallTime not_after) {
  // Ed25519 hashes by itself.
  const EVP_MD* digest = EVP_PKEY_get_id(ca.key.get()) == EVP_PKEY_ED25519 ? nullptr : EVP_sha256();
  if (X509_sign(certificate.get(), ca.key.get(), digest) <= 0) return failed("cannot sign a certificate");
  auto state = std::make_shared<Leaf::State>();
  state->certificate = std::move(certificate);
  state->not_after = not_after;
  state->key = std::move(key);
  state->chain = ca.chain;
  return Leaf(std::move(state));
}

}  // namespace

CertMinter::CertMinter(std::shared_ptr<const IssuingCa> ca, std::shared_ptr<const IssuingCa> untrusted,
                       std::shared_ptr<const LeafKeys> keys, size_t cache_bytes_max)
    : ca_(std::move(ca)),
      untrusted_(std::move(untrusted)),
      keys_(std::move(keys)),
      templates_(std::make_unique<const Templates>()),
      cache_bytes_max_(cache_bytes_max) {}

CertMinter::~CertMinter() = default;

base::Result<Leaf> CertMinter::leaf_for(const MintRequest& request, base::WallTime now) {
  const IssuingCa::State& ca = ca_->state();
  if (ca.not_after <= now) return base::Error{"the issuing CA has expired: " + ca_->subject()};
  const bool address = base::IpAddress::parse(request.host).has_value();
  if (!address && !is_certificate_name(request.host)) {
    return base::Error{"`" + request.host.substr(0, 80) + "` cannot stand in a certificate"};
  }
  auto not_after = request.not_after;
  if (not_after && *not_after <= now + remaining_min) not_after.reset();  // let through although it has ended
  std::string cached = cache_key('h', request.kind, request.host);
  if (const Leaf* found = find(cached, not_after, now)) return *found;

  const auto key = key_of(*keys_, request.kind);
  CertificatePtr certificate = templates_->begin(ca, key.get(), request.kind);
  X509* leaf = certificate.get();
  const base::WallTime begins = now - backdating;
  const base::WallTime ends = std::min({begins + lifetime_max, ca.not_after, not_after.value_or(ca.not_after)});
  // A common name holds 64 characters; without one the subject is empty and the names are critical (RFC 5280 4.2.1.6).
  const bool named = request.host.size() <= common_name_bytes_max;
  const ExtensionPtr names = names_of(request.host, !named);
  if (leaf == nullptr || !names || (named && !set_common_name(leaf, request.host)) ||
      !set_time(X509_getm_notBefore(leaf), begins) || !set_time(X509_getm_notAfter(leaf), ends) ||
      X509_add_ext(leaf, names.get(), -1) != 1) {
    return failed("cannot make a certificate for " + request.host);
  }
  auto made = signed_leaf(std::move(certificate), ca, key, ends);
  if (!made) return made.error();
  return remember(std::move(cached), std::move(*made));
}

base::Result<Leaf> CertMinter::mirror_of(const PeerChain& origin, LeafKind kind, base::WallTime now) {
  std::string cached = cache_key('m', kind, base::as_text(origin.hash()));
  if (const Leaf* found = find(cached, std::nullopt, now)) return *found;
  const X509* shown = origin.state().certificates.front().get();
  const auto key = key_of(*keys_, kind);
  CertificatePtr certificate = templates_->begin(untrusted_->state(), key.get(), kind);
  X509* leaf = certificate.get();
  if (leaf == nullptr || X509_set_subject_name(leaf, X509_get_subject_name(shown)) != 1 ||
      X509_set1_notBefore(leaf, X509_get0_notBefore(shown)) != 1 ||
      X509_set1_notAfter(leaf, X509_get0_notAfter(shown)) != 1) {
    return failed("cannot mirror a certificate");
  }
  const int at = X509_get_ext_by_NID(shown, NID_subject_alt_name, -1);
  if (at >= 0 && X509_add_ext(leaf, X509_get_ext(shown, at), -1) != 1) return failed("cannot mirror a certificate");
  // The dates in it may be past; it stays as good as it is.
  auto made = signed_leaf(std::move(certificate), untrusted_->state(), key, base::WallTime::max());
  if (!made) return made.error();
  return remember(std::move(cached), std::move(*made));
}

void CertMinter::set_keys(std::shared_ptr<const LeafKeys> keys) {
  keys_ = std::move(keys);
  index_.clear();
  entries_.clear();
  cache_bytes_ = 0;
}

const Leaf* CertMinter::find(const std::string& key, std::optional<base::WallTime> not_after, base::WallTime now) {
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  const Entries::iterator entry = found->second;
  const base::WallTime ends = entry->leaf.state().not_after;
  if (ends <= now + remaining_min || (not_after && ends > *not_after)) {
    drop(entry);
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  ++counters_.reused;
  return &entry->leaf;
}

Leaf CertMinter::remember(std::string key, Leaf leaf) {
  ++counters_.minted;
  const int encoded = i2d_X509(leaf.state().certificate.get(), nullptr);
  const size_t bytes = minted_entry_bytes + 2 * static_cast<size_t>(std::max(encoded, 0)) + 2 * key.size();
  if (bytes > cache_bytes_max_) return leaf;
  cache_bytes_ += bytes;
  entries_.push_front({std::move(key), std::move(leaf), bytes});
  index_.emplace(entries_.front().key, entries_.begin());
  while (cache_bytes_ > cache_bytes_max_) drop(std::prev(entries_.end()));
  return entries_.front().leaf;
}

void CertMinter::drop(Entries::iterator entry) {
  cache_bytes_ -= entry->bytes;
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace sluice::tls
