// The endpoints of exports.
#include <utility>

#include "events/api/api.h"
#include "events/api/export_format.h"
#include "events/api/json.h"
#include "events/api/limits.h"

namespace sluice::api {

namespace v1 = events::v1;

namespace {

// The format that the request names, with its columns; or the answer that says what is wrong.
std::optional<ExportFormat> format_of(const v1::ExportRequest& request, HttpResponse& wrong) {
  auto columns = columns_of(request);
  if (!columns.ok()) {
    wrong = error(columns.error());
    return std::nullopt;
  }
  auto format = ExportFormat::named(request.format(), std::move(columns).value());
  if (!format) wrong = error(400, "invalid", "format is json, ndjson, csv, cef, ecs or ocsf");
  return format;
}

void name_file(HttpResponse& response, const ExportFormat& format) {
  response.content_type = format.content_type();
  response.headers.emplace_back("Content-Disposition",
                                std::string("attachment; filename=\"page-events") + format.suffix() + '"');
}
}  // namespace

// Up to direct_export_records_max records at once.
HttpResponse Api::export_now(const HttpRequest& request, const Caller& caller) {
  v1::ExportRequest message;
  if (const auto read = read_message(request, options_.now_ms(), message); !read.ok()) return error(read.error());
  HttpResponse response;
  const auto format = format_of(message, response);
  if (!format) return response;
  const auto records = api_.collect(search_of(message), direct_export_records_max + 1);
  if (!records.ok()) return error(records.error());
  if (records->size() > direct_export_records_max) {
    return error(413, "too_many_records",
                 "more than 10,000 events match; POST /api/sluice/v1/exports makes a file of them");
  }
  audit_.read(caller.name, "export", message.query(), options_.now_ms());
  response.body = format->begin();
  for (size_t i = 0; i < records->size(); ++i) response.body += format->record((*records)[i].record(), i == 0);
  response.body += format->end();
  name_file(response, *format);
  return response;
}

HttpResponse Api::start_export(const HttpRequest& request, const Caller& caller) {
  v1::ExportRequest message;
  if (const auto read = read_message(request, options_.now_ms(), message); !read.ok()) return error(read.error());
  HttpResponse response;
  if (!format_of(message, response)) return response;
  v1::SearchRequest probe = search_of(message);
  probe.set_page_size(1);
  if (const auto asked = api_.search(probe); !asked.ok()) return error(asked.error());  // a wrong query says so now
  const auto id = exports_.start(caller.token_id, message, options_.now_ms());
  if (!id) return error(429, "too_many_exports", "there are 20 exports already; they go after a day");
  audit_.read(caller.name, "export", message.query(), options_.now_ms());
  response = json_response(job_json(*exports_.find(*id)));
  response.status = 202;
  response.headers.emplace_back("Location", "/api/sluice/v1/exports/" + *id);
  return response;
}

// Exports belong to the token that asked for them.
HttpResponse Api::show_export(const HttpRequest& request, const Caller& caller) {
  const auto job = exports_.find(request.path.substr(request.path.rfind('/') + 1));
  if (!job || job->owner != caller.token_id) return error(404, "not_found", "there is no such export");
  return json_response(job_json(*job));
}

HttpResponse Api::export_data(const HttpRequest& request, const Caller& caller) {
  const auto job = exports_.find(request.path.substr(request.path.rfind('/') + 1));
  if (!job || job->owner != caller.token_id) return error(404, "not_found", "there is no such export");
  if (job->state != ExportJob::State::kDone) return error(409, "not_ready", "the export is not done");
  HttpResponse response;
  const auto format = format_of(job->request, response);
  if (!format) return response;
  response.stream = exports_.read(job->id);
  if (!response.stream) return error(404, "not_found", "the file is gone");
  name_file(response, *format);
  return response;
}

}  // namespace sluice::api
