#include "proxy/monitor/exposition.h"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace sluice::monitor {

void Exposition::family(const char* name, const char* type, const char* help) {
  text_ += std::string("# HELP ") + name + " " + help + "\n# TYPE " + name + " " + type + "\n";
}

void Exposition::sample(const char* name, const std::string& labels, uint64_t value) {
  text_ += name + (labels.empty() ? "" : "{" + labels + "}") + " " + std::to_string(value) + "\n";
}

void Exposition::sample(const char* name, const std::string& labels, double value) {
  char number[32];
  std::snprintf(number, sizeof number, "%.6g", value);
  text_ += name + (labels.empty() ? "" : "{" + labels + "}") + " " + number + "\n";
}

void expose_process(Exposition& out) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const double cpu = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                     static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  out.family("process_cpu_seconds_total", "counter", "User and system time.");
  out.sample("process_cpu_seconds_total", "", cpu);
  uint64_t pages_all = 0;
  uint64_t pages_resident = 0;
  std::ifstream("/proc/self/statm") >> pages_all >> pages_resident;
  out.family("process_resident_memory_bytes", "gauge", "Resident memory.");
  out.sample("process_resident_memory_bytes", "", pages_resident * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  uint64_t descriptors = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator it("/proc/self/fd", error), end; !error && it != end; it.increment(error)) {
    ++descriptors;
  }
  out.family("process_open_fds", "gauge", "Open file descriptors.");
  out.sample("process_open_fds", "", descriptors);
}

}  // namespace sluice::monitor
