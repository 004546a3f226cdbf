#include "proxy/net/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <uv.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <unordered_map>

#include "proxy/base/assert.h"
#include "proxy/net/address.h"
#include "proxy/net/limits.h"

namespace sluice::net {

namespace {

struct Key {
  std::string name;
  Family family;
  bool operator==(const Key&) const = default;
};

struct KeyHash {
  size_t operator()(const Key& key) const {
    return std::hash<std::string>{}(key.name) * 2 + static_cast<size_t>(key.family);
  }
};

ResolveError error_of(int status) {
  switch (status) {
    case ARES_ENOTFOUND:
    case ARES_ENODATA:
    case ARES_EBADNAME: return ResolveError::kNotFound;
    case ARES_ETIMEOUT: return ResolveError::kTimeout;
    default: return ResolveError::kFailed;
  }
}

base::Duration ttl_of(const ResolveAnswer& answer, int seconds) {
  switch (answer.error) {
    case ResolveError::kNone: return std::clamp(base::Duration(int64_t{seconds} * 1000), dns_ttl_min, dns_ttl_max);
    case ResolveError::kNotFound: return dns_negative_ttl;
    case ResolveError::kTimeout:
    case ResolveError::kFailed: return dns_failure_ttl;
  }
  return dns_failure_ttl;
}

std::once_flag ares_once;

}  // namespace

struct Resolver::Impl {
  struct Entry {
    ResolveAnswer answer;
    base::Time expires{};
  };
  // One query on its way, and who waits for it. Freed by its c-ares callback, which always comes (also at shutdown).
  struct Query {
    Impl* impl;
    Key key;
    std::vector<ResolveHandler*> waiting;
  };
  // libuv's view of one c-ares socket. Freed in its close callback.
  struct Socket {
    uv_poll_t poll{};
    Impl* impl = nullptr;
    ares_socket_t fd = ARES_SOCKET_BAD;
  };

  explicit Impl(Loop& l) : loop(l) {}

  static void on_socket_state(void* data, ares_socket_t fd, int readable, int writable);
  static void on_poll(uv_poll_t* poll, int status, int events);
  static void on_answer(void* data, int status, int timeouts, ares_addrinfo* result);
  void arm_timer();
  void remember(const Key& key, const ResolveAnswer& answer, base::Duration ttl);

