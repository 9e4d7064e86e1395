// SPDX-License-Identifier: MIT
#include "proto/runner_events.hpp"

#include <doctest.h>

using namespace gantry;

namespace {

template <class Body>
Body round_trip(Body body) {
  proto::RunnerEvent event;
  event.sequence = 4;
  event.at = core::Timestamp(std::chrono::milliseconds(1'800'000'000'123));
  event.body = std::move(body);
  const std::string line = proto::encode(event);
  CHECK(line.find('\n') == line.size() - 1);
  const auto decoded = proto::decode_runner_event(line);
  REQUIRE(decoded.has_value());
  CHECK(decoded->sequence == 4);
  CHECK(decoded->at == event.at);
  REQUIRE(std::holds_alternative<Body>(decoded->body));
  return std::get<Body>(decoded->body);
}

}  // namespace

TEST_CASE("a step event keeps what is set and what is not") {
  proto::StepChanged step;
  step.number = 2;
  step.name = "Run make\n\"all\"";
  step.status = proto::StepStatus::completed;
  step.outcome = proto::Conclusion::failure;
  step.conclusion = proto::Conclusion::success;
  step.started_at = core::Timestamp(std::chrono::milliseconds(5));
  step.last_line = 1'000'000'000'000;
  const auto back = round_trip(step);
  CHECK(back.name == step.name);
  CHECK(back.status == proto::StepStatus::completed);
  CHECK(back.outcome == proto::Conclusion::failure);
  CHECK(back.conclusion == proto::Conclusion::success);
  CHECK(back.started_at == step.started_at);
  CHECK_FALSE(back.completed_at.has_value());
  CHECK(back.last_line == step.last_line);
}

TEST_CASE("every kind of event survives encoding and decoding") {
  CHECK(round_trip(proto::JobStarted{.runner_version = "1", .sandbox = "s", .pid = 3}).pid == 3);
  CHECK(round_trip(proto::LogAdvanced{.lines = 3, .bytes = 99}).bytes == 99);
  proto::JobAnnotation annotation;
  annotation.level = proto::AnnotationLevel::error;
  annotation.message = "broken";
  annotation.end_line = 8;
  CHECK(round_trip(annotation).level == proto::AnnotationLevel::error);
  CHECK(round_trip(annotation).end_line == 8);
  CHECK(round_trip(proto::StepSummary{.step = 2, .text = "# Hi"}).text == "# Hi");
  proto::JobCompleted completed;
  completed.conclusion = proto::Conclusion::cancelled;
  completed.outputs = {{"Name", "v"}};
  completed.resources.oom_kills = 1;
  CHECK(round_trip(completed).outputs == completed.outputs);
  CHECK(round_trip(completed).conclusion == proto::Conclusion::cancelled);
  CHECK(round_trip(completed).resources.oom_kills == 1);
}

TEST_CASE("bytes that are not UTF-8 become replacement characters in events") {
  CHECK(round_trip(proto::StepSummary{.step = 1, .text = "a\xff"}).text == "a\xef\xbf\xbd");
}

TEST_CASE("events without a number, a type or with an unknown word are refused") {
  CHECK_FALSE(proto::decode_runner_event(R"({"type":"summary"})").has_value());
  CHECK_FALSE(proto::decode_runner_event(R"({"seq":1})").has_value());
  const auto decoded = proto::decode_runner_event(R"({"seq":1,"type":"step","status":"odd"})");
  REQUIRE_FALSE(decoded.has_value());
  CHECK(decoded.error().message ==
        "reading 'status' of the runner event: expected one of its known words, not 'odd'");
}

TEST_CASE("an acknowledgement carries a sequence number and a wish") {
  proto::Acknowledgement acknowledgement;
  acknowledgement.acked_sequence = 12;
  acknowledgement.control = proto::Control::cancel;
  const auto back = proto::decode_acknowledgement(proto::encode(acknowledgement));
  REQUIRE(back.has_value());
  CHECK(back->acked_sequence == 12);
  CHECK(back->control == proto::Control::cancel);
}
