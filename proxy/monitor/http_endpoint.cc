#include "proxy/monitor/http_endpoint.h"

#include <httplib.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "proxy/monitor/limits.h"

namespace sluice::monitor {

struct HttpEndpoint::Impl {
  httplib::Server server;
  std::thread thread;
};

namespace {
httplib::Server::Handler wrap(HttpEndpoint::Handler handler) {
  return [handler = std::move(handler)](const httplib::Request&, httplib::Response& response) {
    const HttpEndpoint::Answer answer = handler();
    response.status = answer.status;
    response.set_header("Cache-Control", "no-store");
    response.set_header("X-Content-Type-Options", "nosniff");
    response.set_content(answer.body, answer.content_type);
  };
}
}  // namespace

HttpEndpoint::HttpEndpoint() : impl_(std::make_unique<Impl>()) {
  impl_->server.set_tcp_nodelay(true);                    // else every answer waits 40 ms for a delayed acknowledgement
  impl_->server.set_socket_options([](socket_t socket) {  // the default would let two programs share the port
    const int on = 1;
    (void)setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  impl_->server.new_task_queue = [] { return new httplib::ThreadPool(http_threads); };
}

HttpEndpoint::~HttpEndpoint() {
  impl_->server.stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

void HttpEndpoint::get(const std::string& path, Handler handler) {
  impl_->server.Get(path, wrap(std::move(handler)));
}

void HttpEndpoint::post(const std::string& path, Handler handler) {
  impl_->server.Post(path, wrap(std::move(handler)));
}

base::Result<base::Endpoint> HttpEndpoint::start(const base::Endpoint& address) {
  const std::string host = address.address.to_string();
  int port = address.port;
  if (port == 0) {
    port = impl_->server.bind_to_any_port(host);
  } else if (!impl_->server.bind_to_port(host, port)) {
    port = -1;
  }
  if (port <= 0) return base::Error{"cannot listen on " + address.to_string() + ": " + std::strerror(errno)};
  impl_->thread = std::thread([this] { impl_->server.listen_after_bind(); });
  while (!impl_->server.is_running()) std::this_thread::yield();  // stop() before this would be lost
  return base::Endpoint{address.address, static_cast<uint16_t>(port)};
}

}  // namespace sluice::monitor
