#include "proxy/drive/interception.h"

#include <utility>

#include "proxy/base/assert.h"

namespace sluice::drive {

std::shared_ptr<Interception> Interception::make(const InterceptionParts& parts, std::span<uint8_t> scratch) {
  tls::ServerOptions clients;
  clients.minimum = tls::Version::kTls12;
  clients.tickets = parts.tickets;
  auto client_side = tls::ServerContext::make(clients);
  SLUICE_ASSERT(client_side);  // there is no file in it that could be wrong
  tls::ClientOptions origins;
  origins.verify = tls::ClientOptions::Verify::kDeferred;
  origins.minimum = tls::Version::kTls12;
  origins.ask_for_ocsp = true;
  auto origin_side = tls::ClientContext::make(origins);
  SLUICE_ASSERT(origin_side);
  return std::shared_ptr<Interception>(
      new Interception(parts, std::move(*client_side), std::move(*origin_side), scratch));
}

Interception::Interception(const InterceptionParts& parts, tls::ServerContext clients, tls::ClientContext origins,
                           std::span<uint8_t> scratch)
    : clients_(std::move(clients)),
      origins_(std::move(origins)),
      minter_(parts.ca, parts.untrusted, parts.keys),
      verifier_(parts.trust),
      scratch_(scratch) {}

std::unique_ptr<OriginTls> Interception::connect(std::shared_ptr<Interception> self,
                                                 std::unique_ptr<net::Stream> carrier,
                                                 const flow::SecureOrigin& wanted) {
  tls::OriginKey key{wanted.address, wanted.host, wanted.alpn, ""};
  auto known = self->sessions_.take(key, self->verifier_.trust()->generation(), base::wall_now());
  tls::ConnectParameters parameters;
  parameters.server_name = wanted.host;
  parameters.alpn = wanted.alpn;
  std::optional<tls::OriginVerdict> verdict;
  if (known) {
    parameters.resume = std::move(known->resumption);
    verdict = std::move(known->verdict);
  }
  auto connection = std::make_unique<TlsStream>(std::move(carrier), tls::Session::connect(self->origins_, parameters),
                                                self->scratch_);
  return std::make_unique<OriginTls>(std::move(self), std::move(connection), std::move(key), std::move(verdict));
}

base::Result<tls::Session> Interception::accept(const flow::SecureClient& wanted, const OriginTls* origin) {
  const tls::LeafKind kind = wanted.rsa ? tls::LeafKind::kRsa : tls::LeafKind::kEcdsa;
  const base::WallTime now = base::wall_now();
  tls::AcceptParameters parameters;
  parameters.scope = wanted.host;
  parameters.alpn = {wanted.alpn};
  const auto mint = [&]() -> base::Result<tls::Leaf> {
    if (!wanted.mirrored) return minter_.leaf_for({wanted.host, kind, wanted.not_after}, now);
    const auto chain = origin != nullptr ? origin->stream().session().peer_chain() : std::nullopt;
    if (!chain) return base::Error{"the origin showed no certificate"};
    parameters.scope += " mirrored";  // a ticket never hides the faults
    return minter_.mirror_of(*chain, kind, now);
  };
  const auto leaf = mint();
  if (!leaf) return leaf.error();
  parameters.leaf = &*leaf;
  return tls::Session::accept(clients_, parameters);
}

OriginTls::OriginTls(std::shared_ptr<Interception> interception, std::unique_ptr<TlsStream> connection,
                     tls::OriginKey key, std::optional<tls::OriginVerdict> known)
    : interception_(std::move(interception)),
      owned_(std::move(connection)),
      stream_(owned_.get()),
      key_(std::move(key)),
      verdict_(std::move(known)) {}

flow::OriginSecured OriginTls::outcome(base::WallTime now) {
  const tls::Session& session = stream_->session();
  flow::OriginSecured result;
  result.handshake = handshake_of(session);
  result.wants_certificate = session.client_certificate_requested();
  if (result.handshake.failed) {
    interception_->sessions_.forget(key_);  // the next one begins anew
    return result;
  }
  if (!session.negotiated().resumed || !verdict_) {
    const auto chain = session.peer_chain();
    if (!chain) {
      result.handshake.failed = true;
      return result;
    }
    verdict_ = interception_->verifier_.verify(*chain, key_.server_name, now);
  }
  judged_ = true;
  result.verdict = *verdict_;
  return result;
}

void OriginTls::keep_sessions() {
  if (!judged_) return;
  tls::Session& session = stream_->session();
  std::vector<tls::Resumption> given = session.take_resumptions();
  if (given.empty()) return;
  interception_->sessions_.put(key_, std::move(given), *verdict_, session.client_certificate_requested());
}

flow::Handshake handshake_of(const tls::Session& session) {
  flow::Handshake result;
  const tls::Failure* failure = session.failure();
  const bool open = session.state() == tls::Session::State::kOpen || session.state() == tls::Session::State::kReadEnded;
  result.failed = !open;
  if (failure != nullptr) result.alert = failure->alert;
  tls::Negotiated agreed = session.negotiated();
  result.version = agreed.version;
  result.cipher = std::move(agreed.cipher);
  result.alpn = std::move(agreed.alpn);
  return result;
}

}  // namespace sluice::drive
