#include "proxy/ctl/aligned.h"

#include <algorithm>

#include "proxy/ctl/events_text.h"

namespace sluice::ctl {

namespace {
constexpr size_t gap_columns = 2;
}

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(printable(row[i])));
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      const std::string cell = printable(row[i]);
      text += i + 1 < row.size() ? fitted(cell, widths[i] + gap_columns) : cell;
    }
    text += '\n';
  }
  return text;
}

}  // namespace sluice::ctl
