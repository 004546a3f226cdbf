#include "proxy/client/worker.h"

#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "proxy/client/limits.h"
#include "proxy/drive/limits.h"
#include "proxy/flow/steer_flow.h"
#include "proxy/flow/steer_flow_verdict.h"
#include "proxy/net/address.h"

namespace sluice::client {

// Members that FlowHost refers to; they must exist before it does.
struct Worker::Base {
  std::vector<uint8_t> buffer = std::vector<uint8_t>(drive::copy_buffer_bytes);
  net::Loop loop;
  std::unique_ptr<net::Resolver> resolver;
};

namespace {

// The answer of a client that has no tunnel to offer. Owned by the flow's driver.
class NoTunnel : public drive::Dialling {
 public:
  explicit NoTunnel(drive::DialHandler& handler) : handler_(handler) {}
  void start() override {
    flow::DialDone result;
    result.failure = flow::CloseReason::kTunnelLost;
    result.detail = "No PoP is configured.";
    handler_.on_dialled(nullptr, std::move(result));
  }

 private:
  drive::DialHandler& handler_;
};

void note_process(const ProcessInfo& process, flow::FlowRecord& record) {
  record.process_name = process.name;
  record.process_path = process.path;
  record.process_pid = process.pid;
  record.process_identity = process.pid == 0 ? flow::ProcessIdentity::kNone : flow::ProcessIdentity::kName;
}

// A person waits for it and deserves to know.
bool is_refused(const flow::FlowRecord& record) {
  return record.close_reason == flow::CloseReason::kPolicyBlock || record.action == flow::Verdict::kBlock;
}

}  // namespace

base::Result<std::unique_ptr<Worker>> Worker::create(report::SpoolRoot& spools, Options options,
                                                     std::shared_ptr<const Runtime> runtime) {
  auto base = std::make_unique<Base>();
  auto resolver = net::Resolver::create(base->loop, options.dns_servers);
  if (!resolver) return resolver.error();
  base->resolver = std::move(*resolver);
  std::unique_ptr<Worker> worker(new Worker(std::move(base), std::move(options), std::move(runtime)));
  auto processes = ProcessFinder::create();
  if (!processes) return processes.error();
  worker->processes_ = std::move(*processes);
  auto spool =
      report::SpoolWriter::create(spools, [raw = worker.get()](report::SpoolWriter&) { raw->rewrite_open_records(); });
  if (!spool) return spool.error();
  worker->spool_ = std::move(*spool);
  worker->options_.builder.producer_id = worker->spool_->producer_id();
  auto log = ClientLog::open(worker->options_.client_log, worker->options_.builder);
  if (!log) return log.error();
  worker->log_ = std::move(*log);
  if (!worker->options_.pops.empty()) {
    drive::TunnelClientSettings settings{worker->options_.pops, *worker->options_.identity, worker->runtime_->dial};
    drive::TunnelWatcher& watcher = *worker;
    worker->tunnel_ =
        std::make_unique<drive::TunnelClient>(worker->loop, worker->resolver, std::move(settings), watcher);
  }
  if (worker->options_.network) {
    worker->network_ = std::make_unique<NetworkProbe>(worker->loop, worker->resolver, *worker->options_.network,
                                                      [raw = worker.get()] { raw->settle(); });
  }
  worker->builder_ = std::make_unique<report::EventBuilder>(worker->options_.builder);
  return worker;
}

Worker::Worker(std::unique_ptr<Base> base, Options options, std::shared_ptr<const Runtime> runtime)
    : FlowHost(base->loop, *base->resolver, base->buffer),
      base_(std::move(base)),
      options_(std::move(options)),
      runtime_(std::move(runtime)) {
  settle();
  loop.at_turn_end([this] { end_turn(); });
}

Worker::~Worker() {
  stop_and_join();
}

base::Result<base::Endpoint> Worker::listen(const base::Endpoint& address) {
  const size_t index = listeners_.size();
  auto listener = net::Listener::listen(loop, address, [this, index](int fd, const base::Endpoint& peer) {
    accept(fd, peer, listeners_[index]->address(), std::nullopt);
  });
  if (!listener) return listener.error();
  listeners_.push_back(std::move(*listener));
  return listeners_.back()->address();
}

base::Result<base::Endpoint> Worker::listen_for_captured(const base::Endpoint& address) {
  const size_t index = listeners_.size();
  auto listener = net::Listener::listen(loop, address, [this, index](int fd, const base::Endpoint& peer) {
    const auto destination = net::original_destination(fd);
    // Who connects to the port itself would be sent round in circles.
    if (!destination || *destination == listeners_[index]->address()) {
      ::close(fd);
      return;
    }
    accept(fd, peer, *destination, *destination);
  });
  if (!listener) return listener.error();
  listeners_.push_back(std::move(*listener));
  return listeners_.back()->address();
}

base::Status Worker::watch_packets() {
  auto packets = PacketWatch::open(
      loop, [this](const wire::UdpPacket& packet, PacketWatch::Quic quic) { return judge_quic(packet, quic); },
      [this](const KernelConnection& connection, bool over) { datagrams_->heard(connection, over); });
  if (!packets) return packets.error();
  packets_ = std::move(*packets);
  datagrams_ = make_datagrams();
  return base::Unit{};
}

void Worker::start() {
  if (tunnel_) loop.post([this] { tunnel_->start(); });
  if (network_) loop.post([this] { network_->start(); });
  thread_ = std::thread([this] { loop.run(); });
}

void Worker::apply(std::shared_ptr<const Runtime> runtime) {
  loop.post([this, runtime = std::move(runtime)] {
    runtime_ = runtime;
    settle();
    log_->reopen();
  });
}

void Worker::settle() {
  const bool on_network = network_ && network_->on_network();
  metrics_.on_network.store(on_network ? 1 : 0, std::memory_order_relaxed);
  if (!on_network) {
    steering_ = runtime_->steering;
    return;
  }
  auto here = std::make_shared<flow::SteerSettings>(*runtime_->steering);
  here->on_network = true;
  steering_ = std::move(here);
}

void Worker::show(const control::v1::FlowNotice& notice) {
  loop.post([this, notice] {
    if (options_.notifier) {
      options_.notifier->show({notice.host(), notice.policy(), notice.title(), notice.text()}, loop.now());
    }
  });
}

void Worker::stop_listening() {
  loop.post([this] { listeners_.clear(); });
}

void Worker::close_flows(flow::CloseReason reason) {
  loop.post([this, reason] {
    // From the end: a flow that ends at once is replaced by one that has been visited.
    for (size_t i = flows_.size(); i-- > 0;) flows_[i].driver->shutdown(reason);
    if (datagrams_) datagrams_->end_all(reason);
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
  tunnel_.reset();
  network_.reset();
  packets_.reset();
  datagrams_.reset();
  spool_.reset();  // flushes, and leaves the rest to the shipper
}

// ---- accepting

void Worker::accept(int fd, const base::Endpoint& peer, const base::Endpoint& local,
                    std::optional<base::Endpoint> captured) {
  if (flows_.size() >= runtime_->flows_max || !spool_->accepting()) {
    metrics_.flows[static_cast<size_t>(Outcome::kOverload)].add();
    ::close(fd);
    return;
  }
  auto machine = std::make_unique<flow::SteerFlow>(steering_, peer, loop.now(), base::wall_now());
  const ProcessInfo process = processes_->find(peer, local);
  note_process(process, machine->record());
  if (process.pid == 0) metrics_.processes_unknown.add();
  auto driver = drive::FlowDriver::open(*this, fd, std::move(machine), runtime_->dial);
  if (driver == nullptr) return;
  driver->index = flows_.size();
  drive::FlowDriver& started = *driver;
  flows_.push_back({std::move(driver), process.uid, false});
  metrics_.open_flows.store(flows_.size(), std::memory_order_relaxed);
  flow::Opened opened;
  if (captured && packets_) opened.learned_name = packets_->name_of(captured->address);
  opened.original_destination = std::move(captured);
  started.start(std::move(opened));
}

// What passes has a record until the kernel forgets it; what is refused one line and one record, although its program
// falls back to TCP.
bool Worker::judge_quic(const wire::UdpPacket& packet, PacketWatch::Quic quic) {
  if (datagrams_->holds(packet.source, packet.destination)) return true;
  if (quic == PacketWatch::Quic::kAsked && !spool_->accepting()) return false;
  const base::WallTime wall = base::wall_now();
  flow::SteerFlow flow(steering_, packet.source, loop.now(), wall);  // for what every record of this client has
  flow::FlowRecord& record = flow.record();
  record.access_method = flow::AccessMethod::kTransparent;
  record.destination = packet.destination;
  record.dialled = true;
  record.host = packets_->name_of(packet.destination.address);
  if (!record.host.empty()) record.host_source = flow::HostSource::kDns;
  if (record.host.empty()) record.host = packet.destination.address.unmapped().to_string();
  const ProcessInfo process = processes_->find(packet.source, packet.destination, ProcessFinder::Transport::kUdp);
  note_process(process, record);
  flow::DatagramVerdict verdict = flow::judge_datagram(*steering_, record);
  if (quic == PacketWatch::Quic::kRefused && verdict.passes) {  // the packet filter could not know
    verdict = flow::refuse_datagram(verdict.line, record);
  } else if (quic == PacketWatch::Quic::kPassed && !verdict.passes) {
    verdict = flow::pass_datagram(record);
  }
  (verdict.passes ? metrics_.quic_passed : metrics_.quic_refused).add();
  const bool silent = !record.recorded && verdict.line == policy::Line::kNone;
  if (silent || !packets_->first_lately(packet)) return verdict.passes;
  begin_event(record);
  flow::name_correlation(record);
  if (!verdict.passes) record.close_reason = flow::CloseReason::kPolicyBlock;
  log_->decided(record, verdict.line, 0, process.uid, loop.now(), wall);
  if (verdict.passes && record.recorded) {
    datagrams_->begin({record, process.uid});
  } else {
    if (record.recorded) write_record(record, flow::Record::State::kClosed);
    log_->closed(record, process.uid, loop.now(), wall);
  }
  (void)spool_->flush();  // before the packet leaves; what the disk refuses now is tried again when the turn ends
  return verdict.passes;
}

std::unique_ptr<DatagramFlows> Worker::make_datagrams() {
  DatagramFlows::Host host;
  host.write = [this](flow::FlowRecord& record, flow::Record::State state) { write_record(record, state); };
  host.ended = [this](const DatagramFlows::Flow& flow) {
    metrics_.count_flow(flow.record, loop.now() - flow.record.started);
    log_->closed(flow.record, flow.uid, loop.now(), base::wall_now());
  };
  if (packets_->can_count()) {
    host.ask = [this](const auto& source, const auto& destination) { packets_->ask(source, destination); };
  }
  return std::make_unique<DatagramFlows>(loop, std::move(host));
}

// ---- what flows ask for

void Worker::begin_event(flow::FlowRecord& record) {
  record.producer_id = spool_->producer_id();
  record.event_counter = spool_->allocate_event_counter();
}

void Worker::write_record(flow::FlowRecord& record, flow::Record::State state) {
  ++record.revision;
  const bool final = state == flow::Record::State::kClosed;
  builder_->build(record, final ? events::v1::STATE_CLOSED : events::v1::STATE_OPEN, loop.now(), base::wall_now(),
                  event_);
  spool_->append_event(record.event_counter, final, event_);
  (final ? metrics_.closed_records : metrics_.open_records).add();
}

void Worker::wait_for_records(drive::FlowDriver& driver) {
  waiting_.push_back(&driver);
}

void Worker::authenticate(drive::FlowDriver& driver, std::weak_ptr<void>, std::string, std::string) {
  driver.authenticated(false);  // nobody is asked for a password here
}

std::unique_ptr<drive::Dialling> Worker::dial_tunnel(flow::Dial&& dial, drive::DialHandler& handler) {
  if (tunnel_) return tunnel_->dial(std::move(dial), handler);
  return std::make_unique<NoTunnel>(handler);
}

void Worker::announce(drive::FlowDriver& driver, policy::Line line) {
  Flow& flow = flows_[driver.index];
  flow.announced = true;
  const auto session = static_cast<uint32_t>(tunnel_ ? tunnel_->tunnels_made() : 0);
  log_->decided(driver.record(), line, session, flow.uid, loop.now(), base::wall_now());
}

void Worker::flow_ended(drive::FlowDriver& driver, flow::CloseReason, const drive::FlowTotals&) {
  const flow::FlowRecord& record = driver.record();
  const size_t index = driver.index;
  metrics_.count_flow(record, loop.now() - record.started);
  if (flows_[index].announced) log_->closed(record, flows_[index].uid, loop.now(), base::wall_now());
  if (options_.notifier && is_refused(record))
    options_.notifier->show({record.host, record.policy, {}, {}}, loop.now());
  ended_.push_back(std::move(flows_[index].driver));
  if (index + 1 < flows_.size()) {
    flows_[index] = std::move(flows_.back());
    flows_[index].driver->index = index;
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
  spool_accepts_.store(spool_->accepting(), std::memory_order_relaxed);
  ended_.clear();
}

void Worker::on_tunnel_state() {
  using State = drive::TunnelClient::State;
  const State state = tunnel_->state();
  const bool up = state == State::kUp;
  metrics_.tunnel_up.store(up ? 1 : 0, std::memory_order_relaxed);
  metrics_.tunnels_made.store(tunnel_->tunnels_made(), std::memory_order_relaxed);
  if (up) {
    spdlog::info("tunnel up to PoP {}", tunnel_->pop());
    tunnel_problem_.clear();
  } else if (state == State::kDown && tunnel_problem_ != tunnel_->problem()) {  // it tries for ever: once is enough
    tunnel_problem_ = tunnel_->problem();
    spdlog::warn("no tunnel: {}", tunnel_problem_);
  }
}

void Worker::on_timer() {}  // the turn's end tries again

void Worker::rewrite_open_records() {
  for (const Flow& flow : flows_) flow.driver->rewrite_records();
  if (datagrams_) datagrams_->rewrite();
}

}  // namespace sluice::client
