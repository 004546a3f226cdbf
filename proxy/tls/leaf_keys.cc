// OpenSSL 3 writes and reads a key through its encoders to put it into a certificate: 200 us each time, five times the
// rest of a mint. Keys made by the older interface are copied instead: 6 us.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "proxy/tls/leaf_keys.h"

#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "proxy/tls/leaf_keys_state.h"

namespace sluice::tls {

namespace {

constexpr int rsa_bits = 2048;

using EcKeyPtr = std::unique_ptr<EC_KEY, Freed<EC_KEY_free>>;
using RsaPtr = std::unique_ptr<RSA, Freed<RSA_free>>;

KeyPtr make_ecdsa() {
  EcKeyPtr made(EC_KEY_new_by_curve_name(NID_X9_62_prime256v1));
  KeyPtr key(EVP_PKEY_new());
  if (!made || !key || EC_KEY_generate_key(made.get()) != 1) return nullptr;
  if (EVP_PKEY_assign_EC_KEY(key.get(), made.get()) != 1) return nullptr;
  static_cast<void>(made.release());  // the key's now
  return key;
}

KeyPtr make_rsa() {
  RsaPtr made(RSA_new());
  KeyPtr key(EVP_PKEY_new());
  const BigNumberPtr exponent(BN_new());
  if (!made || !key || !exponent || BN_set_word(exponent.get(), RSA_F4) != 1) return nullptr;
  if (RSA_generate_key_ex(made.get(), rsa_bits, exponent.get(), nullptr) != 1) return nullptr;
  if (EVP_PKEY_assign_RSA(key.get(), made.get()) != 1) return nullptr;
  static_cast<void>(made.release());
  return key;
}

}  // namespace

LeafKeys::LeafKeys(std::unique_ptr<const State> state) : state_(std::move(state)) {}
LeafKeys::~LeafKeys() = default;

base::Result<std::shared_ptr<const LeafKeys>> LeafKeys::generate() {
  auto state = std::make_unique<State>();
  state->ecdsa = make_ecdsa();
  state->rsa = make_rsa();
  if (!state->ecdsa || !state->rsa) return failed("cannot make the keys of minted certificates");
  return std::shared_ptr<const LeafKeys>(new LeafKeys(std::move(state)));
}

}  // namespace sluice::tls
