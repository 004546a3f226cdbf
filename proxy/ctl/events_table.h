#pragma once
// Records as an aligned table, and queries with a mark under the place that is wrong.
#include <cstddef>
#include <string>
#include <vector>

#include "sluice/events/v1/query.pb.h"

namespace sluice::ctl {

struct Terminal {
  size_t columns = 0;  // 0: not a terminal, lines may be long
  bool colour = false;
  // Of standard output: its width; colour only on a terminal, without NO_COLOR and not on TERM=dumb.
  static Terminal of_stdout();
};

// With a heading; columns that are empty everywhere are left out. Each line ends with a line break.
std::string table(const std::vector<events::v1::StoredRecord>& records, const Terminal& terminal);

// The same columns with widths that do not depend on the records, for a stream that goes on.
std::string stream_heading(const Terminal& terminal);
std::string stream_line(const events::v1::Record& record, const Terminal& terminal);

std::string stats_text(const events::v1::StatsResponse& stats);

// The line of the query that the problem speaks of, and under it ^~~~ ; each with its line break.
std::string marked(const std::string& query, const events::v1::QueryProblem& problem);

}  // namespace sluice::ctl
