#include "events/api/http_server.h"

#include <httplib.h>

#include <thread>
#include <utility>

#include "events/api/limits.h"
#include "events/api/stream_pool.h"
#include "proxy/base/text.h"

namespace sluice::api {
namespace {

// The pool as the library wants it; the server owns this adapter, we own the pool.
class Queue : public httplib::TaskQueue {
 public:
  explicit Queue(StreamPool& pool) : pool_(pool) {}
  void enqueue(std::function<void()> job) override { pool_.enqueue(std::move(job)); }
  void shutdown() override { pool_.shutdown(); }

 private:
  StreamPool& pool_;
};

HttpRequest request_of(const httplib::Request& from) {
  HttpRequest request;
  request.method = from.method;
  request.path = from.path;
  request.params = from.params;
  for (const auto& [name, value] : from.headers) request.headers.emplace(base::ascii_lower(name), value);
  request.body = from.body;
  request.remote = from.remote_addr;
  return request;
}

void refuse(httplib::Response& to, int status, const char* code, const char* sentence) {
  to.status = status;
  to.set_header("Cache-Control", "no-store");
  if (status == 503) to.set_header("Retry-After", std::to_string(retry_seconds));
  to.set_content(std::string(R"({"error":{"code":")") + code + R"(","message":")" + sentence + "\"}}",
                 "application/json; charset=utf-8");
}
}  // namespace

struct HttpServer::Impl {
  std::unique_ptr<httplib::Server> server;
  StreamPool pool;
  Handler handler;
  std::thread thread;
  socket_t listening = INVALID_SOCKET;

  void answer(const httplib::Request& from, httplib::Response& to) {
    HttpResponse response = handler(request_of(from));
    if (response.lasting && !pool.begin_stream()) {
      return refuse(to, 503, "too_many_streams", "too many live tails run already; try again in a moment");
    }
    to.status = response.status;
    for (const auto& [name, value] : response.headers) to.set_header(name, value);
    to.set_header("X-Content-Type-Options", "nosniff");
    to.set_header("Referrer-Policy", "no-referrer");
    to.set_header("Cross-Origin-Resource-Policy", "same-origin");
    if (!to.has_header("Cache-Control")) to.set_header("Cache-Control", "no-store");
    if (!response.stream) return to.set_content(response.body, response.content_type);
    const std::shared_ptr<Stream> stream = std::move(response.stream);
    to.set_chunked_content_provider(
        response.content_type,
        [stream](size_t, httplib::DataSink& sink) {
          const bool more =
              stream->next([&](std::string_view bytes) { return sink.write(bytes.data(), bytes.size()); });
          if (!more) sink.done();
          return sink.is_writable();
        },
        [this, lasting = response.lasting](bool) {
          if (lasting) pool.end_stream();
        });
  }
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

HttpServer::~HttpServer() {
  impl_->server->stop();
  if (impl_->thread.joinable()) impl_->thread.join();
}

base::Result<std::unique_ptr<HttpServer>> HttpServer::start(const base::Endpoint& address,
                                                            const std::optional<HttpTls>& tls, Handler handler) {
  std::unique_ptr<HttpServer> http(new HttpServer(std::make_unique<Impl>()));
  Impl& impl = *http->impl_;
  impl.handler = std::move(handler);
  if (tls) {
    impl.server = std::make_unique<httplib::SSLServer>(tls->certificate.c_str(), tls->key.c_str());
    if (!impl.server->is_valid()) {
      return base::Error{"http.tls: the certificate " + tls->certificate + " and the key " + tls->key +
                         " are not usable together"};
    }
  } else {
    impl.server = std::make_unique<httplib::Server>();
  }
  httplib::Server& server = *impl.server;
  server.set_tcp_nodelay(true);                         // else every answer waits 40 ms for a delayed acknowledgement
  server.set_socket_options([&impl](socket_t socket) {  // the default would let two programs share the port
    impl.listening = socket;
    const int on = 1;
    (void)setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  });
  server.set_payload_max_length(body_bytes_max);
  server.set_read_timeout(read_seconds_max);
  server.set_write_timeout(write_seconds_max);
  server.set_keep_alive_timeout(keep_alive_seconds);
  server.set_keep_alive_max_count(keep_alive_requests_max);
  server.new_task_queue = [&impl] { return new Queue(impl.pool); };
  server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
    if (request.path.size() <= path_bytes_max) return httplib::Server::HandlerResponse::Unhandled;
    refuse(response, 414, "path_too_long", "there is no path as long as this");
    return httplib::Server::HandlerResponse::Handled;
  });
  const auto answer = [&impl](const httplib::Request& request, httplib::Response& response) {
    impl.answer(request, response);
  };
  server.Get("/.*", answer).Post("/.*", answer).Delete("/.*", answer);
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (!response.body.empty()) return;
    const int status = response.status;
    refuse(response, status, "refused", status == 413 ? "the body is too long" : "this request cannot be answered");
  });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
    refuse(response, 500, "internal", "the request failed inside the server");
  });

  const std::string host = address.address.to_string();
  int port = address.port;
  if (port == 0) {
    port = server.bind_to_any_port(host.c_str());
  } else if (!server.bind_to_port(host.c_str(), port)) {
    port = -1;
  }
  if (port <= 0) return base::Error{"http cannot listen on " + address.to_string()};
  // The library lets five wait, fewer than the connections of one browser; asking again changes that.
  (void)::listen(impl.listening, listen_backlog);
  http->address_ = base::Endpoint{address.address, static_cast<uint16_t>(port)};
  impl.thread = std::thread([&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();  // stop() before this would be lost
  return http;
}

}  // namespace sluice::api
