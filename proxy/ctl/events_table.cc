#include "proxy/ctl/events_table.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <numeric>

#include "events/store/field.h"
#include "proxy/base/text.h"
#include "proxy/ctl/events_text.h"

namespace sluice::ctl {

namespace v1 = events::v1;

namespace {

struct Column {
  const char* heading;
  bool right_aligned;
  size_t narrow;  // columns it keeps when the terminal is too small
  size_t widest;
  size_t in_stream;  // width before anything is known
  size_t readable;   // below this it tells little
  int dispensable;   // where there is no room for all: the highest goes first, 0 never
};
constexpr std::array columns{
    Column{"TIME", false, 19, 19, 19, 19, 0},   Column{"USER", false, 8, 40, 20, 16, 0},
    Column{"PROCESS", false, 7, 30, 12, 12, 3}, Column{"HOST", false, 12, 60, 32, 20, 0},
    Column{"ACTION", false, 6, 10, 7, 6, 0},    Column{"BYPASS REASON", false, 8, 40, 22, 18, 2},
    Column{"UP", true, 6, 8, 7, 6, 0},          Column{"DOWN", true, 6, 8, 7, 6, 0},
    Column{"DURATION", true, 7, 8, 8, 8, 1},    Column{"CLOSE REASON", false, 8, 30, 20, 14, 4},
};
constexpr size_t gap_columns = 2;
constexpr size_t action_column = 4;
using Row = std::array<std::string, columns.size()>;
using Widths = std::array<size_t, columns.size()>;

std::string text_of(const v1::Record& record, std::string_view field) {
  return printable(store::field(field).text(record));
}

Row page_event_row(const v1::Record& record) {
  const v1::PageEvent& event = record.page_event();
  const std::string reason = text_of(record, "bypass_reason_code");
  return {local_time(event.timestamp()),
          text_of(record, event.user().empty() ? "srcip" : "user"),
          text_of(record, "process_name"),
          text_of(record, event.host().empty() ? "dstip" : "host"),
          text_of(record, "action"),
          reason.empty() ? text_of(record, "bypass_reason") : reason,
          human_bytes(event.client_bytes()),
          human_bytes(event.server_bytes()),
          event.state() == v1::STATE_OPEN ? "" : human_duration(event.duration_ms()),
          event.state() == v1::STATE_OPEN ? "(open)" : text_of(record, "close_reason")};
}

Row row_of(const v1::Record& record) {
  if (record.has_page_event()) return page_event_row(record);
  std::string text;
  if (record.has_gap()) {
    const uint64_t first = record.gap().first_seq();
    const uint64_t last = record.gap().last_seq();
    text = "records " + std::to_string(first) + " to " + std::to_string(last) + " lost: " + text_of(record, "reason");
  } else if (record.has_audit()) {
    text = printable(record.audit().actor() + ": " + record.audit().action() + ' ' + record.audit().target());
  } else if (record.has_notice()) {
    text = text_of(record, "text");
  }
  Row row;
  row[0] = local_time(store::field("timestamp").number(record));
  row[1] = text_of(record, "observed_by");
  row[3] = text;
  row[action_column] = text_of(record, "record_type");
  return row;
}

size_t total(const Widths& widths) {
  const auto shown = static_cast<size_t>(std::count_if(widths.begin(), widths.end(), [](size_t w) { return w > 0; }));
  return std::accumulate(widths.begin(), widths.end(), size_t{0}) + (shown > 0 ? (shown - 1) * gap_columns : 0);
}

// Leaves columns out until the rest can be read.
void leave_out(Widths& widths, size_t columns_max) {
  const auto needed = [&widths] {
    Widths readable = widths;
    for (size_t i = 0; i < columns.size(); ++i) readable[i] = std::min(readable[i], columns[i].readable);
    return total(readable);
  };
  while (needed() > columns_max) {
    size_t least = columns.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (widths[i] == 0 || columns[i].dispensable == 0) continue;
      if (least == columns.size() || columns[i].dispensable > columns[least].dispensable) least = i;
    }
    if (least == columns.size()) return;
    widths[least] = 0;
  }
}

// Leaves out what does not fit, then takes from the widest column that can give, until the line fits or none can.
void shrink(Widths& widths, size_t columns_max) {
  if (columns_max > 0) leave_out(widths, columns_max);
  while (columns_max > 0 && total(widths) > columns_max) {
    size_t widest = columns.size();
    for (size_t i = 0; i < columns.size(); ++i) {
      if (widths[i] > columns[i].narrow && (widest == columns.size() || widths[i] > widths[widest])) widest = i;
    }
    if (widest == columns.size()) return;
    --widths[widest];
  }
}

const char* colour_of(std::string_view action) {
  if (action == "block" || action == "drop" || action == "gap") return "\x1b[31m";
  if (action == "bypass" || action == "notice") return "\x1b[33m";
  if (action == "alert") return "\x1b[35m";
  return action == "allow" ? "\x1b[32m" : "";
}

std::string line_of(const Row& row, const Widths& widths, const char* colour) {
  std::string line;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (widths[i] == 0) continue;
    if (!line.empty()) line.append(gap_columns, ' ');
    const bool coloured = i == action_column && *colour != '\0';
    if (coloured) line += colour;
    line += fitted(row[i], widths[i], columns[i].right_aligned);
    if (coloured) line += "\x1b[0m";
  }
  while (line.ends_with(' ')) line.pop_back();
  return line + '\n';
}

