#include "events/server/health.h"

#include <httplib.h>

#include <string>
#include <thread>
#include <utility>

#include "events/ingest/bind_reason.h"

namespace sluice::server {

namespace {
constexpr size_t http_threads = 4;  // scrapes and probes: few, short
constexpr size_t request_bytes_max = 64u << 10;
constexpr int request_seconds_max = 5;

void set(httplib::Response& response, int status, const std::string& body) {
  response.status = status;
  response.set_header("Cache-Control", "no-store");
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_content(body, "text/plain; charset=utf-8");
}
}  // namespace

struct Health::Impl {
  httplib::Server server;
  std::thread thread;
};

Health::Health(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Health::~Health() {
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

base::Result<std::unique_ptr<Health>> Health::start(const base::Endpoint& address, store::EventStore& store,
                                                    ingest::IngestServer& ingest) {
  std::unique_ptr<Health> health(new Health(std::make_unique<Impl>()));
  httplib::Server& server = health->impl_->server;
  server.set_tcp_nodelay(true);                    // else every answer waits 40 ms for a delayed acknowledgement
  server.set_socket_options([](socket_t socket) {  // the default would let two programs share the port
    const int on = 1;
    (void)setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server.set_payload_max_length(request_bytes_max);
  server.set_read_timeout(request_seconds_max);
  server.set_keep_alive_timeout(request_seconds_max);
  server.new_task_queue = [] { return new httplib::ThreadPool(http_threads); };
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) { set(response, 200, "ok\n"); });
  server.Get("/readyz", [&store](const httplib::Request&, httplib::Response& response) {
    const bool ready = store.writable();
    set(response, ready ? 200 : 503, ready ? "ready\n" : "the store cannot write\n");
  });
  server.Get("/metrics", [&store, &ingest](const httplib::Request&, httplib::Response& response) {
    set(response, 200, metrics_text(store, ingest.counters()));
  });

  const std::string host = address.address.to_string();
  int port = address.port;
  if (port == 0) {
    port = server.bind_to_any_port(host.c_str());
  } else if (!server.bind_to_port(host.c_str(), port)) {
    port = -1;
  }
  if (port <= 0) {
    const std::string reason = ingest::bind_reason(address);
    return base::Error{"health cannot listen on " + address.to_string() + ": " +
                       (reason.empty() ? "the address cannot be bound" : reason)};
  }
  health->address_ = base::Endpoint{address.address, static_cast<uint16_t>(port)};
  health->impl_->thread = std::thread([&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();  // stop() before this would be lost
  return health;
}

}  // namespace sluice::server
