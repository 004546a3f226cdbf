#include "proxy/ctl/explain_policy.h"

#include <cstdio>

#include "proxy/ctl/commands.h"
#include "proxy/ctl/load_policy.h"

namespace sluice::ctl {

int explain_policy(const PolicyQuestion& question) {
  const auto loaded = load_policy(question.policy);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().message.c_str());
    return exit_usage;
  }
  for (const std::string& warning : loaded->warnings) std::fprintf(stderr, "warning: %s\n", warning.c_str());
  const auto text = explain::explain(*loaded->policy, question.flow);
  if (!text) {
    std::fprintf(stderr, "sluicectl: --%s\n", text.error().message.c_str());
    return exit_usage;
  }
  std::fputs(text->c_str(), stdout);
  return exit_done;
}

}  // namespace sluice::ctl
