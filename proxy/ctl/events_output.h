#pragma once
// EventsOutput: writes records to standard output or a file in the format that was asked for, page by page.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "sluice/events/v1/query.pb.h"

namespace sluice::ctl {

enum class Format : uint8_t { kTable, kJson, kNdjson, kCsv, kCef, kEcs, kOcsf };
// The names as they stand behind --format, in the order of the enumeration.
const std::vector<std::string>& format_names();

// One line of the format, with its line break; not for kTable.
std::string line_of(const events::v1::Record& record, Format format);
// What stands before the first line: "" or the header of a CSV file.
std::string heading_of(Format format);

// Used by one thread. A search ends with finish(); a tail never does.
class EventsOutput {
 public:
  // `stream`: records come one by one and for ever, so a table cannot fit its columns and JSON cannot be one array.
  // `resumed`: an earlier run wrote what stands before.
  EventsOutput(Format format, bool stream, std::FILE* file = stdout, bool resumed = false);
  void write(const events::v1::StoredRecord& record);
  // `more`: the limit left out further events.
  void finish(bool more);
  void flush();

 private:
  void put(const std::string& text);

  const Format format_;
  const bool stream_;
  std::FILE* const file_;
  size_t count_ = 0;
  std::vector<events::v1::StoredRecord> rows_;  // of a table, which needs all before its first line
};

}  // namespace sluice::ctl
