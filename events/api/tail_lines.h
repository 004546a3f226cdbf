#pragma once
// TailLines: what live tails write of a record, made once for all of them, whatever else they want to see: JSON costs
// more than all else that is done for a viewer.
#include <deque>
#include <mutex>
#include <string>
#include <unordered_map>

#include "events/store/event_store.h"

namespace sluice::api {

// The line of one record, as a server-sent event.
void append_line(std::string& out, const store::v1::StoredRecord& stored);

// Holds the lines of the last tail_lines_max live records that anybody wanted, and with each its record, so that an
// address means one record. Any thread.
class TailLines {
 public:
  void append(std::string& out, const store::SharedRecord& record);

 private:
  struct Line {
    store::SharedRecord record;
    std::string text;
  };
  std::mutex mutex_;
  std::deque<Line> lines_;  // oldest first
  std::unordered_map<const store::v1::StoredRecord*, const Line*> by_record_;
};

}  // namespace sluice::api
