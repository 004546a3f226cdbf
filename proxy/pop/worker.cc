#include "proxy/pop/worker.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "proxy/base/assert.h"
#include "proxy/drive/limits.h"
#include "proxy/net/address.h"
#include "proxy/pop/limits.h"

namespace sluice::pop {

// Members that FlowHost refers to; they must exist before it does.
struct Worker::Base {
  std::vector<uint8_t> buffer = std::vector<uint8_t>(drive::copy_buffer_bytes);
  std::vector<uint8_t> ciphertext = std::vector<uint8_t>(drive::copy_buffer_bytes);
  net::Loop loop;
  std::unique_ptr<net::Resolver> resolver;
};

base::Result<std::unique_ptr<Worker>> Worker::create(Shared& shared, report::SpoolRoot& spools, Options options,
                                                     std::shared_ptr<const Runtime> runtime) {
  auto base = std::make_unique<Base>();
  auto resolver = net::Resolver::create(base->loop, options.dns_servers);
  if (!resolver) return resolver.error();
  base->resolver = std::move(*resolver);
  std::unique_ptr<Worker> worker(new Worker(std::move(base), shared, std::move(options), std::move(runtime)));
  auto spool =
      report::SpoolWriter::create(spools, [raw = worker.get()](report::SpoolWriter&) { raw->rewrite_open_records(); });
  if (!spool) return spool.error();
  worker->spool_ = std::move(*spool);
  worker->options_.builder.producer_id = worker->spool_->producer_id();
  worker->builder_ = std::make_unique<report::EventBuilder>(worker->options_.builder);
  worker->pages_ = std::make_unique<Pages>(
      worker->loop, worker->runtime_->pages,
      [raw = worker.get()](const std::string& host) { return raw->builder_->registrable_domain(host); },
      [raw = worker.get()](flow::FlowRecord& record, bool final, base::Time now) { raw->emit(record, final, now); });
  worker->use_interception();
  return worker;
}

Worker::Worker(std::unique_ptr<Base> base, Shared& shared, Options options, std::shared_ptr<const Runtime> runtime)
    : FlowHost(base->loop, *base->resolver, base->buffer),
      base_(std::move(base)),
      shared_(shared),
      options_(std::move(options)),
      runtime_(std::move(runtime)),
      passwords_(loop),
      introducer_(new Introducer(loop, *this)),
      tunnels_(std::make_unique<drive::TunnelServer>(loop, *this)) {
  loop.at_turn_end([this] { end_turn(); });
}

Worker::~Worker() {
  stop_and_join();
}

base::Result<base::Endpoint> Worker::listen(size_t listener_index, const base::Endpoint& address) {
  using Kind = net::Listener::Kind;
  auto listener = net::Listener::listen(
      loop, address, [this, listener_index](int fd, const base::Endpoint& peer) { accept(listener_index, fd, peer); },
      runtime_->listeners[listener_index].settings->transparent ? Kind::kTransparent : Kind::kOrdinary);
  if (!listener) return listener.error();
  listeners_.push_back(std::move(*listener));
  return listeners_.back()->address();
}

void Worker::start() {
  thread_ = std::thread([this] { loop.run(); });
}

void Worker::apply(std::shared_ptr<const Runtime> runtime) {
  loop.post([this, runtime = std::move(runtime)] {
    runtime_ = runtime;
    use_interception();
    pages_->set_times(runtime_->pages);
    passwords_.forget();
    for (size_t l = 0; l < runtime_->listeners.size(); ++l) {
      if (runtime_->listeners[l].tunnel) tunnels_->apply(l, runtime_->listeners[l].tunnel);
    }
    unvisited_ = flows_.size();
    loop.soon(*this);
  });
}

// What was learned of origins and minted so far stays while the configuration stands.
void Worker::use_interception() {
  if (interception_parts_ == runtime_->interception) return;
  interception_parts_ = runtime_->interception;
  mints_counted_ = 0;
  interception = interception_parts_ ? drive::Interception::make(*interception_parts_, base_->ciphertext) : nullptr;
}

// Live flows hear of the new configuration, a bounded number per turn; new ones have it already.
void Worker::on_ready() {
  for (size_t i = 0; i < reconfigured_per_turn_max && unvisited_ > 0; ++i) {
    // From the end: a flow that ends at once is replaced by one that has been visited.
    if (--unvisited_ >= flows_.size()) continue;
    drive::FlowDriver& flow = *flows_[unvisited_];
    const ListenerRuntime& listener = runtime_->listeners[flow.listener_index];
    const auto revocations = listener.tunnel ? listener.tunnel->revocations : nullptr;
    if (revocations && revocations->contains(flow.tunnel_end->certificate_serial)) {
      flow.shutdown(flow::CloseReason::kDeviceRevoked);
    } else {
      flow.reconfigure(listener.settings);
    }
  }
  if (unvisited_ > 0) loop.soon(*this);
}

void Worker::append(events::v1::Record record) {
  loop.post([this, record = std::move(record)] { spool_->append(record); });
}

void Worker::stop_listening() {
  loop.post([this] {
    listeners_.clear();
    introducer_->drain();
    tunnels_->drain();
    // From the end: a flow that ends at once is replaced by one that has been visited.
    for (size_t i = flows_.size(); i-- > 0;) flows_[i]->drain();
  });
}

void Worker::close_flows(flow::CloseReason reason) {
  loop.post([this, reason] {
    // From the end: a flow that ends at once is replaced by one that has been visited.
    for (size_t i = flows_.size(); i-- > 0;) flows_[i]->shutdown(reason);
  });
}

void Worker::stop_and_join() {
  if (!thread_.joinable()) return;
  loop.post([this] { loop.stop(); });
  thread_.join();
  // Only now, on this thread: nobody else touches them any more.
  listeners_.clear();
  waiting_.clear();
  ended_.clear();
  flows_.clear();
  introducer_.reset();
  if (pages_) pages_->close_all();
  pages_.reset();
  tunnels_.reset();
  spool_.reset();  // flushes, and leaves the rest to the shipper
}

// ---- accepting

void Worker::accept(size_t listener_index, int fd, const base::Endpoint& peer) {
  const ListenerRuntime& listener = runtime_->listeners[listener_index];
  if (listener.introduction) return introducer_->accept(listener_index, fd, peer, listener.introduction);
  if (listener.tunnel) return tunnels_->accept(listener_index, fd, peer, listener.tunnel);
  if (!admit(peer)) {
    refuse_unseen(fd);
    ::close(fd);
    return;
  }
  flow::Opened opened;
  if (listener.settings->transparent) opened.original_destination = turned_over_from(fd, listener_index);
  auto driver = drive::FlowDriver::open(*this, fd, make_machine(listener_index, peer), runtime_->dial);
  if (driver == nullptr) return release(peer);
  driver->counted_by_source = runtime_->flows_per_source_max > 0;
  add(std::move(driver), listener_index, std::move(opened));
}

void Worker::on_introduced(size_t listener_index, std::unique_ptr<net::TcpStream> client, const base::Endpoint& source,
                           std::optional<base::Endpoint> destination) {
  const ListenerRuntime& listener = runtime_->listeners[listener_index];
  if (listener.tunnel) return tunnels_->accept(listener_index, std::move(client), source, listener.tunnel);
  if (!admit(source)) return refuse_unseen(client->fd());
  flow::Opened opened;
  if (listener.settings->transparent) {
    opened.original_destination = destination ? destination : turned_over_from(client->fd(), listener_index);
  }
  auto driver =
      drive::FlowDriver::open(*this, std::move(client), nullptr, make_machine(listener_index, source), runtime_->dial);
  driver->counted_by_source = runtime_->flows_per_source_max > 0;
  add(std::move(driver), listener_index, std::move(opened));
}

void Worker::on_not_introduced(const base::Endpoint& peer, std::string_view text) {
  metrics_.not_introduced.add();
  log_stranger("not served", peer, text);
}

std::optional<base::Endpoint> Worker::turned_over_from(int fd, size_t listener_index) const {
  auto destination = net::original_destination(fd);
  if (!destination) destination = net::local_endpoint(fd);
  // The port of the listener itself: somebody connected to it.
  if (destination && destination->port == listeners_[listener_index]->address().port) return std::nullopt;
  return destination;
}

std::unique_ptr<flow::ProxyFlow> Worker::make_machine(size_t listener_index, const base::Endpoint& source) {
  auto machine = std::make_unique<flow::ProxyFlow>(runtime_->listeners[listener_index].settings, source, loop.now(),
                                                   base::wall_now());
  machine->use_event_ids(*this);
  return machine;
}

void Worker::add(std::unique_ptr<drive::FlowDriver> driver, size_t listener_index, flow::Opened opened) {
  driver->index = flows_.size();
  driver->listener_index = listener_index;
  driver->tunnel_end = opened.tunnel;
  flows_.push_back(std::move(driver));
  metrics_.open_flows.store(flows_.size(), std::memory_order_relaxed);
  flows_.back()->start(std::move(opened));
}

bool Worker::admit(const base::Endpoint& source) {
  if (!reserve_flow()) return false;
  const uint32_t max = runtime_->flows_per_source_max;
  if (max == 0 || shared_.sources.take(source.address, max)) return true;
  shared_.open_flows.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Worker::release(const base::Endpoint& source) {
  shared_.open_flows.fetch_sub(1, std::memory_order_relaxed);
  if (runtime_->flows_per_source_max > 0) shared_.sources.release(source.address);
}

bool Worker::reserve_flow() {
  if (!spool_->accepting()) return false;
  if (shared_.open_flows.fetch_add(1, std::memory_order_relaxed) < runtime_->flows_max) return true;
  shared_.open_flows.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

// ---- tunnels

void Worker::on_tunnel_flow(size_t listener, std::unique_ptr<net::Stream> client, drive::Responder* responder,
                            flow::Opened opened) {
  auto machine = make_machine(listener, opened.tunnel->address);
  add(drive::FlowDriver::open(*this, std::move(client), responder, std::move(machine), runtime_->dial), listener,
      std::move(opened));
}

void Worker::on_turned_away(drive::TurnedAway why, const base::Endpoint& peer, std::string_view text) {
  metrics_.turned_away[static_cast<size_t>(why)].add();
  log_stranger("no tunnel for", peer, text);
}

// A flood of strangers must not become a flood of lines.
void Worker::log_stranger(std::string_view what, const base::Endpoint& peer, std::string_view text) {
  if (loop.now() < stranger_logged_ + turned_away_log_every) {
    ++strangers_unlogged_;
    return;
  }
  stranger_logged_ = loop.now();
  spdlog::warn("{} {}: {}{}", what, peer.to_string(), text,
               strangers_unlogged_ == 0 ? "" : " (and " + std::to_string(strangers_unlogged_) + " others before)");
  strangers_unlogged_ = 0;
}

void Worker::on_revoked(const std::vector<const flow::TunnelEnd*>& ends) {
  // From the end: a flow that ends at once is replaced by one that has been visited.
  for (size_t i = flows_.size(); i-- > 0;) {
    if (i >= flows_.size()) continue;
    const bool revoked = std::find(ends.begin(), ends.end(), flows_[i]->tunnel_end.get()) != ends.end();
    if (revoked) flows_[i]->shutdown(flow::CloseReason::kDeviceRevoked);
  }
}

// Overload is answered before anything is read or kept.
void Worker::refuse_unseen(int fd) {
  static constexpr char answer[] =
      "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 5\r\nContent-Length: 0\r\n\r\n";
  metrics_.flows[static_cast<size_t>(Outcome::kOverload)].add();
  (void)::send(fd, answer, sizeof answer - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
  (void)::shutdown(fd, SHUT_WR);
}

// ---- what flows ask for

void Worker::begin_event(flow::FlowRecord& record) {
  record.producer_id = spool_->producer_id();
  record.event_counter = spool_->allocate_event_counter();
}

void Worker::write_record(flow::FlowRecord& record, flow::Record::State state) {
  const bool final = state == flow::Record::State::kClosed;
  if (record.exchange) {
    pages_->write(record, final);
  } else {
    emit(record, final, loop.now());
  }
}

// `now`: the end of what the record says so far.
void Worker::emit(flow::FlowRecord& record, bool final, base::Time now) {
  ++record.revision;
  shared_.notices.on_record(record);
  builder_->build(record, final ? events::v1::STATE_CLOSED : events::v1::STATE_OPEN, now, base::wall_now(), event_);
  spool_->append_event(record.event_counter, final, event_);
  (final ? metrics_.closed_records : metrics_.open_records).add();
}

void Worker::wait_for_records(drive::FlowDriver& driver) {
  waiting_.push_back(&driver);
}

void Worker::authenticate(drive::FlowDriver& driver, std::weak_ptr<void> alive, std::string user,
                          std::string password) {
  const auto& passwords = runtime_->listeners[driver.listener_index].passwords;
  if (passwords == nullptr) return driver.authenticated(false);  // a reload took the file away meanwhile
  passwords_.check(passwords, std::move(user), std::move(password),
                   [driver = &driver, alive = std::move(alive)](bool right) {
                     if (!alive.expired()) driver->authenticated(right);
                   });
}

std::unique_ptr<drive::Dialling> Worker::dial_tunnel(flow::Dial&&, drive::DialHandler&) {
  SLUICE_ASSERT(false && "a PoP has no tunnel to dial through");
  return nullptr;
}

void Worker::announce(drive::FlowDriver&, policy::Line) {
  SLUICE_ASSERT(false && "a PoP's flows announce nothing");
}

void Worker::flow_ended(drive::FlowDriver& driver, flow::CloseReason, const drive::FlowTotals& totals) {
  const flow::FlowRecord& record = driver.record();
  const uint64_t payload =
      record.client_bytes + record.server_bytes + record.earlier_client_bytes + record.earlier_server_bytes;
  metrics_.count_flow(outcome_of(record), record, totals.client_in + totals.client_out - payload,
                      loop.now() - record.started);
  if (record.policy_disagreement) metrics_.policy_disagreements.add();
  shared_.open_flows.fetch_sub(1, std::memory_order_relaxed);
  if (driver.counted_by_source) shared_.sources.release(record.source.address);
  const size_t index = driver.index;
  ended_.push_back(std::move(flows_[index]));
  if (index + 1 < flows_.size()) {
    flows_[index] = std::move(flows_.back());
    flows_[index]->index = index;
  }
  flows_.pop_back();
  metrics_.open_flows.store(flows_.size(), std::memory_order_relaxed);
}

// ---- records

void Worker::end_turn() {
  // Going on may produce the next record at once; a flow has few, so this ends.
  while (spool_->pending_bytes() > 0 || !waiting_.empty()) {
    const report::FlushStatus status = spool_->flush();
    if (status != report::FlushStatus::kDone) {
      loop.timers().arm(*this, loop.now() + spool_retry);
      break;
    }
    const std::vector<drive::FlowDriver*> written = std::exchange(waiting_, {});
    for (drive::FlowDriver* driver : written) driver->records_written();
  }
  if (!spool_->accepting()) {
    (void)spool_->flush();  // room may have come: what the store has acknowledged is freed here
    loop.timers().arm(*this, loop.now() + spool_retry);
  }
  if (interception) {
    const uint64_t minted = interception->minted().minted;
    metrics_.mints.add(minted - std::exchange(mints_counted_, minted));
  }
  metrics_.open_tunnels.store(tunnels_->tunnels(), std::memory_order_relaxed);
  spool_accepts_.store(spool_->accepting(), std::memory_order_relaxed);
  ended_.clear();
}

void Worker::on_timer() {}  // the turn's end tries again

void Worker::rewrite_open_records() {
  for (const auto& flow : flows_) flow->rewrite_records();
  if (pages_) pages_->rewrite();
}

}  // namespace sluice::pop
