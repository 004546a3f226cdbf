#pragma once
// EventBuilder: from what the core knows about a flow to the product record.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/time.h"
#include "proxy/flow/record.h"
#include "sluice/events/v1/page_event.pb.h"

namespace sluice::report {

// What is the same for every event of one producer.
struct BuilderContext {
  std::string tenant;
  std::string observed_by;  // name of the PoP
  uint64_t producer_id = 0;
};

// "00000000c0ffee01-7": 16 hex digits of the producer, '-', decimal counter.
std::string event_id(uint64_t producer_id, uint64_t counter);

// Turns flow records into connection events and remembers the last hosts and hellos, because both repeat and their
// derived fields (registrable domain, JA4) are dear. One per worker; used by that worker's thread only.
class EventBuilder {
 public:
  explicit EventBuilder(BuilderContext context);

  // The registrable domain of a name, "" where there is none. Valid until the next call of anything here.
  const std::string& registrable_domain(const std::string& host);

  // Overwrites `out`, which the caller reuses to spare allocations. `record.event_counter` is allocated and
  // `record.revision` is the revision to be written, at least 1. `now` and `wall` are the same moment: the duration is
  // monotonic, and end_time = start + duration, so a clock jump never makes a flow end before it began.
  // Texts are made valid UTF-8 and cut at text_bytes_max: a peer's bytes never make a record unreadable.
  void build(const flow::FlowRecord& record, events::v1::State state, base::Time now, base::WallTime wall,
             events::v1::PageEvent& out);

 private:
  struct Remembered {
    std::string key;
    std::string value;
  };
  static constexpr size_t remembered_max = 256;  // per kind; enough for the hosts of one loop's busy minute

  static void fill_who(const flow::FlowRecord& record, events::v1::PageEvent& out);
  void fill_where(const flow::FlowRecord& record, events::v1::PageEvent& out);
  static void fill_verdict(const flow::FlowRecord& record, events::v1::PageEvent& out);
  static void fill_page(const flow::Exchange& exchange, events::v1::PageEvent& out);
  static void fill_handshakes(const flow::TlsFacts& facts, events::v1::PageEvent& out);
  void fill_tls(const flow::FlowRecord& record, events::v1::PageEvent& out);
  const std::string& ja4(const std::string& raw);

  BuilderContext context_;
  std::string id_prefix_;
  std::array<Remembered, remembered_max> domains_;
  std::array<Remembered, remembered_max> ja4s_;
};

}  // namespace sluice::report
