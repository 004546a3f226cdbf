#pragma once
// A page event as one line of JSON with the names that queries use.
#include <string>

#include "sluice/events/v1/page_event.pb.h"

namespace sluice::client {

// Every field that is set: enum values as lower-case words without their prefix, no line feed at the end. Texts of the
// event are valid UTF-8 (EventBuilder sees to it).
std::string event_json(const events::v1::PageEvent& event);

}  // namespace sluice::client
