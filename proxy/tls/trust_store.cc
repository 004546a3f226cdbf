#include <openssl/pem.h>

#include <atomic>

#include "proxy/base/assert.h"
#include "proxy/base/file.h"
#include "proxy/tls/trust_store_state.h"

namespace sluice::tls {

namespace {

base::Status add_crls(X509_STORE* store, const std::string& file) {
  const auto text = base::read_file(file, revocation_file_bytes_max);
  if (!text) return text.error();
  const BioPtr bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  if (!bio) return failed(file + ": out of memory");
  size_t count = 0;
  while (X509_CRL* read = PEM_read_bio_X509_CRL(bio.get(), nullptr, no_passphrase, nullptr)) {
    const CrlPtr crl(read);
    if (X509_STORE_add_crl(store, crl.get()) != 1) return failed(file + ": cannot be used");
    ++count;
  }
  const unsigned long code = ERR_peek_last_error();
  if (ERR_GET_LIB(code) != ERR_LIB_PEM || ERR_GET_REASON(code) != PEM_R_NO_START_LINE) {
    return failed(file + ": CRL " + std::to_string(count + 1) + " is damaged");
  }
  ERR_clear_error();
  if (count == 0) return base::Error{file + ": holds no CRL in PEM"};
  return base::Unit{};
}

}  // namespace

TrustStore::TrustStore(std::unique_ptr<const State> state) : state_(std::move(state)) {}
TrustStore::~TrustStore() = default;

base::Result<std::shared_ptr<const TrustStore>> TrustStore::load(const Files& files) {
  static std::atomic<uint64_t> generations{0};
  auto state = std::make_unique<State>();
  state->store.reset(X509_STORE_new());
  SLUICE_ASSERT(state->store != nullptr);
  X509_STORE* store = state->store.get();
  const auto status = files.trust.empty() ? trust_system(store) : trust_file(store, files.trust);
  if (!status) return status.error();
  for (const std::string& file : files.crls) {
    const auto added = add_crls(store, file);
    if (!added) return added.error();
  }
  state->has_crls = !files.crls.empty();
  state->generation = ++generations;
  return std::shared_ptr<const TrustStore>(new TrustStore(std::move(state)));
}

uint64_t TrustStore::generation() const {
  return state_->generation;
}

}  // namespace sluice::tls
