#pragma once
// Records as text for other programs: pure functions, used by the CLI, the HTTP API and the sinks. FORMATS.md shows
// each format with an example. All text is valid UTF-8; none holds a line break, except that a CSV field may in quotes.
#include <string>
#include <vector>

#include "events/store/field.h"

namespace sluice::query {

// Flat JSON object with our field names plus those that collectors of commercial gateways know; NDJSON is one a line.
std::string to_json(const events::v1::Record& record);

// Elastic Common Schema 8, nested; what has no place there stands in `labels`.
std::string to_ecs(const events::v1::Record& record);

// Open Cybersecurity Schema Framework 1.3: HTTP Activity (4002), Network Activity (4001), or Base Event (0) for records
// that are no page events; what has no place there stands in `unmapped`.
std::string to_ocsf(const events::v1::Record& record);

// ArcSight Common Event Format, version 0.
std::string to_cef(const events::v1::Record& record);

// RFC 4180 lines without line break. `columns` empty: all fields of the catalogue. A field that a spreadsheet would
// take for a formula begins with an apostrophe.
std::string csv_header(const std::vector<const store::Field*>& columns);
std::string to_csv(const events::v1::Record& record, const std::vector<const store::Field*>& columns);

}  // namespace sluice::query
