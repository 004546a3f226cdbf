#pragma once
// OpenSSL's objects as owned values, and its error queue as text. Internal to tls/: nothing else may include it.
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/base/time.h"

namespace sluice::tls {

template <auto free_it>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    free_it(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using BigNumberPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using CertificatePtr = std::unique_ptr<X509, Freed<X509_free>>;
using ChainPtr =
    std::unique_ptr<STACK_OF(X509), Freed<[](STACK_OF(X509) * chain) { sk_X509_pop_free(chain, X509_free); }>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Freed<SSL_free>>;
using SslSessionPtr = std::unique_ptr<SSL_SESSION, Freed<SSL_SESSION_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;

// `what`, and why, from the oldest entry of OpenSSL's error queue, which is emptied.
base::Error failed(const std::string& what);

// What was written to a BIO_s_mem.
std::string text_of(BIO* bio);

// A passphrase callback that never asks on the terminal: encrypted keys are an error.
int no_passphrase(char*, int, int, void*);

// Nothing for times that OpenSSL cannot read.
std::optional<base::WallTime> wall_time_of(const ASN1_TIME* time);

// "C = DE, CN = a.example", UTF-8, control characters escaped, at most `name_text_bytes_max`.
std::string text_of(const X509_NAME* name);
// Upper-case hex digits as `openssl x509 -serial` prints them.
std::string serial_of(const ASN1_INTEGER* serial);

// PEM, leaf first; never empty. `name` begins the errors.
base::Result<std::vector<CertificatePtr>> parse_certificates(std::string_view pem, const std::string& name);
base::Result<std::vector<CertificatePtr>> read_certificates(const std::string& file);
base::Result<KeyPtr> parse_key(std::string_view pem, const std::string& name);
base::Result<KeyPtr> read_key(const std::string& file);

// Puts the CAs of a PEM file, or of the system, into a store.
base::Status trust_file(X509_STORE* store, const std::string& file);
base::Status trust_system(X509_STORE* store);

}  // namespace sluice::tls
