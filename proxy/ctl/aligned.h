#pragma once
// Small tables for people: columns as wide as their widest cell.
#include <string>
#include <vector>

namespace sluice::ctl {

// Rows of equal length; the first is the heading. Columns are two spaces apart, the last is not padded. What a terminal
// would obey in a cell is replaced (printable()).
std::string aligned(const std::vector<std::vector<std::string>>& rows);

}  // namespace sluice::ctl
