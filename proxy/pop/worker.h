#pragma once
// Worker: one thread, one loop, its listeners, its flows, its spool. No lock on the flow path.
//
// A turn: events are handled and their records collected; then one write puts the records into the spool; then the
// flows that waited for it go on; then ended flows are freed.
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/drive/flow_driver.h"
#include "proxy/flow/event_ids.h"
#include "proxy/flow/proxy_flow.h"
#include "proxy/net/listener.h"
#include "proxy/pop/introducer.h"
#include "proxy/pop/metrics.h"
#include "proxy/pop/pages.h"
#include "proxy/pop/password_gate.h"
#include "proxy/pop/runtime.h"
#include "proxy/pop/shared.h"
#include "proxy/report/event_builder.h"
#include "proxy/report/spool_writer.h"

namespace sluice::pop {

// Created, started, stopped and destroyed by Pop, on its thread; everything private runs on the worker's own.
class Worker : public drive::FlowHost,
               public drive::TunnelHost,
               private IntroducerHost,
               private flow::EventIds,
               private net::Timer,
               private net::Ready {
 public:
  struct Options {
    report::BuilderContext builder;  // producer_id is filled in here
    std::vector<std::string> dns_servers;
  };

  static base::Result<std::unique_ptr<Worker>> create(Shared& shared, report::SpoolRoot& spools, Options options,
                                                      std::shared_ptr<const Runtime> runtime);
  ~Worker() override;

  // Before start(). The address comes back with the port that the kernel chose.
  base::Result<base::Endpoint> listen(size_t listener_index, const base::Endpoint& address);

  void start();
  void apply(std::shared_ptr<const Runtime> runtime);
  // Puts a record that is no flow's into the spool.
  void append(events::v1::Record record);
  void stop_listening();
  void close_flows(flow::CloseReason reason);
  void stop_and_join();

  const WorkerMetrics& metrics() const { return metrics_; }
  bool spool_accepts() const { return spool_accepts_.load(std::memory_order_relaxed); }

 private:
  struct Base;  // what FlowHost refers to: made before it, freed after it

  Worker(std::unique_ptr<Base> base, Shared& shared, Options options, std::shared_ptr<const Runtime> runtime);

  // flow::EventIds
  uint64_t next_event_counter() override { return spool_->allocate_event_counter(); }
  // drive::FlowHost
  void begin_event(flow::FlowRecord& record) override;
  void write_record(flow::FlowRecord& record, flow::Record::State state) override;
  void wait_for_records(drive::FlowDriver& driver) override;
  void authenticate(drive::FlowDriver& driver, std::weak_ptr<void> alive, std::string user,
                    std::string password) override;
  std::unique_ptr<drive::Dialling> dial_tunnel(flow::Dial&& dial, drive::DialHandler& handler) override;
  void announce(drive::FlowDriver& driver, policy::Line line) override;
  void count_handshake(flow::Side side, base::Duration took) override { metrics_.count_handshake(side, took); }
  void flow_ended(drive::FlowDriver& driver, flow::CloseReason reason, const drive::FlowTotals& totals) override;

  // drive::TunnelHost
  void on_tunnel_flow(size_t listener, std::unique_ptr<net::Stream> client, drive::Responder* responder,
                      flow::Opened opened) override;
  bool reserve_flow() override;
  void on_turned_away(drive::TurnedAway why, const base::Endpoint& peer, std::string_view text) override;
  void on_revoked(const std::vector<const flow::TunnelEnd*>& ends) override;

  // IntroducerHost
  void on_introduced(size_t listener, std::unique_ptr<net::TcpStream> client, const base::Endpoint& source,
                     std::optional<base::Endpoint> destination) override;
  void on_not_introduced(const base::Endpoint& peer, std::string_view text) override;

  void on_timer() override;  // the disk refused a moment ago
  void on_ready() override;  // some flows have not heard of a reload
  void use_interception();
  void emit(flow::FlowRecord& record, bool final, base::Time now);
  void accept(size_t listener_index, int fd, const base::Endpoint& peer);
  // True when there is room for one more flow of that source.
  bool admit(const base::Endpoint& source);
  void release(const base::Endpoint& source);
  std::unique_ptr<flow::ProxyFlow> make_machine(size_t listener_index, const base::Endpoint& source);
  void add(std::unique_ptr<drive::FlowDriver> driver, size_t listener_index, flow::Opened opened);
  // Where a connection of a transparent listener was going; nothing when it was meant for the listener itself.
  std::optional<base::Endpoint> turned_over_from(int fd, size_t listener_index) const;
  void refuse_unseen(int fd);
  void log_stranger(std::string_view what, const base::Endpoint& peer, std::string_view text);
  void end_turn();
  void rewrite_open_records();

  std::unique_ptr<Base> base_;
  Shared& shared_;
  Options options_;
  std::shared_ptr<const Runtime> runtime_;
  InterceptionPartsPtr interception_parts_;  // that FlowHost::interception is made of
  uint64_t mints_counted_ = 0;               // of it
  WorkerMetrics metrics_;
  std::atomic<bool> spool_accepts_{true};

  std::unique_ptr<report::SpoolWriter> spool_;
  std::unique_ptr<report::EventBuilder> builder_;
  std::unique_ptr<Pages> pages_;
  events::v1::PageEvent event_;  // reused
  PasswordGate passwords_;
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::unique_ptr<Introducer> introducer_;
  std::unique_ptr<drive::TunnelServer> tunnels_;
  base::Time stranger_logged_{};
  uint64_t strangers_unlogged_ = 0;
  std::vector<std::unique_ptr<drive::FlowDriver>> flows_;
  size_t unvisited_ = 0;                     // flows_[0..unvisited_) have not heard of the last reload
  std::vector<drive::FlowDriver*> waiting_;  // for their records to be written
  std::vector<std::unique_ptr<drive::FlowDriver>> ended_;
  std::thread thread_;
};

}  // namespace sluice::pop
