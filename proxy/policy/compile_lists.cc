// Compiler: what rules refer to.
#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/policy/catalogue.h"
#include "proxy/policy/compiler.h"

namespace sluice::policy {

namespace v1 = config::v1;

namespace {

bool is_sha256(std::string_view text) {
  return text.size() == 64 &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_base_name(std::string_view text) {
  return !text.empty() && text.size() <= word_bytes_max && text.find_first_of("/\\") == std::string_view::npos;
}

}  // namespace

void Compiler::app(const std::string& path, const v1::CertificatePinnedApp& app) {
  const auto number = static_cast<uint32_t>(out_->apps.size());
  out_->apps.push_back({app.name(), app.category()});
  app_numbers_.emplace(app.name(), number);
  app_messages_.push_back(&app);
  for (int i = 0; i < app.domains_size(); ++i) {
    const auto pattern = parse_host_pattern(app.domains(i));
    if (!pattern) {
      wrong(at(path + ".domains", i), pattern.error().message);
    } else if (pattern->network) {
      wrong(at(path + ".domains", i), "is an address; apps are known by names");
    } else {
      out_->app_hosts.add(*pattern, number);
    }
  }
  for (int i = 0; i < app.processes_size(); ++i) {
    const v1::AppProcess& process = app.processes(i);
    const std::string at_process = at(path + ".processes", i);
    if (process.platform() == v1::PLATFORM_UNSPECIFIED) {
      wrong(at_process + ".platform", "is required; write `windows`, `macos` or `linux`");
    }
    if (process.names().empty()) wrong(at_process + ".names", "is required; write the base name of the executable");
    for (int n = 0; n < process.names_size(); ++n) {
      if (!is_base_name(process.names(n))) {
        wrong(at(at_process + ".names", n), "must be the base name of an executable, without folder");
      }
    }
    if (!process.sha256().empty() && !is_sha256(process.sha256())) {
      wrong(at_process + ".sha256", "must be 64 lower-case hex digits");
    }
  }
}

// The tenant's own come first, and a catalogue app of the same name does not count.
void Compiler::apps() {
  WordMap<int> seen;
  for (int i = 0; i < policy_.certificate_pinned_apps_size(); ++i) {
    const std::string path = at("certificate_pinned_apps", i);
    name(path + ".name", policy_.certificate_pinned_apps(i).name(), seen);
    app(path, policy_.certificate_pinned_apps(i));
  }
  for (const v1::CertificatePinnedApp& from_catalogue : catalogue().certificate_pinned_apps()) {
    if (!app_numbers_.contains(from_catalogue.name())) app("catalogue", from_catalogue);
  }
  if (out_->apps.size() > apps_max) {
    wrong("certificate_pinned_apps", "are more than " + std::to_string(apps_max) + " with the catalogue's");
  }
  out_->app_hosts.finish();
}

void Compiler::url_lists() {
  if (policy_.url_lists_size() > static_cast<int>(url_lists_max)) {
    return wrong("url_lists", "are more than " + std::to_string(url_lists_max));
  }
  WordMap<int> seen;
  out_->url_list_count = static_cast<size_t>(policy_.url_lists_size());
  for (int i = 0; i < policy_.url_lists_size(); ++i) {
    const v1::UrlList& list = policy_.url_lists(i);
    const std::string path = at("url_lists", i);
    const auto number = static_cast<uint32_t>(i);
    name(path + ".name", list.name(), seen);
    list_numbers_.emplace(list.name(), number);
    if (list.type() == v1::URL_LIST_TYPE_REGEX) {
      const std::vector<std::string> expressions(list.urls().begin(), list.urls().end());
      const auto added = out_->urls.add_regexes(expressions, number);
      if (added) continue;
      const bool whole = added.error().entry == SIZE_MAX;
      wrong(whole ? path + ".urls" : at(path + ".urls", static_cast<int>(added.error().entry)),
            (whole ? "" : "is no regular expression of RE2: ") + added.error().why);
      continue;
    }
    for (int u = 0; u < list.urls_size(); ++u) {
      const auto entry = parse_url_entry(list.urls(u));
      if (entry) {
        out_->urls.add(*entry, number);
      } else {
        wrong(at(path + ".urls", u), entry.error().message);
      }
    }
  }
  out_->urls.finish();
}

void Compiler::custom_categories() {
  Categories& categories = out_->categories;
  categories.custom = static_cast<size_t>(policy_.custom_categories_size());
  categories.by_list.resize(out_->url_list_count);
  categories.by_category.resize(resources_.categories->names().size());
  categories.excluded_lists.resize(categories.custom);
  WordMap<uint32_t> of_database;
  for (const std::string& text : resources_.categories->names()) {
    of_database.emplace(text, static_cast<uint32_t>(of_database.size()));
  }
  if (categories.custom + of_database.size() > categories_max) {
    return wrong("custom_categories", "are more than " + std::to_string(categories_max) + " with the database's");
  }
  const auto resolve = [&](const std::string& path, const Texts& names, const WordMap<uint32_t>& known,
                           const char* what, const auto& take) {
    for (int i = 0; i < names.size(); ++i) {
      const auto found = known.find(names[i]);
      if (found != known.end()) {
        take(found->second);
      } else {
        std::vector<std::string> candidates;
        for (const auto& [text, number] : known) candidates.push_back(text);
        wrong(at(path, i), "names no " + std::string(what) + did_you_mean(names[i], candidates));
      }
    }
  };
  WordMap<int> seen;
  for (int i = 0; i < policy_.custom_categories_size(); ++i) {
    const v1::CustomCategory& category = policy_.custom_categories(i);
    const std::string path = at("custom_categories", i);
    const auto number = static_cast<uint32_t>(i);
    name(path + ".name", category.name(), seen);
    category_numbers_.emplace(category.name(), number);
    categories.names.push_back(category.name());
    resolve(path + ".include_url_lists", category.include_url_lists(), list_numbers_, "URL list",
            [&](uint32_t list) { categories.by_list[list].push_back(number); });
    resolve(path + ".exclude_url_lists", category.exclude_url_lists(), list_numbers_, "URL list",
            [&](uint32_t list) { categories.excluded_lists[number].push_back(list); });
    resolve(path + ".categories", category.categories(), of_database, "category of the category database",
            [&](uint32_t included) { categories.by_category[included].push_back(number); });
    if (category.include_url_lists().empty() && category.categories().empty()) {
      wrong(path, "includes nothing; give include_url_lists or categories");
    }
  }
  for (const std::string& text : resources_.categories->names()) {
    // A custom category of the same name stands for it.
    category_numbers_.emplace(text, static_cast<uint32_t>(categories.names.size()));
    categories.names.push_back(text);
  }
}

void Compiler::directory() {
  WordMap<int> seen;
  for (int i = 0; i < policy_.directory().users_size(); ++i) {
    name(at("directory.users", i) + ".name", policy_.directory().users(i).name(), seen);
  }
  if (!policy_.directory().file().empty() && policy_.directory().users_size() > 0) {
    wrong("directory", "has both a file and users; give one of them");
  }
  out_->directory = std::make_unique<const Directory>(resources_.users);
}

void Compiler::notifications() {
  std::vector<std::string> names;
  for (const auto& [text, notification] : policy_.notifications()) {
    names.push_back(text);
    const std::string path = "notifications[\"" + text + "\"]";
    for (const std::string* part : {&notification.title(), &notification.body(), &notification.support()}) {
      if (part->size() > notification_bytes_max) {
        wrong(path, "has a text longer than " + std::to_string(notification_bytes_max) + " bytes");
      }
    }
    if (notification.title().empty()) wrong(path + ".title", "is required");
  }
  std::sort(names.begin(), names.end());
  for (const std::string& text : names) {
    const v1::Notification& from = policy_.notifications().at(text);
    notice_numbers_.emplace(text, static_cast<uint32_t>(out_->notice_texts.size()));
    out_->notice_texts.push_back({text, from.title(), from.body(), from.support()});
  }
  for (const NoticeText& text : out_->notice_texts) {
    out_->notices.push_back({text.name, text.title, text.body, text.support});
  }
}

}  // namespace sluice::policy
