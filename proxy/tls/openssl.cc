#include "proxy/tls/openssl.h"

#include <openssl/pem.h>
#include <sys/stat.h>

#include <array>

#include "proxy/base/file.h"
#include "proxy/tls/limits.h"

namespace sluice::tls {

namespace {
// Debian's bundle: read once, where OpenSSL's default would look into a folder during handshakes.
constexpr const char* system_bundle = "/etc/ssl/certs/ca-certificates.crt";
}  // namespace

base::Error failed(const std::string& what) {
  std::array<char, 256> text{};
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  ERR_error_string_n(code, text.data(), text.size());
  return base::Error{what + (code == 0 ? "" : std::string(": ") + text.data())};
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long length = BIO_get_mem_data(bio, &data);
  return length <= 0 ? "" : std::string(data, static_cast<size_t>(length));
}

int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::optional<base::WallTime> wall_time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return base::WallTime{std::chrono::seconds(timegm(&parts))};
}

std::string text_of(const X509_NAME* name) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  constexpr unsigned long form = (XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB & ~XN_FLAG_SPC_EQ) | XN_FLAG_SPC_EQ;
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, form) < 0) {
    ERR_clear_error();
    return "";
  }
  std::string text = text_of(bio.get());
  if (text.size() > name_text_bytes_max) {
    size_t end = name_text_bytes_max;
    while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;  // not inside a character
    text.resize(end);
  }
  return text;
}

std::string serial_of(const ASN1_INTEGER* serial) {
  const BigNumberPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
  char* hex = number ? BN_bn2hex(number.get()) : nullptr;
  if (hex == nullptr) {
    ERR_clear_error();
    return "";
  }
  std::string text = hex;
  OPENSSL_free(hex);
  return text;
}

base::Result<std::vector<CertificatePtr>> parse_certificates(std::string_view pem, const std::string& name) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return failed(name + ": out of memory");
  std::vector<CertificatePtr> list;
  while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    list.emplace_back(certificate);
  }
  const unsigned long code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) {
    return failed(name + ": certificate " + std::to_string(list.size() + 1) + " is damaged");
  }
  ERR_clear_error();
  if (list.empty()) return base::Error{name + ": holds no certificate in PEM"};
  return list;
}

base::Result<std::vector<CertificatePtr>> read_certificates(const std::string& file) {
  const auto text = base::read_file(file, pem_file_bytes_max);
  if (!text) return text.error();
  return parse_certificates(*text, file);
}

base::Result<KeyPtr> parse_key(std::string_view pem, const std::string& name) {
  const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (!bio) return failed(name + ": out of memory");
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  if (!key) return failed(name + ": holds no unencrypted private key in PEM");
  return key;
}

base::Result<KeyPtr> read_key(const std::string& file) {
  const auto text = base::read_file(file, pem_file_bytes_max);
  if (!text) return text.error();
  return parse_key(*text, file);
}

base::Status trust_file(X509_STORE* store, const std::string& file) {
  const auto certificates = read_certificates(file);
  if (!certificates) return certificates.error();
  for (const CertificatePtr& certificate : *certificates) {
    if (X509_STORE_add_cert(store, certificate.get()) != 1) return failed(file + ": cannot be used");
  }
  // What stands in our own file is trusted as it stands, also when it is not a root.
  X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN);
  return base::Unit{};
}

base::Status trust_system(X509_STORE* store) {
  struct stat about {};
  const int done = stat(system_bundle, &about) == 0 ? X509_STORE_load_file(store, system_bundle)
                                                    : X509_STORE_set_default_paths(store);
  if (done != 1) return failed("cannot read the system's certificate authorities");
  return base::Unit{};
}

}  // namespace sluice::tls
