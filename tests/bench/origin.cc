// bench_origin: the web server that measurements end at, one thread. `GET /N` is answered with N bytes, in clear on one
// port and over TLS on another; connections stay open until the client closes them.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/bench/channel.h"

namespace {

using namespace sluice::bench;

constexpr size_t head_bytes_max = 16 * 1024;
constexpr size_t block_bytes = 1 << 20;         // bodies are repetitions of one block
constexpr size_t joined_bytes_max = 16 * 1024;  // a body up to this size leaves in one piece with its head

const std::string& block() {
  static const std::string bytes(block_bytes, 'o');
  return bytes;
}

// "GET /1024 HTTP/1.1..." -> 1024
std::optional<uint64_t> asked_bytes(std::string_view head) {
  constexpr std::string_view prefix = "GET /";
  if (!head.starts_with(prefix)) return std::nullopt;
  uint64_t bytes = 0;
  const auto [end, error] = std::from_chars(head.data() + prefix.size(), head.data() + head.size(), bytes);
  if (error != std::errc{} || end == head.data() + head.size() || *end != ' ') return std::nullopt;
  return bytes;
}

// One client: reads a head, writes the reply, and again. It lives in the server's map and dies when it has ended.
class Visitor {
 public:
  Visitor(Fd socket, const TlsContext& tls) : channel_(std::move(socket)), shaking_hands_(static_cast<bool>(tls)) {
    if (shaking_hands_) channel_.begin_server_tls(tls);
  }

  const Fd& socket() const { return channel_.socket(); }
  // Goes on as far as the socket lets it; false once the connection has ended.
  bool advance() {
    Channel::Outcome outcome = Channel::Outcome::kDone;
    while (outcome == Channel::Outcome::kDone) {
      if (shaking_hands_) {
        outcome = channel_.handshake();
        if (outcome == Channel::Outcome::kDone) shaking_hands_ = false;
      } else {
        outcome = reply_.empty() && body_left_ == 0 ? read_request() : write_reply();
      }
    }
    return outcome == Channel::Outcome::kWait;
  }

 private:
  Channel::Outcome read_request() {
    std::array<char, 4096> part;
    const Channel::Moved moved = channel_.read(part);
    if (moved.outcome != Channel::Outcome::kDone) return moved.outcome;
    head_.append(part.data(), moved.bytes);
    if (!head_.ends_with("\r\n\r\n")) {
      return head_.size() <= head_bytes_max ? Channel::Outcome::kDone : Channel::Outcome::kFailed;
    }
    const auto bytes = asked_bytes(head_);
    if (!bytes) return Channel::Outcome::kFailed;
    head_.clear();
    reply_ = "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: " + std::to_string(*bytes) +
             "\r\n\r\n";
    const uint64_t joined = *bytes <= joined_bytes_max ? *bytes : 0;
    reply_.append(block(), 0, joined);
    body_left_ = *bytes - joined;
    return Channel::Outcome::kDone;
  }

  Channel::Outcome write_reply() {
    const std::string_view bytes =
        reply_.empty() ? std::string_view(block()).substr(0, std::min<uint64_t>(body_left_, block_bytes)) : reply_;
    const Channel::Moved moved = channel_.write(bytes);
    if (moved.outcome != Channel::Outcome::kDone) return moved.outcome;
    if (reply_.empty()) {
      body_left_ -= moved.bytes;
    } else {
      reply_.erase(0, moved.bytes);
    }
    return Channel::Outcome::kDone;
  }

  Channel channel_;
  bool shaking_hands_;
  std::string head_;
  std::string reply_;
  uint64_t body_left_ = 0;
};

struct Port {
  Fd listener;
  TlsContext tls;
};

class Server {
 public:
  void open(const std::string& name, Port& port) {
    poller_.add(port.listener, EPOLLIN, &port);
    ports_.push_back(&port);
    std::fprintf(stderr, "%s listening on %s\n", name.c_str(), endpoint_of(port.listener).to_string().c_str());
  }

  [[noreturn]] void run() {
    while (true) {
      for (const epoll_event& event : poller_.wait(-1)) {
        const auto port = std::find(ports_.begin(), ports_.end(), event.data.ptr);
        if (port != ports_.end()) {
          accept(**port);
        } else {
          advance(*static_cast<Visitor*>(event.data.ptr));
        }
      }
    }
  }

 private:
  void accept(const Port& port) {
    while (Fd socket = accept_one(port.listener)) {
      auto visitor = std::make_unique<Visitor>(std::move(socket), port.tls);
      Visitor& borrowed = *visitor;
      visitors_.emplace(&borrowed, std::move(visitor));
      poller_.add(borrowed.socket(), Poller::kEdges, &borrowed);
    }
  }

  void advance(Visitor& visitor) {
    if (!visitor.advance()) visitors_.erase(&visitor);
  }

  Poller poller_;
  std::vector<Port*> ports_;
  std::unordered_map<Visitor*, std::unique_ptr<Visitor>> visitors_;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"bench_origin: answers GET /N with N bytes, in clear and over TLS, on ports that it logs"};
  std::string certificate;
  std::string key;
  app.add_option("--certificate", certificate, "PEM file")->required();
  app.add_option("--key", key, "PEM file")->required();
  CLI11_PARSE(app, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);

  const auto any_port = loopback("127.0.0.1:0");
  Port plain{listen_on(any_port), {}};
  Port tls{listen_on(any_port), server_context(certificate, key)};
  Server server;
  server.open("plain", plain);
  server.open("tls", tls);
  server.run();
}
