#include "events/console/console.h"

#include <map>
#include <vector>

#include "events/api/embedded.h"

namespace sluice::console {

// Made by the build from what npm built.
const std::vector<EmbeddedFile>& embedded_files();

namespace {

std::string content_type(std::string_view path) {
  if (path.ends_with(".html")) return "text/html; charset=utf-8";
  if (path.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (path.ends_with(".css")) return "text/css; charset=utf-8";
  if (path.ends_with(".svg")) return "image/svg+xml";
  return "application/octet-stream";
}

std::map<std::string, api::HttpResponse> make_answers() {
  std::map<std::string, api::HttpResponse> answers;
  for (const EmbeddedFile& file : embedded_files()) {
    api::HttpResponse& answer = answers[std::string(file.path)];
    answer.content_type = content_type(file.path);
    answer.body = file.bytes;
    // The bundler puts a hash of the content into the names under /assets.
    const bool lasting = file.path.starts_with("/assets/");
    answer.headers.emplace_back("Cache-Control", lasting ? "public, max-age=31536000, immutable" : "no-cache");
  }
  return answers;
}
}  // namespace

const api::HttpResponse* find_file(const std::string& path) {
  static const std::map<std::string, api::HttpResponse> answers = make_answers();
  const auto found = answers.find(path);
  return found == answers.end() ? nullptr : &found->second;
}

}  // namespace sluice::console
