// Compiler: conditions of rules.
#include <algorithm>

#include "proxy/base/text.h"
#include "proxy/policy/compiler.h"

namespace sluice::policy {

namespace v1 = config::v1;

namespace {

bool is_token(std::string_view text) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    const char lower = base::ascii_lower(c);
    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || others.find(c) != std::string_view::npos;
  });
}

bool is_country(std::string_view code) {
  return code.size() == 2 && code[0] >= 'A' && code[0] <= 'Z' && code[1] >= 'A' && code[1] <= 'Z';
}

}  // namespace

void Compiler::hosts(const std::string& path, const Texts& patterns, Column& column, size_t rule) {
  for (int i = 0; i < patterns.size(); ++i) {
    const auto pattern = parse_host_pattern(patterns[i]);
    if (!pattern) {
      wrong(at(path, i), pattern.error().message);
    } else if (pattern->network) {
      column.addresses.add(*pattern->network, static_cast<uint32_t>(rule));
    } else {
      column.hosts.add(*pattern, static_cast<uint32_t>(rule));
    }
  }
}

void Compiler::cidrs(const std::string& path, const Texts& networks, AddressMatcher& addresses, size_t rule) {
  for (int i = 0; i < networks.size(); ++i) {
    if (const auto network = base::Cidr::parse(networks[i])) {
      addresses.add(*network, static_cast<uint32_t>(rule));
    } else {
      wrong(at(path, i), "must be a network such as 10.0.0.0/8 with no bits set behind the prefix");
    }
  }
}

void Compiler::countries(const std::string& path, const Texts& codes, Column& column, size_t rule) {
  for (int i = 0; i < codes.size(); ++i) {
    if (!is_country(codes[i])) wrong(at(path, i), "must be two capital letters of ISO 3166-1, such as JP");
    column.words.add(codes[i], static_cast<uint32_t>(rule));
  }
  if (!codes.empty() && resources_.countries == nullptr) {
    wrong(path, "needs `country_database: {path: FILE}`, a MaxMind DB file with countries");
  }
}

void Compiler::networks(const std::string& path, const v1::Networks& networks, Column& column, size_t rule) {
  if (networks.cidrs().empty() && networks.countries().empty()) wrong(path, "is empty; give cidrs or countries");
  cidrs(path + ".cidrs", networks.cidrs(), column.addresses, rule);
  countries(path + ".countries", networks.countries(), column, rule);
}

void Compiler::references(const std::string& path, const Texts& names, const WordMap<uint32_t>& known, const char* what,
                          Column& column, size_t rule) {
  for (int i = 0; i < names.size(); ++i) {
    const auto found = known.find(names[i]);
    if (found == known.end()) {
      std::vector<std::string> candidates;
      for (const auto& [text, number] : known) candidates.push_back(text);
      wrong(at(path, i), "names no " + std::string(what) + did_you_mean(names[i], candidates));
      continue;
    }
    if (column.ids.size() <= found->second) column.ids.resize(found->second + 1);
    column.ids[found->second].push_back(static_cast<uint32_t>(rule));
  }
}

void Compiler::words(const std::string& path, const Texts& words, Column& column, size_t rule) {
  for (int i = 0; i < words.size(); ++i) {
    if (words[i].empty() || words[i].size() > word_bytes_max) {
      wrong(at(path, i), "must be 1 to " + std::to_string(word_bytes_max) + " bytes long");
    }
    column.words.add(words[i], static_cast<uint32_t>(rule));
  }
}

void Compiler::ports(const std::string& path, const Numbers& ports, Column& column, size_t rule) {
  for (int i = 0; i < ports.size(); ++i) {
    const uint32_t port = ports[i];
    if (port == 0 || port > 65'535) {
      wrong(at(path, i), "must be a port from 1 to 65535");
      continue;
    }
    if (column.ids.size() <= port) column.ids.resize(port + 1);
    column.ids[port].push_back(static_cast<uint32_t>(rule));
  }
}

