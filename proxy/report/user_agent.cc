#include "proxy/report/user_agent.h"

#include <span>

namespace sluice::report {

namespace {

struct Row {
  std::string_view token;
  std::string_view name;
};

// The first that is found counts: browsers name those that they imitate behind themselves.
constexpr Row browsers[] = {
    {"Edg/", "Edge"},
    {"EdgA/", "Edge"},
    {"EdgiOS/", "Edge"},
    {"OPR/", "Opera"},
    {"SamsungBrowser/", "Samsung Internet"},
    {"Vivaldi/", "Vivaldi"},
    {"YaBrowser/", "Yandex"},
    {"Firefox/", "Firefox"},
    {"FxiOS/", "Firefox"},
    {"CriOS/", "Chrome"},
    {"Chrome/", "Chrome"},
    {"Trident/", "Internet Explorer"},
    {"MSIE ", "Internet Explorer"},
    {"Safari/", "Safari"},
    {"curl/", "curl"},
    {"Wget/", "Wget"},
    {"git/", "git"},
    {"python-requests/", "Python"},
    {"Python-urllib/", "Python"},
    {"aiohttp/", "Python"},
    {"Go-http-client/", "Go"},
    {"okhttp/", "okhttp"},
    {"Java-http-client/", "Java"},
    {"Java/", "Java"},
    {"Apache-HttpClient/", "Java"},
    {"node", "Node.js"},
    {"undici", "Node.js"},
    {"axios/", "Node.js"},
    {"Debian APT-HTTP/", "apt"},
    {"PostmanRuntime/", "Postman"},
    {"Microsoft-CryptoAPI/", "CryptoAPI"},
};
constexpr Row systems[] = {
    {"Windows", "Windows"}, {"iPhone", "iOS"},     {"iPad", "iOS"},        {"Android", "Android"},
    {"CrOS", "ChromeOS"},   {"Mac OS X", "macOS"}, {"Macintosh", "macOS"}, {"FreeBSD", "FreeBSD"},
    {"linux", "Linux"},     {"Linux", "Linux"},
};

std::string_view find(std::span<const Row> rows, std::string_view text) {
  for (const Row& row : rows) {
    if (text.find(row.token) != std::string_view::npos) return row.name;
  }
  return {};
}

}  // namespace

UserAgent parse_user_agent(std::string_view text) {
  return {find(browsers, text), find(systems, text)};
}

}  // namespace sluice::report
