#include "proxy/tls/revocations.h"

#include <openssl/pem.h>

#include <algorithm>

#include "proxy/base/file.h"
#include "proxy/tls/limits.h"
#include "proxy/tls/openssl.h"

namespace sluice::tls {

namespace {

// "0A:1b" -> "0A1B" as OpenSSL prints a number; "" when it is none.
std::string canonical_serial(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (c == ':') continue;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!hex) return "";
    digits += c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  if (digits.empty()) return "";
  // Whole bytes, as BN_bn2hex writes them.
  if (digits.size() % 2 != 0) digits.insert(digits.begin(), '0');
  while (digits.size() > 2 && digits.starts_with("00")) digits.erase(0, 2);
  return digits == "00" ? "0" : digits;
}

base::Result<std::vector<std::string>> serials_of_crls(const std::string& text, const std::string& file) {
  const BioPtr bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) return failed(file + ": out of memory");
  std::vector<std::string> serials;
  while (X509_CRL* read = PEM_read_bio_X509_CRL(bio.get(), nullptr, no_passphrase, nullptr)) {
    const CrlPtr crl(read);
    STACK_OF(X509_REVOKED)* entries = X509_CRL_get_REVOKED(crl.get());
    for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
      serials.push_back(serial_of(X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(entries, i))));
    }
  }
  const unsigned long code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) {
    return failed(file + ": a CRL is damaged");
  }
  ERR_clear_error();
  return serials;
}

base::Result<std::vector<std::string>> serials_of_lines(std::string_view text, const std::string& file) {
  std::vector<std::string> serials;
  size_t number = 0;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    ++number;
    const size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos || line[begin] == '#') continue;
    line.remove_prefix(begin);
    std::string serial = canonical_serial(line.substr(0, line.find_first_of(" \t\r")));
    if (serial.empty()) {
      return base::Error{file + ":" + std::to_string(number) +
                         ": must be a serial number in hex digits, as `openssl x509 -serial` prints it"};
    }
    serials.push_back(std::move(serial));
  }
  return serials;
}

}  // namespace

base::Result<Revocations::Serials> Revocations::parse(const std::string& text, const std::string& file) {
  const bool crls = text.find("-----BEGIN X509 CRL-----") != std::string::npos;
  auto serials = crls ? serials_of_crls(text, file) : serials_of_lines(text, file);
  if (!serials) return serials.error();
  std::sort(serials->begin(), serials->end());
  return serials;
}

base::Result<std::shared_ptr<Revocations>> Revocations::load(const std::string& file) {
  std::shared_ptr<Revocations> revocations(new Revocations(file));
  const auto status = revocations->reload();
  if (!status) return status.error();
  return revocations;
}

base::Status Revocations::reload() {
  const auto text = base::read_file(file_, revocation_file_bytes_max);
  if (!text) return text.error();
  auto serials = parse(*text, file_);
  if (!serials) return serials.error();
  auto snapshot = std::make_shared<const Serials>(std::move(*serials));
  const std::lock_guard lock(mutex_);
  serials_ = std::move(snapshot);
  return base::Unit{};
}

std::shared_ptr<const Revocations::Serials> Revocations::serials() const {
  const std::lock_guard lock(mutex_);
  return serials_;
}

bool Revocations::contains(std::string_view serial) const {
  const auto snapshot = serials();
  return std::binary_search(snapshot->begin(), snapshot->end(), serial, std::less<>());
}

size_t Revocations::size() const {
  return serials()->size();
}

}  // namespace sluice::tls
