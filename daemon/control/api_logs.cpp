// SPDX-License-Identifier: MIT
// Logs of jobs, whole, by lines and live; news of runs as server-sent events.
#include "core/base/text.hpp"
#include "daemon/control/api.hpp"
#include "daemon/control/api_internal.hpp"
#include "daemon/control/db_thread.hpp"
#include "proto/sse.hpp"
#include "storage/log_store.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace gantry::daemon::control {
namespace {

using core::Errc;
using core::Exception;
using http::BodyWriter;
using http::Request;
using http::Response;
using nlohmann::json;
using storage::Database;

constexpr std::size_t kPiece = 256 << 10;
constexpr std::chrono::seconds kKeepAlive{15};
// News come in bursts: one picture of a burst is enough.
constexpr std::chrono::milliseconds kGap{50};

Response event_stream(http::StreamBody body) {
  Response response;
  response.headers.set("Content-Type", std::string(proto::kSseContentType));
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Accel-Buffering", "no");
  response.body = std::move(body);
  return response;
}

std::string sse(std::string event, std::string id, std::string data) {
  proto::SseEvent made;
  made.event = std::move(event);
  made.id = std::move(id);
  made.data = std::move(data);
  return proto::encode_sse(made);
}

// How far each job's log was sent: "job:line job:line", the stream's resume id.
using Cursors = std::map<std::int64_t, std::uint64_t>;

std::string encode(const Cursors& cursors) {
  std::string text;
  for (const auto& [job, line] : cursors) {
    text += (text.empty() ? "" : " ") + std::to_string(job) + ":" + std::to_string(line);
  }
  return text;
}

Cursors decode_cursors(std::string_view text) {
  Cursors cursors;
  for (const std::string_view part : core::split(text, ' ')) {
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) continue;
    std::int64_t job = 0;
    std::uint64_t line = 0;
    std::from_chars(part.data(), part.data() + colon, job);
    std::from_chars(part.data() + colon + 1, part.data() + part.size(), line);
    cursors[job] = line;
  }
  return cursors;
}

std::uint64_t line_query(const Request& request, const char* name, std::uint64_t fallback) {
  const auto text = request.query_value(name);
  std::uint64_t value = fallback;
  if (text) std::from_chars(text->data(), text->data() + text->size(), value);
  return value;
}

// Whole lines from `first` on, at most kPiece; a longer line is given in full.
struct Piece {
  std::string text;
  std::uint64_t next = 0;
};
Piece read_piece(const storage::Layout& layout, core::JobId job, std::uint64_t first) {
  Piece piece;
  piece.next = first;
  auto reader = storage::LogReader::open(layout, job);
  if (!reader) return piece;
  const std::uint64_t lines = reader->size().lines;
  if (first >= lines) return piece;
  piece.text = reader->read_lines(first, lines - first, kPiece);
  const std::size_t end = piece.text.rfind('\n');
  piece.text.resize(end == std::string::npos ? piece.text.size() : end + 1);
  piece.next =
      first + static_cast<std::uint64_t>(std::count(piece.text.begin(), piece.text.end(), '\n'));
  if (piece.next == first) piece.next = first + 1;  // a line over the limit: its beginning
  return piece;
}

}  // namespace

async::Task<Response> Api::whole_log(core::JobId id) {
  const auto job =
      co_await conductor_.db().read([&](Database& d) { return storage::find_job(d, id); });
  if (!job) {
    throw Exception(Errc::not_found,
                    "looking for job '" + std::to_string(id.value) + "': no such job");
  }
  const core::JobId owner = job->log_owner();
  http::StreamBody body = [this, owner](BodyWriter& writer) -> async::Task<> {
    auto reader = co_await async::offload(runtime_.pool(),
                                          [&] { return storage::LogReader::open(layout_, owner); });
    if (!reader) co_return;
    const std::uint64_t end = reader->size().bytes;
    std::string piece(kPiece, '\0');
    for (std::uint64_t at = 0; at < end;) {
      const std::size_t got = co_await async::offload(runtime_.pool(), [&] {
        const std::uint64_t rest = std::min<std::uint64_t>(piece.size(), end - at);
        return reader->read_at(at, std::span(piece.data(), static_cast<std::size_t>(rest)));
      });
      if (got == 0) co_return;
      co_await writer.write(std::string_view(piece.data(), got));
      at += got;
    }
  };
  Response response;
  response.headers.set("Content-Type", "text/plain; charset=utf-8");
  response.headers.set("X-Content-Type-Options", "nosniff");
  response.body = std::move(body);
  co_return response;
}

