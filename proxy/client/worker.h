#pragma once
// Worker: the client's one loop: its listeners, its flows, its spool, its log. No lock on the flow path.
//
// A turn: events are handled and their records collected; then one write puts the records into the spool; then the
// flows that waited for it go on; then ended flows are freed.
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/client/client_log.h"
#include "proxy/client/datagram_flows.h"
#include "proxy/client/metrics.h"
#include "proxy/client/network_probe.h"
#include "proxy/client/notifier.h"
#include "proxy/client/packet_watch.h"
#include "proxy/client/process_finder.h"
#include "proxy/client/runtime.h"
#include "proxy/drive/flow_driver.h"
#include "proxy/drive/tunnel_client.h"
#include "proxy/net/listener.h"
#include "proxy/report/event_builder.h"
#include "proxy/report/spool_writer.h"
#include "sluice/control/v1/control.pb.h"

namespace sluice::client {

// Created, started, stopped and destroyed by Client, on its thread; everything private runs on the worker's own.
class Worker : public drive::FlowHost, private drive::TunnelWatcher, private net::Timer {
 public:
  struct Options {
    report::BuilderContext builder;  // producer_id is filled in here
    config::v1::ClientLog client_log;
    std::vector<std::string> dns_servers;
    std::vector<drive::TunnelClientSettings::Pop> pops;
    std::optional<tls::ClientContext> identity;     // with pops
    std::unique_ptr<Notifier> notifier;             // null: nobody is told
    std::optional<NetworkProbe::Question> network;  // absent: we are never on the company's own
  };

  static base::Result<std::unique_ptr<Worker>> create(report::SpoolRoot& spools, Options options,
                                                      std::shared_ptr<const Runtime> runtime);
  ~Worker() override;

  // Before start(). The address comes back with the port that the kernel chose.
  base::Result<base::Endpoint> listen(const base::Endpoint& address);
  // The same for connections that the kernel redirects: their destination is asked of it.
  base::Result<base::Endpoint> listen_for_captured(const base::Endpoint& address);
  // And the packets that a capture's table shows: names for what is captured, verdicts on QUIC.
  base::Status watch_packets();
  // Whether QUIC packets can wait for a verdict; before start().
  bool can_judge_quic() const { return packets_ && packets_->can_ask(); }
  // Whether the kernel counts the bytes of what passes.
  bool can_count_quic() const { return packets_ && packets_->can_count(); }

  void start();
  // For new flows. The log's files are opened anew: somebody may have moved them.
  void apply(std::shared_ptr<const Runtime> runtime);
  // A PoP's word about a flow, for the person. From any thread.
  void show(const control::v1::FlowNotice& notice);
  void stop_listening();
  void close_flows(flow::CloseReason reason);
  void stop_and_join();

  const Metrics& metrics() const { return metrics_; }
  uint64_t log_lines_lost() const { return log_->lost(); }
  bool spool_accepts() const { return spool_accepts_.load(std::memory_order_relaxed); }

 private:
  struct Base;  // what FlowHost refers to: made before it, freed after it
  struct Flow {
    std::unique_ptr<drive::FlowDriver> driver;
    std::optional<uint32_t> uid;  // of the app
    bool announced = false;
  };

  Worker(std::unique_ptr<Base> base, Options options, std::shared_ptr<const Runtime> runtime);

  // drive::FlowHost
  void begin_event(flow::FlowRecord& record) override;
  void write_record(flow::FlowRecord& record, flow::Record::State state) override;
  void wait_for_records(drive::FlowDriver& driver) override;
  void authenticate(drive::FlowDriver& driver, std::weak_ptr<void> alive, std::string user,
                    std::string password) override;
  std::unique_ptr<drive::Dialling> dial_tunnel(flow::Dial&& dial, drive::DialHandler& handler) override;
  void announce(drive::FlowDriver& driver, policy::Line line) override;
  void flow_ended(drive::FlowDriver& driver, flow::CloseReason reason, const drive::FlowTotals& totals) override;

  std::unique_ptr<DatagramFlows> make_datagrams();
  bool judge_quic(const wire::UdpPacket& packet, PacketWatch::Quic quic);
  void on_tunnel_state() override;
  void settle();             // what new flows obey: the runtime, as things stand on this network
  void on_timer() override;  // the disk refused a moment ago
  // `captured`: the original destination of a redirected connection.
  void accept(int fd, const base::Endpoint& peer, const base::Endpoint& local, std::optional<base::Endpoint> captured);
  void end_turn();
  void rewrite_open_records();

  std::unique_ptr<Base> base_;
  Options options_;
  std::shared_ptr<const Runtime> runtime_;
  std::shared_ptr<const flow::SteerSettings> steering_;  // of runtime_, for new flows
  Metrics metrics_;
  std::atomic<bool> spool_accepts_{true};

  std::unique_ptr<ProcessFinder> processes_;
  std::unique_ptr<ClientLog> log_;
  std::unique_ptr<report::SpoolWriter> spool_;
  std::unique_ptr<report::EventBuilder> builder_;
  events::v1::PageEvent event_;                  // reused
  std::unique_ptr<NetworkProbe> network_;        // null: nothing is asked
  std::unique_ptr<DatagramFlows> datagrams_;     // null: no capture
  std::unique_ptr<PacketWatch> packets_;         // likewise
  std::unique_ptr<drive::TunnelClient> tunnel_;  // null: no PoP is configured; outlives the flows
  std::string tunnel_problem_;                   // as it was logged last; "" = the tunnel is up, or is tried first
  std::vector<std::unique_ptr<net::Listener>> listeners_;
  std::vector<Flow> flows_;
  std::vector<drive::FlowDriver*> waiting_;  // for their records to be written
  std::vector<std::unique_ptr<drive::FlowDriver>> ended_;
  std::thread thread_;
};

}  // namespace sluice::client
