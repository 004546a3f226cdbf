#include "proxy/pop/introducer.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/pop/limits.h"
#include "proxy/wire/limits.h"
#include "proxy/wire/proxy_header.h"

namespace sluice::pop {

// A connection whose header is not whole. Reads no byte behind it.
class Introducer::Waiting final : private net::StreamHandler, private net::Timer {
 public:
  Waiting(Introducer& introducer, std::unique_ptr<net::TcpStream> stream, size_t listener_index,
          const base::Endpoint& from, base::Duration header_max)
      : listener(listener_index), peer(from), connection(std::move(stream)), introducer_(introducer) {
    connection->set_handler(*this);
    introducer.loop_.timers().arm(*this, introducer.loop_.now() + header_max);
  }

  size_t index = 0;
  size_t listener;
  base::Endpoint peer;
  std::unique_ptr<net::TcpStream> connection;  // null once it has left

 private:
  void on_stream(net::Stream&) override {
    while (connection && connection->readable()) read_more();
  }
  void on_timer() override { turn_away("The PROXY protocol header did not arrive in time"); }

  void read_more() {
    std::array<uint8_t, wire::proxy_header_bytes_max> buffer{};
    const size_t missing = wire::proxy_header_missing(held_.view());
    const net::IoResult result = connection->read(std::span(buffer).first(missing));
    switch (result.kind) {
      case net::IoResult::Kind::kMoved: break;
      case net::IoResult::Kind::kBlocked: return;
      case net::IoResult::Kind::kReset:
      case net::IoResult::Kind::kEnded: introducer_.leave(*this).reset(); return;  // a port check
    }
    held_.append(base::ByteView(buffer).first(result.bytes));
    const auto parsed = wire::parse_proxy_header(held_.view());
    if (parsed.is_need_more()) return;
    if (parsed.is_invalid()) return turn_away(wire::describe(parsed.reason()));
    const auto& addresses = parsed.value().addresses;
    auto client = introducer_.leave(*this);
    introducer_.host_.on_introduced(listener, std::move(client), addresses ? addresses->source : peer,
                                    addresses ? std::optional(addresses->destination) : std::nullopt);
  }

  void turn_away(std::string_view text) {
    if (!connection) return;
    introducer_.host_.on_not_introduced(peer, text);
    introducer_.leave(*this).reset();
  }

  Introducer& introducer_;
  base::Chunk held_;
};

Introducer::Introducer(net::Loop& loop, IntroducerHost& host) : loop_(loop), host_(host) {}

Introducer::~Introducer() {
  loop_.not_soon(*this);
}

void Introducer::accept(size_t listener, int fd, const base::Endpoint& peer,
                        std::shared_ptr<const Introduction> terms) {
  const auto& balancers = terms->balancers;
  const bool balancer = balancers.empty() || std::any_of(balancers.begin(), balancers.end(), [&](const auto& network) {
                          return network.contains(peer.address);
                        });
  if (!balancer || waiting_.size() >= introductions_max) {
    ::close(fd);
    return host_.on_not_introduced(
        peer, balancer ? "Too many connections wait for their PROXY protocol header" : "Not in allow_sources");
  }
  auto stream = net::TcpStream::adopt(loop_, fd);
  if (stream == nullptr) return;
  auto waiting = std::make_unique<Waiting>(*this, std::move(stream), listener, peer, terms->header_max);
  waiting->index = waiting_.size();
  waiting_.push_back(std::move(waiting));
}

void Introducer::drain() {
  while (!waiting_.empty()) leave(*waiting_.back()).reset();
}

void Introducer::on_ready() {
  left_.clear();
}

std::unique_ptr<net::TcpStream> Introducer::leave(Waiting& waiting) {
  std::unique_ptr<net::TcpStream> connection = std::move(waiting.connection);
  const size_t index = waiting.index;
  left_.push_back(std::move(waiting_[index]));
  if (index + 1 < waiting_.size()) {
    waiting_[index] = std::move(waiting_.back());
    waiting_[index]->index = index;
  }
  waiting_.pop_back();
  loop_.soon(*this);
  return connection;
}

}  // namespace sluice::pop
