#include "proxy/tls/ticket_keys.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <array>
#include <cstring>
#include <mutex>

#include "proxy/base/assert.h"
#include "proxy/tls/ticket_key_access.h"

namespace sluice::tls {

namespace {

constexpr size_t name_bytes = 16;  // the size that RFC 5077 recommends and OpenSSL's callback has
constexpr size_t iv_bytes = 16;    // AES-CBC

struct Key {
  std::array<unsigned char, name_bytes> name{};
  std::array<unsigned char, 32> cipher{};
  std::array<unsigned char, 32> mac{};
  bool usable = false;
};

using CipherPtr = std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>>;

bool set_up(const Key& key, const EVP_CIPHER* aes, const unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
            bool encrypt) {
  std::array<char, 7> digest{"SHA256"};
  auto secret = key.mac;
  const std::array<OSSL_PARAM, 3> parameters{
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
  const bool done = EVP_MAC_CTX_set_params(mac, parameters.data()) == 1 &&
                    EVP_CipherInit_ex2(cipher, aes, key.cipher.data(), iv, encrypt ? 1 : 0, nullptr) == 1;
  OPENSSL_cleanse(secret.data(), secret.size());
  return done;
}

}  // namespace

struct TicketKeys::State {
  ~State() {
    OPENSSL_cleanse(&current, sizeof current);
    OPENSSL_cleanse(&previous, sizeof previous);
  }
  void rotate(base::Time now) {
    previous = current;
    SLUICE_ASSERT(RAND_bytes(current.name.data(), static_cast<int>(current.name.size())) == 1);
    SLUICE_ASSERT(RAND_priv_bytes(current.cipher.data(), static_cast<int>(current.cipher.size())) == 1);
    SLUICE_ASSERT(RAND_priv_bytes(current.mac.data(), static_cast<int>(current.mac.size())) == 1);
    current.usable = true;
    rotate_at = now + rotate_every;
  }
  void rotate_when_due(base::Time now) {
    if (now < rotate_at) return;
    // Idle for longer than a key's whole life: the previous one is too old as well.
    if (now >= rotate_at + rotate_every) rotate(now);
    rotate(now);
  }

  std::mutex mutex;
  Key current;
  Key previous;
  base::Duration rotate_every{};
  base::Time rotate_at{};
  CipherPtr aes{EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr)};
};

TicketKeys::TicketKeys(base::Duration rotate_every) : state_(std::make_unique<State>()) {
  SLUICE_ASSERT(state_->aes && rotate_every > base::Duration::zero());
  state_->rotate_every = rotate_every;
  state_->rotate(base::time_now());
}

TicketKeys::~TicketKeys() = default;

void TicketKeys::rotate() {
  const std::lock_guard lock(state_->mutex);
  state_->rotate(base::time_now());
}

int TicketKeyAccess::use(TicketKeys& keys, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
                         EVP_MAC_CTX* mac, bool encrypt, base::Time now) {
  TicketKeys::State& state = *keys.state_;
  const std::lock_guard lock(state.mutex);
  state.rotate_when_due(now);
  if (encrypt) {
    std::memcpy(name, state.current.name.data(), name_bytes);
    if (RAND_bytes(iv, static_cast<int>(iv_bytes)) != 1) return -1;
    return set_up(state.current, state.aes.get(), iv, cipher, mac, true) ? 1 : -1;
  }
  for (const Key* key : {&state.current, &state.previous}) {
    if (!key->usable || std::memcmp(name, key->name.data(), name_bytes) != 0) continue;
    if (!set_up(*key, state.aes.get(), iv, cipher, mac, false)) return -1;
    return key == &state.current ? 1 : 2;  // 2: give the client a new ticket
  }
  return 0;
}

}  // namespace sluice::tls