  Loop& loop;
  ares_channel channel = nullptr;
  uv_timer_t* timer = nullptr;  // drives c-ares' own time-outs; freed in its close callback
  std::unordered_map<ares_socket_t, Socket*> sockets;
  std::unordered_map<Key, Query*, KeyHash> queries;
  std::unordered_map<Key, Entry, KeyHash> cache;
};

void Resolver::Impl::on_socket_state(void* data, ares_socket_t fd, int readable, int writable) {
  auto& impl = *static_cast<Impl*>(data);
  auto found = impl.sockets.find(fd);
  if (!readable && !writable) {
    if (found == impl.sockets.end()) return;
    Socket* socket = found->second;
    impl.sockets.erase(found);
    uv_poll_stop(&socket->poll);
    uv_close(reinterpret_cast<uv_handle_t*>(&socket->poll),
             [](uv_handle_t* handle) { delete static_cast<Socket*>(handle->data); });
    impl.loop.touch_uv();
    return;
  }
  if (found == impl.sockets.end()) {
    auto socket = std::make_unique<Socket>();
    socket->impl = &impl;
    socket->fd = fd;
    socket->poll.data = socket.get();
    if (uv_poll_init_socket(impl.loop.uv(), &socket->poll, fd) != 0) return;  // the query times out
    found = impl.sockets.emplace(fd, socket.release()).first;
  }
  const int events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
  uv_poll_start(&found->second->poll, events, &Impl::on_poll);
  impl.loop.touch_uv();
}

void Resolver::Impl::on_poll(uv_poll_t* poll, int status, int events) {
  auto& socket = *static_cast<Socket*>(poll->data);
  Impl& impl = *socket.impl;
  const bool broken = status < 0;
  const ares_socket_t fd = socket.fd;  // `socket` may be closed by c-ares below
  ares_process_fd(impl.channel, broken || (events & UV_READABLE) ? fd : ARES_SOCKET_BAD,
                  broken || (events & UV_WRITABLE) ? fd : ARES_SOCKET_BAD);
  impl.arm_timer();
}

void Resolver::Impl::arm_timer() {
  timeval wait{};
  if (timer == nullptr || ares_timeout(channel, nullptr, &wait) == nullptr) {
    if (timer != nullptr) uv_timer_stop(timer);
    return;
  }
  uv_update_time(loop.uv());
  const auto ms = static_cast<uint64_t>(wait.tv_sec) * 1000 + static_cast<uint64_t>(wait.tv_usec) / 1000 + 1;
  uv_timer_start(
      timer,
      [](uv_timer_t* t) {
        auto& impl = *static_cast<Impl*>(t->data);
        ares_process_fd(impl.channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
        impl.arm_timer();
      },
      ms, 0);
  loop.touch_uv();
}

void Resolver::Impl::remember(const Key& key, const ResolveAnswer& answer, base::Duration ttl) {
  if (cache.size() >= dns_cache_entries_max) {
    const base::Time now = loop.now();
    std::erase_if(cache, [&](const auto& item) { return item.second.expires <= now; });
    if (cache.size() >= dns_cache_entries_max) cache.erase(cache.begin());
  }
  cache[key] = {answer, loop.now() + ttl};
}

void Resolver::Impl::on_answer(void* data, int status, int /*timeouts*/, ares_addrinfo* result) {
  const std::unique_ptr<Query> query(static_cast<Query*>(data));
  Impl& impl = *query->impl;
  ResolveAnswer answer;
  answer.family = query->key.family;
  int ttl = static_cast<int>(dns_ttl_max.count() / 1000);
  if (status == ARES_SUCCESS) {
    for (const ares_addrinfo_node* node = result->nodes; node != nullptr; node = node->ai_next) {
      if (answer.addresses.size() == dns_addresses_max) break;
      SocketAddress address;
      address.length = node->ai_addrlen;
      std::memcpy(&address.storage, node->ai_addr, node->ai_addrlen);
      answer.addresses.push_back(address.endpoint().address);
      ttl = std::min(ttl, node->ai_ttl);
    }
    if (answer.addresses.empty()) answer.error = ResolveError::kNotFound;
  } else {
    answer.error = error_of(status);
  }
  if (result != nullptr) ares_freeaddrinfo(result);
  impl.queries.erase(query->key);
  if (status == ARES_EDESTRUCTION) return;
  impl.remember(query->key, answer, ttl_of(answer, ttl));
  // By index, and cancel() blanks entries: a handler may cancel another, or ask again.
  for (size_t i = 0; i < query->waiting.size(); ++i) {
    if (query->waiting[i] != nullptr) query->waiting[i]->on_resolved(answer);
  }
}

base::Result<std::unique_ptr<Resolver>> Resolver::create(Loop& loop, const std::vector<std::string>& servers) {
  std::call_once(ares_once, [] { SLUICE_ASSERT(ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS); });
  auto impl = std::make_unique<Impl>(loop);
  ares_options options{};
  options.timeout = dns_timeout_ms;
  options.tries = dns_tries;
  options.sock_state_cb = &Impl::on_socket_state;
  options.sock_state_cb_data = impl.get();
  const int mask = ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB;
  if (const int status = ares_init_options(&impl->channel, &options, mask); status != ARES_SUCCESS) {
    return base::Error{std::string("cannot start the resolver: ") + ares_strerror(status)};
  }
  if (!servers.empty()) {
    std::string csv;
    for (const std::string& server : servers) csv += (csv.empty() ? "" : ",") + server;
    if (const int status = ares_set_servers_ports_csv(impl->channel, csv.c_str()); status != ARES_SUCCESS) {
      ares_destroy(impl->channel);
      return base::Error{"cannot use name servers " + csv + ": " + ares_strerror(status)};
    }
  }
  impl->timer = new uv_timer_t;
  SLUICE_ASSERT(uv_timer_init(loop.uv(), impl->timer) == 0);
  impl->timer->data = impl.get();
  return std::unique_ptr<Resolver>(new Resolver(std::move(impl)));
}

Resolver::Resolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Resolver::~Resolver() {
  ares_destroy(impl_->channel);  // answers every query with ARES_EDESTRUCTION and closes every socket
  uv_close(reinterpret_cast<uv_handle_t*>(impl_->timer),
           [](uv_handle_t* handle) { delete reinterpret_cast<uv_timer_t*>(handle); });
  impl_->loop.touch_uv();
}

void Resolver::resolve(std::string_view name, Family family, ResolveHandler& handler) {
  Key key{std::string(name), family};
  if (const auto found = impl_->cache.find(key); found != impl_->cache.end()) {
    if (found->second.expires > impl_->loop.now()) {
      const ResolveAnswer answer = found->second.answer;  // the handler may change the cache
      handler.on_resolved(answer);
      return;
    }
    impl_->cache.erase(found);
  }
  if (const auto running = impl_->queries.find(key); running != impl_->queries.end()) {
    running->second->waiting.push_back(&handler);
    return;
  }
  if (impl_->queries.size() >= dns_queries_max) {
    handler.on_resolved({family, ResolveError::kFailed, {}});
    return;
  }
  auto query = std::make_unique<Impl::Query>(Impl::Query{impl_.get(), key, {&handler}});
  impl_->queries.emplace(key, query.get());
  ares_addrinfo_hints hints{};
  hints.ai_family = family == Family::kV4 ? AF_INET : AF_INET6;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(impl_->channel, key.name.c_str(), nullptr, &hints, &Impl::on_answer, query.release());
  impl_->arm_timer();
}

void Resolver::cancel(ResolveHandler& handler) {
  for (auto& [key, query] : impl_->queries) {
    std::replace(query->waiting.begin(), query->waiting.end(), &handler, static_cast<ResolveHandler*>(nullptr));
  }
}

}  // namespace sluice::net
