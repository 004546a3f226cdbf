// bench_tunnel: flows through one tunnel to a PoP, as bench_load makes them through a proxy: opened with the request
// right behind the CONNECT, answered by bench_origin in clear. One JSON line. With --hold flows stay open until stdin
// ends.
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "proxy/drive/tunnel_client.h"

namespace {

using namespace sluice;

struct Options {
  std::string pop, ca, certificate, key, target;
  uint64_t flows = 1'000;
  uint64_t parallel = 20;
  uint64_t body_bytes = 1'024;
  bool hold = false;
};

class Load;

class Flow : private drive::DialHandler, private net::StreamHandler {
 public:
  explicit Flow(Load& load) : load_(load) {}
  void start();

 private:
  void on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) override;
  void on_stream(net::Stream& stream) override;
  void count(std::string_view bytes);

  Load& load_;
  std::unique_ptr<drive::Dialling> dialling_;
  std::unique_ptr<net::Stream> stream_;
  std::string head_;       // until it is whole
  uint64_t received_ = 0;  // of the body
  bool in_body_ = false;
  bool over_ = false;
};

class Load : public drive::TunnelWatcher, private net::Ready {
 public:
  explicit Load(const Options& wanted) : options(wanted), buffer(size_t{64} << 10) {
    resolver_ = std::move(*net::Resolver::create(loop, {}));
    tls::ClientOptions tls;
    tls.trust = options.ca;
    tls.certificate = options.certificate;
    tls.key = options.key;
    auto context = tls::ClientContext::make(tls);
    if (!context) throw std::runtime_error(context.error().message);
    auto dial = std::make_shared<drive::DialSettings>();
    dial->rules = flow::AddressRules({*base::Cidr::parse("127.0.0.0/8")}, {});
    drive::TunnelClientSettings settings{{{"pop", wire::parse_authority(options.pop).value()}}, *context, dial};
    client = std::make_unique<drive::TunnelClient>(loop, *resolver_, std::move(settings), *this);
    authority = wire::parse_authority(options.target).value();
    request = "GET /" + std::to_string(options.body_bytes) + " HTTP/1.1\r\nHost: origin.test\r\n\r\n";
  }
  void run() {
    client->start();
    loop.run();
  }
  void ended(bool fine) {
    fine ? ++done : ++failed;
    --working_;
    loop.soon(*this);
  }

  const Options& options;
  net::Loop loop;
  std::vector<uint8_t> buffer;
  std::unique_ptr<drive::TunnelClient> client;
  wire::Authority authority;
  std::string request;
  uint64_t done = 0, failed = 0, body_bytes = 0;
  std::chrono::steady_clock::time_point began, over;

 private:
  void on_tunnel_state() override {
    if (client->state() == drive::TunnelClient::State::kUp) {
      if (started_ == 0) began = std::chrono::steady_clock::now();
      loop.soon(*this);
    } else if (client->state() == drive::TunnelClient::State::kDown) {
      std::fprintf(stderr, "bench_tunnel: %s\n", client->problem().c_str());
      failed += options.flows - started_;
      loop.stop();
    }
  }
  void on_ready() override {
    while (working_ < options.parallel && started_ < options.flows) {
      ++started_;
      ++working_;
      flows_.push_back(std::make_unique<Flow>(*this));
      flows_.back()->start();
    }
    if (working_ > 0 || started_ < options.flows) return;
    over = std::chrono::steady_clock::now();
    loop.stop();
  }

  std::unique_ptr<net::Resolver> resolver_;
  std::vector<std::unique_ptr<Flow>> flows_;
  uint64_t started_ = 0, working_ = 0;
};

void Flow::start() {
  flow::Dial dial{load_.authority, std::make_unique<flow::ThroughTunnel>()};
  dial.tunnel->metadata.flow_id = "f";
  dial.tunnel->metadata.process = "bench";
  dial.tunnel->metadata.process_path = "/usr/bin/bench";
  dial.tunnel->metadata.verdict = flow::SteeringVerdict::kSteer;
  dial.tunnel->early = base::Chunk::copy_of(load_.request);
  dialling_ = load_.client->dial(std::move(dial), *this);
  dialling_->start();
}

void Flow::on_dialled(std::unique_ptr<net::Stream> stream, flow::DialDone result) {
  stream_ = std::move(stream);
  if (!stream_) {
    if (load_.failed == 0) std::fprintf(stderr, "bench_tunnel: %s\n", result.detail.c_str());
    over_ = true;
    return load_.ended(false);
  }
  stream_->set_handler(*this);
  on_stream(*stream_);
}

void Flow::count(std::string_view bytes) {
  if (in_body_) {
    received_ += bytes.size();
    return;
  }
  head_ += bytes;
  const size_t end = head_.find("\r\n\r\n");
  if (end == std::string::npos) return;
  in_body_ = true;
  received_ = head_.size() - end - 4;
  head_.clear();
}

void Flow::on_stream(net::Stream&) {
  while (!over_ && stream_->readable()) {
    const net::IoResult result = stream_->read(load_.buffer);
    if (result.kind == net::IoResult::Kind::kBlocked) return;
    count(std::string_view(reinterpret_cast<const char*>(load_.buffer.data()), result.bytes));
    const bool whole = received_ == load_.options.body_bytes;
    if (result.kind == net::IoResult::Kind::kMoved && !whole) continue;
    if (!whole && load_.failed == 0) {
      std::fprintf(stderr, "bench_tunnel: a flow %s after %llu bytes of its body\n",
                   stream_->lost()                              ? "lost its tunnel"
                   : result.kind == net::IoResult::Kind::kReset ? "was reset"
                                                                : "ended",
                   static_cast<unsigned long long>(received_));
    }
    over_ = true;
    load_.body_bytes += received_;
    if (!load_.options.hold) stream_.reset();
    return load_.ended(whole);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"bench_tunnel: drives one tunnel to a PoP on the loopback network and prints one JSON line"};
  Options options;
  app.add_option("--pop", options.pop, "address of the tunnel listener")->required();
  app.add_option("--ca", options.ca, "PEM file that the PoP's certificate chains to")->required();
  app.add_option("--certificate", options.certificate, "PEM file of the device")->required();
  app.add_option("--key", options.key, "PEM file of the device")->required();
  app.add_option("--target", options.target, "authority to CONNECT to")->required();
  app.add_option("--flows", options.flows, "flows in all")->capture_default_str();
  app.add_option("--parallel", options.parallel, "flows in work at a time")->capture_default_str();
  app.add_option("--body-bytes", options.body_bytes, "size of each reply's body")->capture_default_str();
  app.add_flag("--hold", options.hold, "keep the flows open until stdin ends");
  CLI11_PARSE(app, argc, argv);
  Load load(options);
  load.run();
  const double seconds = std::chrono::duration<double>(load.over - load.began).count();
  std::printf("{\"flows\": %llu, \"failed\": %llu, \"body_bytes\": %llu, \"seconds\": %.3f, \"tunnels\": %llu}\n",
              static_cast<unsigned long long>(load.done), static_cast<unsigned long long>(load.failed),
              static_cast<unsigned long long>(load.body_bytes), seconds,
              static_cast<unsigned long long>(load.client->tunnels_made()));
  std::fflush(stdout);
  if (options.hold) {
    while (std::getchar() != EOF) {
    }
  }
  std::_Exit(load.failed == 0 ? 0 : 1);  // held flows end with the process
}