std::string heading(const Widths& widths, bool colour) {
  Row row;
  for (size_t i = 0; i < columns.size(); ++i) row[i] = columns[i].heading;
  const std::string line = line_of(row, widths, "");
  return colour ? "\x1b[1m" + line.substr(0, line.size() - 1) + "\x1b[0m\n" : line;
}

Widths stream_widths(const Terminal& terminal) {
  Widths widths{};
  for (size_t i = 0; i < columns.size(); ++i) widths[i] = columns[i].in_stream;
  shrink(widths, terminal.columns);
  return widths;
}

std::string coloured_line(const Row& row, const Widths& widths, bool colour) {
  return line_of(row, widths, colour ? colour_of(row[action_column]) : "");
}
}  // namespace

Terminal Terminal::of_stdout() {
  if (isatty(STDOUT_FILENO) == 0) return {};
  winsize size{};
  Terminal terminal;
  if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) terminal.columns = size.ws_col;
  const char* kind = std::getenv("TERM");
  const char* refused = std::getenv("NO_COLOR");
  terminal.colour = (refused == nullptr || *refused == '\0') && kind != nullptr && std::string_view(kind) != "dumb";
  return terminal;
}

std::string table(const std::vector<v1::StoredRecord>& records, const Terminal& terminal) {
  std::vector<Row> rows;
  Widths widths{};
  for (const v1::StoredRecord& record : records) {
    rows.push_back(row_of(record.record()));
    for (size_t i = 0; i < columns.size(); ++i) widths[i] = std::max(widths[i], display_width(rows.back()[i]));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    if (widths[i] == 0) continue;
    widths[i] = std::min(std::max(widths[i], std::string_view(columns[i].heading).size()),
                         std::max(columns[i].widest, std::string_view(columns[i].heading).size()));
  }
  shrink(widths, terminal.columns);
  std::string text = rows.empty() ? "" : heading(widths, terminal.colour);
  for (const Row& row : rows) text += coloured_line(row, widths, terminal.colour);
  return text;
}

std::string stream_heading(const Terminal& terminal) {
  return heading(stream_widths(terminal), terminal.colour);
}

std::string stream_line(const v1::Record& record, const Terminal& terminal) {
  return coloured_line(row_of(record), stream_widths(terminal), terminal.colour);
}

std::string stats_text(const v1::StatsResponse& stats) {
  std::string text;
  const auto line = [&](std::string_view name, const std::string& value) {
    if (!value.empty()) text += fitted(name, 16) + value + '\n';
  };
  line("final events", human_count(stats.final_events()));
  line("open events", human_count(stats.open_events()));
  line("gaps", human_count(stats.gaps()));
  line("dead letters", human_count(stats.dead_letters()));
  line("on disk", human_bytes(stats.disk_bytes()));
  line("last offset", std::to_string(stats.last_offset()));
  line("oldest event", local_time(stats.oldest_timestamp()));
  line("newest event", local_time(stats.newest_timestamp()));
  if (stats.producers_size() == 0) return text;
  text += '\n' + fitted("PRODUCER", 18) + fitted("OBSERVED BY", 26) + fitted("LAST SEEN", 21) +
          fitted("COMMITTED", 12, true) + fitted("OPEN", 8, true) + '\n';
  for (const v1::ProducerStats& producer : stats.producers()) {
    text += fitted(base::hex16(producer.producer_id()), 18) + fitted(printable(producer.observed_by()), 24) + "  " +
            fitted(local_time(producer.last_seen()), 21) + fitted(human_count(producer.committed_seq()), 12, true) +
            fitted(human_count(producer.open_events()), 8, true) + '\n';
  }
  return text;
}

std::string marked(const std::string& query, const v1::QueryProblem& problem) {
  constexpr size_t before_max = 60;  // bytes of a long query shown before and behind the place
  constexpr size_t behind_max = 40;
  const size_t at = std::min<size_t>(problem.offset(), query.size());
  const size_t length = std::min<size_t>(problem.length(), query.size() - at);
  const auto utf8_start = [&](size_t i) {
    while (i > 0 && i < query.size() && (static_cast<unsigned char>(query[i]) & 0xc0) == 0x80) --i;
    return i;
  };
  const size_t line_start = at == 0 ? 0 : query.rfind('\n', at - 1) + 1;  // npos + 1 == 0
  const size_t begin = at - line_start > before_max ? utf8_start(at - before_max) : line_start;
  const size_t line_end = std::min(query.find('\n', at), query.size());
  const size_t end = utf8_start(std::min(line_end, at + length + behind_max));
  const size_t marked_end = std::max(at, std::min(at + length, end));
  const std::string shown_before = printable(std::string_view(query).substr(begin, at - begin));
  const std::string shown_marked = printable(std::string_view(query).substr(at, marked_end - at));
  const std::string shown_behind =
      printable(std::string_view(query).substr(marked_end, end - std::min(end, marked_end)));
  const size_t width = display_width(shown_marked);
  return "  " + shown_before + shown_marked + shown_behind + "\n  " + std::string(display_width(shown_before), ' ') +
         '^' + std::string(width > 1 ? width - 1 : 0, '~') + '\n';
}

}  // namespace sluice::ctl
