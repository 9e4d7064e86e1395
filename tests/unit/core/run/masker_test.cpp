// SPDX-License-Identifier: MIT
#include "core/run/masker.hpp"

#include <doctest/doctest.h>

#include <random>

namespace gantry::core::run {
namespace {

std::string lines(const Masker& masker, std::string_view text) {
  std::string out;
  return masker.mask_into(text, out) ? out : std::string(text);
}

std::string in_pieces(const Masker& masker, std::string_view text, std::size_t size) {
  StreamMasker stream(masker);
  std::string out;
  for (std::size_t at = 0; at < text.size(); at += size)
    stream.write(text.substr(at, size), out);
  stream.finish(out);
  return out;
}

// What masking means, without any cleverness.
std::string slow_mask(const std::vector<std::string>& patterns, std::string_view text) {
  std::vector<bool> hidden(text.size() + 1);
  for (const std::string& pattern : patterns) {
    for (auto at = text.find(pattern); at != text.npos; at = text.find(pattern, at + 1)) {
      for (std::size_t i = 0; i < pattern.size(); ++i)
        hidden[at + i] = true;
    }
  }
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!hidden[i]) {
      out += text[i];
    } else if (i == 0 || !hidden[i - 1]) {
      out += "***";
    }
  }
  return out;
}

}  // namespace

TEST_CASE("masker: overlapping and touching hits become one") {
  Masker masker;
  masker.add_secret("abcdef");
  masker.add_secret("defghi");
  masker.add_secret("xyz");
  CHECK(masker.mask("1abcdefghi2") == "1***2");
  CHECK(masker.mask("abcdefxyz abcdef xyz") == "*** *** ***");
  CHECK(masker.mask("ABCDEF") == "ABCDEF");
}

TEST_CASE("masker: a secret of several lines is hidden whole in texts, by line in logs") {
  Masker masker;
  masker.add_secret("  first line\n\n  second line \n");
  CHECK(masker.mask("a first line\n\n  second line b") == "a *** b");
  CHECK(lines(masker, "a first line\n\n  second line b\n") == "a ***\n\n  *** b\n");
}

TEST_CASE("masker: add-mask keeps the value as given, blank ones are ignored") {
  Masker masker;
  masker.add_mask(" \n\t");
  masker.add_secret("");
  CHECK(masker.empty());
  CHECK(masker.mask("nothing") == "nothing");
  masker.add_mask(" padded ");
  CHECK(masker.mask("x padded y padded.") == "x***y ***.");
  CHECK(masker.has_secret("cGFkZGVk"));
  Masker copy = masker;
  copy.add_mask("more");
  CHECK_FALSE(masker.has_secret("more"));
}

TEST_CASE("masker: nothing is copied when nothing is hidden") {
  Masker masker;
  masker.add_secret("token-0123456789");
  std::string out = "before";
  CHECK_FALSE(masker.mask_into("plain\n", out));
  CHECK(out == "before");
  CHECK(masker.mask_into("token-0123456789\n", out));
  CHECK(out == "before***\n");
}

TEST_CASE("masker: random texts are masked as by the definition, whole and in pieces of any size") {
  std::mt19937 random(7);
  const auto pick = [&](std::size_t bound) { return random() % bound; };
  for (int round = 0; round < 400; ++round) {
    const std::size_t letters = 1 + pick(3);
    const auto word = [&](std::size_t size) {
      std::string out;
      while (out.size() < size)
        out += static_cast<char>('a' + pick(letters));
      return out;
    };
    Masker masker;
    std::vector<std::string> patterns;
    for (std::size_t i = 0; i <= pick(4); ++i) {
      patterns.push_back(word(1 + pick(round % 2 == 0 ? 6 : 70)));
      masker.add_secret(patterns.back());
    }
    const std::string text = word(pick(400));
    const std::string expected = slow_mask(patterns, text);
    REQUIRE(masker.mask(text) == expected);
    for (const std::size_t size : {1U, 2U, 7U, 64U}) {
      REQUIRE(in_pieces(masker, text, size) == expected);
    }
  }
}

TEST_CASE("stream: a line feed settles everything before it") {
  Masker masker;
  masker.add_secret("secret-value");
  StreamMasker stream(masker);
  std::string out;
  stream.write("no secret\nsecr", out);
  CHECK(out == "no secret\n");
  stream.write("et-value", out);
  stream.write("\n", out);
  CHECK(out == "no secret\n***\n");
  stream.write("rest", out);
  stream.finish(out);
  CHECK(out == "no secret\n***\nrest");
}

TEST_CASE("masker: a text made to be slow is not") {
  Masker masker;
  masker.add_secret(std::string(20'000, 'a'));
  masker.add_secret(std::string(20'000, 'a') + "b");
  const std::string text(2'000'000, 'a');  // 40,000,000,000 steps for a search without automaton
  CHECK(masker.mask(text) == "***");
}

TEST_CASE("masker: a secret is hidden in base64 of a longer text") {
  Masker masker;
  masker.add_secret("s3cr3t-T0ken?>Value");
  CHECK(masker.mask("czNjcjN0LVQwa2VuPz5WYWx1ZQo=") ==
        "***Qo=");  // with a line end, as echo gives it
  CHECK(masker.mask("YXMzY3IzdC1UMGtlbj8+VmFsdWU7IGI=") == "YXMz***U7IGI=");  // in the middle
  CHECK(masker.mask("YWJzM2NyM3QtVDBrZW4_PlZhbHVlLS0=") == "YWJz***LS0=");    // url-safe
}

}  // namespace gantry::core::run