async::Task<Response> Api::own_job_log(Request& request) {
  const core::JobId id{number_of(request.param("job"), "job")};
  if (!request.query_value("from") && !request.query_value("count")) {
    co_return co_await whole_log(id);
  }
  const auto job =
      co_await conductor_.db().read([&](Database& d) { return storage::find_job(d, id); });
  if (!job) {
    throw Exception(Errc::not_found,
                    "looking for job '" + std::to_string(id.value) + "': no such job");
  }
  const std::uint64_t from = std::max<std::uint64_t>(1, line_query(request, "from", 1));
  const std::uint64_t count = line_query(request, "count", 1000);
  const std::string text = co_await async::offload(runtime_.pool(), [&] {
    auto reader = storage::LogReader::open(layout_, job->log_owner());
    return reader ? reader->read_lines(from - 1, count) : std::string();
  });
  co_return http::text_response(200, text);
}

async::Task<Response> Api::run_events(Request& request) {
  const storage::Run run = co_await run_of(request);
  const core::RunId id = run.id;
  http::StreamBody body = [this, id](BodyWriter& writer) -> async::Task<> {
    const auto topic = live_.subscribe(id);
    std::string last;
    for (;;) {
      std::string now = co_await run_json(id, 0);
      const bool done = json::parse(now)["status"] == "completed";
      if (now != last) {
        co_await writer.write(sse("run", "", now));
        last = std::move(now);
      } else {
        co_await writer.write(proto::kSseKeepAlive);
      }
      if (done) co_return;
      co_await topic->wait_until(std::chrono::steady_clock::now() + kKeepAlive);
      co_await async::sleep_for(kGap);
    }
  };
  co_return event_stream(std::move(body));
}

async::Task<Response> Api::run_log_stream(Request& request) {
  const storage::Run run = co_await run_of(request);
  co_return co_await stream_log(run.id, core::JobId(), request);
}

async::Task<Response> Api::job_log_stream(Request& request) {
  const core::JobId id{number_of(request.param("job"), "job")};
  const auto job =
      co_await conductor_.db().read([&](Database& d) { return storage::find_job(d, id); });
  if (!job) {
    throw Exception(Errc::not_found,
                    "looking for job '" + std::to_string(id.value) + "': no such job");
  }
  co_return co_await stream_log(job->run, id, request);
}

async::Task<Response> Api::stream_log(core::RunId run, core::JobId only, Request& request) {
  Cursors begin = decode_cursors(request.header("Last-Event-ID"));
  const std::uint64_t from = line_query(request, "from", 1);
  if (only && begin.empty() && from > 1) begin[only.value] = from - 1;
  http::StreamBody body = [this, run, only, begin](BodyWriter& writer) -> async::Task<> {
    const auto topic = live_.subscribe(run);
    Cursors cursors = begin;
    for (;;) {
      // States first, then the log: a job seen completed has its whole log on disk.
      const std::string picture = co_await run_json(run, 0);
      const json state = json::parse(picture);
      bool done = state["status"] == "completed";
      const json* ended = &state;
      bool sent = false;
      for (const json& job : state["jobs"]) {
        const core::JobId id{job["id"].get<std::int64_t>()};
        if (only && id != only) continue;
        if (only) {
          ended = &job;
          done = job["status"] == "completed";
        }
        const core::JobId owner = co_await conductor_.db().read([&](Database& d) {
          const auto row = storage::find_job(d, id);
          return row ? row->log_owner() : id;
        });
        for (;;) {
          std::uint64_t& cursor = cursors[id.value];
          const std::uint64_t first = cursor;
          const Piece piece = co_await async::offload(
              runtime_.pool(), [&] { return read_piece(layout_, owner, first); });
          if (piece.next == first) break;
          cursor = piece.next;
          json data;
          data["job"] = id.value;
          data["name"] = job["name"];
          data["line"] = first + 1;
          data["text"] = core::to_valid_utf8(piece.text);
          co_await writer.write(sse("log", encode(cursors), data.dump()));
          sent = true;
        }
      }
      if (done) {
        co_await writer.write(sse("end", "", ended->dump()));
        co_return;
      }
      if (!sent) co_await writer.write(proto::kSseKeepAlive);
      co_await topic->wait_until(std::chrono::steady_clock::now() + kKeepAlive);
    }
  };
  co_return event_stream(std::move(body));
}

}  // namespace gantry::daemon::control
