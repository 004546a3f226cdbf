#pragma once
// TailStream: the live tail as server-sent events. First the finals behind the place the reader names, from the store;
// then what is committed, from the one fan-out in memory.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>

#include "events/api/http.h"
#include "events/query/tail_texts.h"
#include "events/store/event_store.h"
#include "events/store/filter.h"

namespace sluice::api {

struct TailSettings {
  store::Filter filter;      // with all that its request means
  uint64_t from_offset = 0;  // 0: from now
  bool include_open = false;
};

// Lives on one connection's thread. Borrows the store, the texts and the flag that ends all tails.
class TailStream : public Stream {
 public:
  TailStream(store::EventStore& store, query::TailTexts& texts, TailSettings settings,
             const std::atomic<bool>& stopping);
  ~TailStream() override;
  bool next(const Write& write) override;

 private:
  // Woken by the store's writer thread, which may still be at it when the stream goes.
  struct Bell {
    std::mutex mutex;
    std::condition_variable rung;
    bool ringing = false;
  };
  bool catch_up(std::string& out);
  bool take_live(const Write& write);

  store::EventStore& store_;
  query::TailTexts& texts_;
  const query::TailAudience audience_;
  const std::atomic<bool>& stopping_;
  const std::shared_ptr<Bell> bell_ = std::make_shared<Bell>();
  std::unique_ptr<store::Subscription> subscription_;
  uint64_t live_from_ = 0;
  uint64_t offset_ = 0;  // everything up to here was sent, if it matched
  bool ended_ = false;
  bool greeted_ = false;
  std::chrono::steady_clock::time_point fed_{};  // when live events were last sent
  std::chrono::steady_clock::time_point spoke_ = std::chrono::steady_clock::now();
};

}  // namespace sluice::api
