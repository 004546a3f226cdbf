#pragma once
// From the text by which a client names itself to what an analyst asks for: browser and operating system.
#include <string_view>

namespace sluice::report {

// Names of a small table ("Chrome", "curl", "Windows"); "" where it knows none. They live as long as the program.
struct UserAgent {
  std::string_view browser;
  std::string_view os;
};
UserAgent parse_user_agent(std::string_view text);

}  // namespace sluice::report
