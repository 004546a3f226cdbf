#pragma once
// PageAssembler: from exchanges to pages. A person opens a page; the browser sends fifty requests. The event is the
// page.
//
//   request begins --+-- an open page of this client is its referer --+--> covered: the page's record stands for it
//                    +-- an open roll-up of its domain ---------------+
//                    +-- neither --> it gets a record of its own
//   request ends   --+-- blocked, alerted, bypassed, failed --> an event of its own, at once
//                    +-- HTML of some size --> a page, which collects what names it as referer for Times::page
//                    +-- covered ------------> joins what covers it
//                    +-- else ---------------> a roll-up of its domain, which collects for Times::rollup
//
// Every exchange is in exactly one event, and its bytes with it. One whose event is out already (the first of a
// connection has the connection's) begins a page or roll-up, or ends alone: it is never folded.
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "proxy/base/time.h"
#include "proxy/flow/record.h"

namespace sluice::report {

// One per worker, on its thread. Time is an argument. Holds at most open_pages_max pages and as many roll-ups, some 2
// KiB each; beyond, the oldest closes early.
class PageAssembler {
 public:
  // The registrable domain of a host; "" for an address.
  using DomainOf = std::function<std::string(const std::string& host)>;
  // Writes a record as open or final. `now`: the end of what it says so far. The record's revision is the callee's.
  using Emit = std::function<void(flow::FlowRecord& record, bool final, base::Time now)>;

  // How long an event collects; zero: none of this kind does.
  struct Times {
    base::Duration page{60'000};
    base::Duration rollup{120'000};
  };

  PageAssembler(Times times, DomainOf domain_of, Emit emit)
      : times_(times), domain_of_(std::move(domain_of)), emit_(std::move(emit)) {}

  // For events that begin from now on.
  void set_times(Times times) { times_ = times; }

  // A request is about to leave, or goes on for long. Emits its own open record unless an open event covers it.
  void progress(flow::FlowRecord& exchange, base::Time now);
  // It is over: close_reason is set.
  void end(flow::FlowRecord& exchange, base::Time now);
  // Closes what has been open long enough; call when deadline() has come.
  void expire(base::Time now);
  void close_all();
  // Emits everything open again (a new spool segment begins).
  void rewrite();

  std::optional<base::Time> deadline() const;
  size_t open_events() const { return index_.size(); }

 private:
  struct Open {
    std::string key;
    flow::FlowRecord record;  // of its first exchange, with the counters of all
    base::Time closes;
    base::Time last;  // end of its last exchange
  };
  using Queue = std::list<Open>;  // oldest first

  static std::string client_key(const flow::FlowRecord& exchange);
  static std::string page_key(const flow::FlowRecord& exchange, std::string_view url);
  std::string rollup_key(const flow::FlowRecord& exchange) const;
  Open* cover_of(const flow::FlowRecord& exchange, base::Time now);
  Open* find(const std::string& key, base::Time now);
  void open(Queue& queue, std::string key, flow::FlowRecord& exchange, flow::PageBuild build, base::Time closes,
            base::Time now);
  void close(Queue& queue);

  Times times_;
  DomainOf domain_of_;
  Emit emit_;
  Queue pages_;
  Queue rollups_;
  std::unordered_map<std::string_view, Queue::iterator> index_;  // by Open::key, which stays in its place
};

}  // namespace sluice::report
