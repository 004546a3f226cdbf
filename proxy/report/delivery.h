#pragma once
// Delivery: brings one spool to the store.
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>

#include "proxy/report/limits.h"
#include "proxy/report/publish_stream.h"
#include "proxy/report/shipper.h"
#include "proxy/report/spool_reader.h"

namespace sluice::report {

using SteadyTime = std::chrono::steady_clock::time_point;

// The state of one producer's stream. Used by the shipper's thread only; borrows the spool, which outlives it.
//
//            retry time            Welcome                 drained
//   waiting -----------> greeting ---------> shipping -----------------> ending -> over
//      ^                     |                  |                          ^         |
//      |                     +--- Nack, end of stream, no answer in time --+         |
//      +------------------------------- not drained ---------------------------------+
class Delivery {
 public:
  using OpenStream = std::function<std::unique_ptr<PublishStream>()>;

  Delivery(Spool& spool, const std::string& observed_by, ShipperMetrics& metrics, std::mt19937_64& random);

  Spool& spool() { return spool_; }
  // Has it a stream?
  bool active() const { return stream_ != nullptr; }
  std::optional<uint64_t> stream_id() const;
  bool connected() const { return phase_ == Phase::kShipping; }

  void on_event(StreamEvent& event, SteadyTime now);
  // Does what can be done now: connects (if `may_connect`), ships, notices missing answers.
  void step(SteadyTime now, bool may_connect, const OpenStream& open_stream);
  // When step() should be called again although nothing happens.
  SteadyTime deadline() const;
  // Gives the stream up; active() turns false when gRPC is done with it.
  void cancel();
  // Gives the stream up and opens another at once.
  void reconnect(SteadyTime now);
  // Everything is acknowledged, nothing will come, the stream is gone.
  bool over() const { return stream_ == nullptr && spool_.drained(); }

 private:
  enum class Phase { kWaiting, kGreeting, kShipping, kEnding };
  struct InFlight {
    uint64_t last_seq = 0;
    uint64_t bytes = 0;
  };

  void connect(SteadyTime now, const OpenStream& open_stream);
  void on_response(const events::v1::PublishResponse& response, SteadyTime now);
  void on_welcome(const events::v1::PublishResponse::Welcome& welcome, SteadyTime now);
  void on_ack(uint64_t committed_seq, SteadyTime now);
  void on_nack(const events::v1::PublishResponse::Nack& nack, SteadyTime now);
  void on_corrupt(uint64_t committed_seq);
  bool send_next(SteadyTime now);
  void end_stream(SteadyTime retry_at);
  void cancel_unanswered(SteadyTime now);
  std::chrono::milliseconds next_backoff();

  Spool& spool_;
  const std::string observed_by_;
  ShipperMetrics& metrics_;
  std::mt19937_64& random_;
  SpoolReader reader_;

  Phase phase_ = Phase::kWaiting;
  std::unique_ptr<PublishStream> stream_;
  SteadyTime retry_at_{};
  SteadyTime answer_by_ = SteadyTime::max();  // else the store is taken for dead
  uint32_t failures_ = 0;                     // streams that ended since the last progress

  std::deque<InFlight> in_flight_;
  uint64_t in_flight_bytes_ = 0;
  uint64_t window_bytes_ = window_bytes_default;
  size_t batch_bytes_ = batch_bytes_target;

  // A batch the store found corrupt: sent again as it was, then in halves, one at a time, until the one record is
  // found.
  uint32_t batch_records_ = batch_records_target;
  uint64_t corrupt_after_seq_ = 0;  // committed_seq of the last such answer
  uint32_t corrupt_answers_ = 0;    // for that committed_seq
  uint64_t suspect_last_seq_ = 0;   // until this is acknowledged one batch is in flight at a time; 0 = no suspicion
  bool give_up_first_ = false;      // the next record is unreadable to the store even alone

  SpoolBatch batch_;  // reused
  std::vector<uint8_t> packed_;
};

}  // namespace sluice::report
