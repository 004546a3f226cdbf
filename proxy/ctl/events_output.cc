#include "proxy/ctl/events_output.h"

#include <cstdio>

#include "events/query/export.h"
#include "proxy/base/assert.h"
#include "proxy/ctl/events_table.h"
#include "proxy/ctl/events_text.h"

namespace sluice::ctl {

namespace v1 = events::v1;

const std::vector<std::string>& format_names() {
  static const std::vector<std::string> names{"table", "json", "ndjson", "csv", "cef", "ecs", "ocsf"};
  return names;
}

std::string line_of(const v1::Record& record, Format format) {
  switch (format) {
    case Format::kTable: break;
    case Format::kJson:
    case Format::kNdjson: return query::to_json(record) + '\n';
    case Format::kCsv: return query::to_csv(record, {}) + "\r\n";
    case Format::kCef: return query::to_cef(record) + '\n';
    case Format::kEcs: return query::to_ecs(record) + '\n';
    case Format::kOcsf: return query::to_ocsf(record) + '\n';
  }
  SLUICE_ASSERT(false);  // a table is no sequence of independent lines
  return {};
}

std::string heading_of(Format format) {
  return format == Format::kCsv ? query::csv_header({}) + "\r\n" : "";
}

EventsOutput::EventsOutput(Format format, bool stream, std::FILE* file, bool resumed)
    : format_(format), stream_(stream), file_(file) {
  if (!resumed) put(heading_of(format));
  if (stream && format == Format::kTable) put(stream_heading(Terminal::of_stdout()));
}

void EventsOutput::write(const v1::StoredRecord& record) {
  ++count_;
  if (format_ == Format::kTable) {
    if (stream_) {
      put(stream_line(record.record(), Terminal::of_stdout()));
    } else {
      rows_.push_back(record);
    }
  } else if (format_ == Format::kJson && !stream_) {
    put((count_ == 1 ? "[" : ",\n ") + query::to_json(record.record()));
  } else {
    put(line_of(record.record(), format_));
  }
}

void EventsOutput::finish(bool more) {
  if (format_ == Format::kJson) put(count_ == 0 ? "[]\n" : "]\n");
  if (format_ == Format::kTable) {
    put(table(rows_, Terminal::of_stdout()));
    put((count_ == 0 ? "" : "\n") + human_count(count_) + (count_ == 1 ? " event" : " events") +
        (more ? ", and there are more; raise --limit or narrow the query\n" : "\n"));
  }
  flush();
}

void EventsOutput::flush() {
  std::fflush(file_);
}

void EventsOutput::put(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), file_);
}

}  // namespace sluice::ctl
