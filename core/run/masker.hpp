// SPDX-License-Identifier: MIT
// Hides secrets in everything that leaves a job. Each value is also looked for in the forms
// programs print it in: its lines, base64 at all three offsets, escaped for JSON, URI, XML and
// shells. Hits that overlap or touch become one ***. Not thread-safe; copyable.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace gantry::core::run {

class Masker {
 public:
  Masker();
  Masker(const Masker& other);
  Masker& operator=(const Masker& other);
  Masker(Masker&&) noexcept;
  Masker& operator=(Masker&&) noexcept;
  ~Masker();

  // A value of the job's secrets: whole and each line, trimmed.
  void add_secret(std::string_view value);
  // A value of ::add-mask:: : whole as given, and each line trimmed.
  void add_mask(std::string_view value);
  bool empty() const;
  std::size_t longest_bytes() const;  // of all patterns; 0 when there is none

  // Text as a whole: outputs, names, annotations.
  std::string mask(std::string_view text) const;
  bool has_secret(std::string_view text) const;

  // The masked form of whole lines is appended to `out`; false and nothing appended when there is
  // no hit, so that the caller can write its own bytes without a copy.
  bool mask_into(std::string_view text, std::string& out) const;

 private:
  struct Patterns;
  std::unique_ptr<Patterns> patterns_;
};

// Masks bytes that come in pieces of any size. Holds back what may be the start of a secret, at
// most `longest_bytes() - 1` bytes plus an unfinished hit, until the next piece or the line's end.
class StreamMasker {
 public:
  explicit StreamMasker(const Masker& masker) : masker_(masker) {}
  // Appends to `out` what is certain. Secrets never span lines here, so a line feed settles all.
  void write(std::string_view piece, std::string& out);
  void finish(std::string& out);  // the held-back rest

 private:
  const Masker& masker_;
  std::string held_;
  bool in_hit_ = false;  // `***` is out already, what touches it is still part of it
};

}  // namespace gantry::core::run