void Compiler::request(const std::string& path, const v1::Match& match, RuleTable& table, size_t rule) {
  const auto methods = [&](const Texts& texts, Sign sign) {
    if (texts.empty()) return;
    const std::string field = path + "." + name_of(Condition::kMethod, sign);
    for (int i = 0; i < texts.size(); ++i) {
      if (!is_token(texts[i])) wrong(at(field, i), "must be a method such as POST");
    }
    words(field, texts, table.column(Condition::kMethod, sign, rule), rule);
  };
  methods(match.methods(), Sign::kIs);
  methods(match.not_methods(), Sign::kIsNot);
  const auto paths = [&](const Texts& texts, Sign sign) {
    if (texts.empty()) return;
    const std::string field = path + "." + name_of(Condition::kPath, sign);
    Column& column = table.column(Condition::kPath, sign, rule);
    for (int i = 0; i < texts.size(); ++i) {
      const bool good = texts[i].starts_with('/') && texts[i].size() <= path_entry_bytes_max;
      if (!good) wrong(at(field, i), "must begin with `/`");
      column.paths.add(normalised_path(texts[i]), static_cast<uint32_t>(rule));
    }
  };
  paths(match.paths(), Sign::kIs);
  paths(match.not_paths(), Sign::kIsNot);
  const auto types = [&](const Texts& texts, Sign sign) {
    if (texts.empty()) return;
    const std::string field = path + "." + name_of(Condition::kContentType, sign);
    Column& column = table.column(Condition::kContentType, sign, rule);
    for (int i = 0; i < texts.size(); ++i) {
      const std::string_view type = texts[i];
      const size_t slash = type.find('/');
      if (slash == std::string_view::npos || !is_token(type.substr(0, slash)) || !is_token(type.substr(slash + 1))) {
        wrong(at(field, i), "must be a media type such as text/html or image/*");
        continue;
      }
      column.words.add(type.ends_with("/*") ? type.substr(0, slash + 1) : type, static_cast<uint32_t>(rule));
    }
  };
  types(match.content_types(), Sign::kIs);
  types(match.not_content_types(), Sign::kIsNot);
}

void Compiler::match(const std::string& path, const v1::Match& m, bool sees_requests, RuleTable& table, size_t rule) {
  const auto each = [&](Condition condition, const auto& is, const auto& is_not, const auto& fill) {
    const auto one = [&](const auto& values, Sign sign) {
      if (!values.empty()) fill(path + "." + name_of(condition, sign), values, table.column(condition, sign, rule));
    };
    one(is, Sign::kIs);
    one(is_not, Sign::kIsNot);
  };
  const auto fill_words = [&](const auto& p, const auto& v, Column& c) { words(p, v, c, rule); };
  const auto fill_cidrs = [&](const auto& p, const auto& v, Column& c) { cidrs(p, v, c.addresses, rule); };
  const auto fill_countries = [&](const auto& p, const auto& v, Column& c) { countries(p, v, c, rule); };
  const auto refers_to = [&](const WordMap<uint32_t>& known, const char* what) {
    return
        [this, rule, &known, what](const auto& p, const auto& v, Column& c) { references(p, v, known, what, c, rule); };
  };
  each(Condition::kDomain, m.domains(), m.not_domains(),
       [&](const auto& p, const auto& v, Column& c) { hosts(p, v, c, rule); });
  each(Condition::kUrlList, m.url_lists(), m.not_url_lists(), refers_to(list_numbers_, "URL list"));
  each(Condition::kCategory, m.categories(), m.not_categories(), refers_to(category_numbers_, "category"));
  each(Condition::kApplication, m.applications(), m.not_applications(), refers_to(app_numbers_, "application"));
  each(Condition::kUser, m.users(), m.not_users(), fill_words);
  each(Condition::kGroup, m.groups(), m.not_groups(), fill_words);
  each(Condition::kOrganizationUnit, m.organization_units(), m.not_organization_units(), fill_words);
  each(Condition::kProcess, m.processes(), m.not_processes(), [&](const auto& p, const auto& v, Column& c) {
    for (int i = 0; i < v.size(); ++i) {
      if (v[i].empty() || v[i].find_first_of("/\\") != std::string::npos) {
        wrong(at(p, i), "must be the base name of an executable, without folder");
      }
      c.processes.add({v[i], Platform::kUnknown, "", ""}, static_cast<uint32_t>(rule));
    }
  });
  each(Condition::kSource, m.source_cidrs(), m.not_source_cidrs(), fill_cidrs);
  each(Condition::kSourceCountry, m.source_countries(), m.not_source_countries(), fill_countries);
  each(Condition::kDestination, m.destination_cidrs(), m.not_destination_cidrs(), fill_cidrs);
  each(Condition::kDestinationCountry, m.destination_countries(), m.not_destination_countries(), fill_countries);
  each(Condition::kDestinationPort, m.destination_ports(), m.not_destination_ports(),
       [&](const auto& p, const auto& v, Column& c) { ports(p, v, c, rule); });
  if (sees_requests) return request(path, m, table, rule);
  const bool about_request = m.methods_size() + m.not_methods_size() + m.paths_size() + m.not_paths_size() +
                                 m.content_types_size() + m.not_content_types_size() >
                             0;
  if (about_request) wrong(path, "asks for the request, which is not known when it is decided whether to decrypt");
}

}  // namespace sluice::policy
