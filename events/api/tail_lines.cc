#include "events/api/tail_lines.h"

#include "events/api/limits.h"
#include "events/query/export.h"

namespace sluice::api {

void append_line(std::string& out, const store::v1::StoredRecord& stored) {
  if (stored.offset() > 0) out += "id: " + std::to_string(stored.offset()) + '\n';
  out += "data: " + query::to_json(stored.record()) + "\n\n";
}

void TailLines::append(std::string& out, const store::SharedRecord& record) {
  const std::lock_guard lock(mutex_);  // whoever wants the same line meanwhile would only make it again
  if (const auto found = by_record_.find(record.get()); found != by_record_.end()) {
    out += found->second->text;
    return;
  }
  if (lines_.size() == tail_lines_max) {
    by_record_.erase(lines_.front().record.get());
    lines_.pop_front();
  }
  Line& line = lines_.emplace_back(Line{record, {}});
  append_line(line.text, *record);
  by_record_.emplace(record.get(), &line);
  out += line.text;
}

}  // namespace sluice::api
