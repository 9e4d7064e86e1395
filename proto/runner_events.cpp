// SPDX-License-Identifier: MIT
#include "proto/runner_events.hpp"

#include "core/base/text.hpp"
#include "proto/json_fields.hpp"

#include <array>

namespace gantry::proto {
namespace {

using core::expr::Object;
using core::expr::Value;

constexpr std::array<std::string_view, 3> kLevels = {"notice", "warning", "error"};
constexpr std::array<std::string_view, 3> kControls = {"none", "cancel", "drain"};
constexpr std::array<std::string_view, 6> kTypes = {"job_started", "step",    "log_advanced",
                                                    "annotation",  "summary", "job_completed"};

// Text of jobs may hold any bytes; JSON may not.
Value text_value(std::string_view text) {
  return Value(core::to_valid_utf8(text));
}

Value conclusion_value(const std::optional<Conclusion>& conclusion) {
  return conclusion ? Value(core::run::to_string(*conclusion)) : Value();
}

Value time_value(const std::optional<core::Timestamp>& time) {
  return time ? to_value(*time) : Value();
}

// A word of core/run/states.
template <class T>
T word_from(JsonFields& fields, std::string_view key, T value) {
  const std::string word = fields.text(key, core::run::to_string(value));
  if (!core::run::parse(word, value))
    fields.wrong(key, "one of its known words, not '" + word + "'");
  return value;
}

std::optional<Conclusion> conclusion_from(JsonFields& fields, std::string_view key) {
  if (fields.value(key).is_null()) return std::nullopt;
  return word_from(fields, key, Conclusion::failure);
}

int int_from(JsonFields& fields, std::string_view key) {
  return static_cast<int>(fields.integer(key));
}

void write(const JobStarted& body, Object& object) {
  object.set("runner_version", body.runner_version);
  object.set("sandbox", text_value(body.sandbox));
  object.set("pid", body.pid);
}

void read(JsonFields& fields, JobStarted& body) {
  body.runner_version = fields.text("runner_version");
  body.sandbox = fields.text("sandbox");
  body.pid = fields.integer("pid");
}

void write(const StepChanged& body, Object& object) {
  object.set("number", body.number);
  object.set("id", text_value(body.id));
  object.set("name", text_value(body.name));
  object.set("status", core::run::to_string(body.status));
  object.set("outcome", conclusion_value(body.outcome));
  object.set("conclusion", conclusion_value(body.conclusion));
  object.set("started_at", time_value(body.started_at));
  object.set("completed_at", time_value(body.completed_at));
  object.set("first_line", body.first_line);
  object.set("last_line", body.last_line);
}

void read(JsonFields& fields, StepChanged& body) {
  body.number = int_from(fields, "number");
  body.id = fields.text("id");
  body.name = fields.text("name");
  body.status = word_from(fields, "status", StepStatus::queued);
  body.outcome = conclusion_from(fields, "outcome");
  body.conclusion = conclusion_from(fields, "conclusion");
  body.started_at = fields.time("started_at");
  body.completed_at = fields.time("completed_at");
  body.first_line = fields.integer("first_line");
  body.last_line = fields.integer("last_line");
}

void write(const LogAdvanced& body, Object& object) {
  object.set("lines", body.lines);
  object.set("bytes", body.bytes);
}

void read(JsonFields& fields, LogAdvanced& body) {
  body.lines = fields.integer("lines");
  body.bytes = fields.integer("bytes");
}

void write(const JobAnnotation& body, Object& object) {
  object.set("step", body.step);
  object.set("level", to_string(body.level));
  object.set("message", text_value(body.message));
  object.set("title", text_value(body.title));
  object.set("file", text_value(body.file));
  object.set("line", body.line);
  object.set("end_line", body.end_line);
  object.set("column", body.column);
  object.set("end_column", body.end_column);
  object.set("log_line", body.log_line);
}

void read(JsonFields& fields, JobAnnotation& body) {
  body.step = int_from(fields, "step");
  body.level = static_cast<AnnotationLevel>(fields.choice("level", kLevels));
  body.message = fields.text("message");
  body.title = fields.text("title");
  body.file = fields.text("file");
  body.line = int_from(fields, "line");
  body.end_line = int_from(fields, "end_line");
  body.column = int_from(fields, "column");
  body.end_column = int_from(fields, "end_column");
  body.log_line = fields.integer("log_line");
}

void write(const StepSummary& body, Object& object) {
  object.set("step", body.step);
  object.set("text", text_value(body.text));
}

void read(JsonFields& fields, StepSummary& body) {
  body.step = int_from(fields, "step");
  body.text = fields.text("text");
}

void write(const JobCompleted& body, Object& object) {
  object.set("conclusion", core::run::to_string(body.conclusion));
  object.set("reason", text_value(body.reason));
  Object outputs(core::expr::Keys::case_sensitive);
  for (const auto& [name, text] : body.outputs)
    outputs.set(name, text_value(text));
  object.set("outputs", std::move(outputs));
  object.set("cpu_usec", body.resources.cpu_usec);
  object.set("memory_peak_bytes", body.resources.memory_peak_bytes);
  object.set("pids_peak", body.resources.pids_peak);
  object.set("oom_kills", body.resources.oom_kills);
}

void read(JsonFields& fields, JobCompleted& body) {
  body.conclusion = word_from(fields, "conclusion", Conclusion::failure);
  body.reason = fields.text("reason");
  body.outputs = fields.named_texts("outputs");
  body.resources.cpu_usec = fields.integer("cpu_usec");
  body.resources.memory_peak_bytes = fields.integer("memory_peak_bytes");
  body.resources.pids_peak = fields.integer("pids_peak");
  body.resources.oom_kills = fields.integer("oom_kills");
}

template <std::size_t Index = 0>
void emplace_body(RunnerEvent& event, std::size_t type) {
  if constexpr (Index < kTypes.size()) {
    if (type == Index) {
      event.body.emplace<Index>();
    } else {
      emplace_body<Index + 1>(event, type);
    }
  }
}

}  // namespace

std::string_view to_string(AnnotationLevel level) {
  return kLevels[static_cast<std::size_t>(level)];
}

std::string encode(const RunnerEvent& event) {
  Object object;
  object.set("seq", event.sequence);
  object.set("at", to_value(event.at));
  object.set("type", kTypes[event.body.index()]);
  std::visit([&](const auto& body) { write(body, object); }, event.body);
  return core::expr::to_json(Value(std::move(object))) + '\n';
}

core::Result<RunnerEvent> decode_runner_event(std::string_view json) {
  TRY(const Value value, core::expr::parse_json(json));
  JsonFields fields(value, "runner event");
  RunnerEvent event;
  event.sequence = fields.integer("seq");
  if (event.sequence < 1) fields.wrong("seq", "a number from 1");
  event.at = fields.time("at").value_or(core::Timestamp{});
  if (fields.value("type").is_null()) fields.wrong("type", "the event's type");
  emplace_body(event, fields.choice("type", kTypes));
  std::visit([&](auto& body) { read(fields, body); }, event.body);
  if (fields.error()) return core::fail(*fields.error());
  return event;
}

std::string encode(const Acknowledgement& acknowledgement) {
  Object object;
  object.set("acked_seq", acknowledgement.acked_sequence);
  object.set("control", kControls[static_cast<std::size_t>(acknowledgement.control)]);
  return core::expr::to_json(Value(std::move(object)));
}

core::Result<Acknowledgement> decode_acknowledgement(std::string_view json) {
  TRY(const Value value, core::expr::parse_json(json));
  JsonFields fields(value, "acknowledgement");
  Acknowledgement acknowledgement;
  acknowledgement.acked_sequence = fields.integer("acked_seq");
  acknowledgement.control = static_cast<Control>(fields.choice("control", kControls));
  if (fields.error()) return core::fail(*fields.error());
  return acknowledgement;
}

}  // namespace gantry::proto
