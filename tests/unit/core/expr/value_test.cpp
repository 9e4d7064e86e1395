// SPDX-License-Identifier: MIT
#include "core/expr/value.hpp"

#include "core/base/text.hpp"
#include "core/expr/number.hpp"
#include "core/expr/unicode.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

namespace gantry::core::expr {

TEST_CASE("object: of two keys equal ignoring case the first spelling and the last value stay") {
  Object object;
  object.set("Path", 1);
  object.set("PATH", 2);
  CHECK(object.size() == 1);
  CHECK(object.entries()[0].first == "Path");
  CHECK(object.find("path")->number() == 2);
  Object exact(Keys::case_sensitive);
  exact.set("Path", 1);
  CHECK(exact.find("path") == nullptr);
}

TEST_CASE("object: a large one finds, replaces and erases like a small one") {
  Object object;
  for (int i = 0; i < 100; ++i)
    object.set("Key" + std::to_string(i), i);
  Object copy = object;
  copy.set("extra", true);
  CHECK(copy.erase("KEY50"));
  CHECK_FALSE(copy.erase("KEY50"));
  CHECK(copy.find("key51")->number() == 51);
  CHECK(copy.find("EXTRA")->boolean());
  CHECK(object.find("key50")->number() == 50);
  CHECK(object.find("extra") == nullptr);
}

TEST_CASE("number: texts become numbers by the language's own grammar") {
  CHECK(parse_number(" \u00a0") == 0);
  CHECK(parse_number(" +1.5e3 ") == 1500);
  CHECK(parse_number("5.") == 5);
  CHECK(parse_number(".5") == 0.5);
  CHECK(parse_number("0xFFFFFFFF") == -1);
  CHECK(parse_number("0o17") == 15);
  CHECK(parse_number("1e400") == std::numeric_limits<double>::infinity());
  CHECK(parse_number("-1e-400") == 0);
  CHECK(parse_number("-Infinity") == -std::numeric_limits<double>::infinity());
  for (const char* wrong :
       {"-0xFF", "0XFF", "0x", "0x1FFFFFFFF", "0o8", ".", "-", "1e", "1e+", "1,0", "abc", "1 2"}) {
    CHECK_MESSAGE(std::isnan(parse_number(wrong)), wrong);
  }
}

TEST_CASE("number: fifteen significant digits are printed") {
  CHECK(format_number(0.1) == "0.1");
  CHECK(format_number(-0.0) == "0");
  CHECK(format_number(3.10) == "3.1");
  CHECK(format_number(1e14) == "100000000000000");
  CHECK(format_number(1e15) == "1E+15");
  CHECK(format_number(0.0001) == "0.0001");
  CHECK(format_number(0.00001) == "1E-05");
  CHECK(format_number(1.0 / 3) == "0.333333333333333");
  CHECK(format_number(-1e300) == "-1E+300");
  CHECK(format_number(std::nan("")) == "NaN");
}

TEST_CASE("text compares by simple upper case, so dotless i and sharp s stay apart") {
  CHECK(equal_ignoring_case("stra\u00dfe", "STRA\u00dfE"));
  CHECK_FALSE(equal_ignoring_case("\u00df", "SS"));
  CHECK_FALSE(equal_ignoring_case("\u0131", "I"));
  CHECK_FALSE(equal_ignoring_case("\u017f", "S"));
  CHECK_FALSE(equal_ignoring_case("\u0130", "i"));
  CHECK(equal_ignoring_case("\u03c2", "\u03c3"));  // both sigmas
  CHECK(equal_ignoring_case("\u0436\u00fc", "\u0416\u00dc"));
  CHECK(equal_ignoring_case("\u01c5", "\u01c6"));  // title case and lower case dz
  CHECK(equal_ignoring_case("\U00010428", "\U00010400"));
  CHECK_FALSE(equal_ignoring_case("\xff", "\xc3\xbf"));  // an invalid byte is not the letter
  CHECK(compare_ignoring_case("a", "B") < 0);
  CHECK(compare_ignoring_case("_", "a") > 0);                // ordinal of the upper-cased text
  CHECK(compare_ignoring_case("\U0001F600", "\uffee") < 0);  // UTF-16 order
  CHECK(contains_ignoring_case("xx\u0444yy", "\u0424Y"));
  CHECK(utf16_length("a\u00e9\U0001F600") == 4);
}

TEST_CASE("loose equality: numbers for unlike kinds, identity for collections") {
  CHECK(loosely_equal(Value(), 0));
  CHECK(loosely_equal("", 0));
  CHECK(loosely_equal("1", true));
  CHECK_FALSE(loosely_equal("abc", 0));
  CHECK_FALSE(loosely_equal(std::nan(""), std::nan("")));
  const Value array{Array{1}};
  CHECK(loosely_equal(array, array));
  CHECK_FALSE(loosely_equal(array, Value(Array{1})));
  CHECK(deep_equal(array, Value(Array{1})));
  CHECK_FALSE(loosely_equal(array, "Array"));
}

TEST_CASE("json: reads strictly, writes compact and indented") {
  const auto value =
      parse_json(R"({"a":[1,2.5,null,true,"x\n\u001f\"\\"],"id":12345678901234567,"e":{}})");
  REQUIRE(value);
  CHECK(to_json(*value) ==
        R"({"a":[1,2.5,null,true,"x\n\u001f\"\\"],"id":12345678901234568,"e":{}})");
  CHECK(to_json((*value)["a"], JsonStyle::indented) ==
        "[\n  1,\n  2.5,\n  null,\n  true,\n  \"x\\n\\u001f\\\"\\\\\"\n]");
  CHECK(to_json("\u0085\u2028é") == "\"\\u0085\\u2028é\"");
  CHECK((*value)["A"].array().size() == 5);
  CHECK((*value)["none"]["deeper"].is_null());
}

TEST_CASE("json: what machines write and what people write are read alike") {
  // A fraction beside it takes the same text to the other reader.
  const std::string plain =
      R"({"a":"\"\\\/\b\f\n\r\t\u00e9\u2028\u0000ü…😀","b":[0,7,123456789012345,true,false,null,{},[ ]],)"
      R"("c" : { "d":"" , "D":"again"},"e":"x"})";
  const auto fast = parse_json(plain);
  const auto slow = parse_json("[0.5," + plain + "]");
  REQUIRE(fast.has_value());
  REQUIRE(slow.has_value());
  CHECK(deep_equal(*fast, slow->array()[1]));
  CHECK(to_json(*fast) == to_json(slow->array()[1]));
  CHECK((*fast)["c"]["d"].string() == "again");
  CHECK((*fast)["a"].string().size() == 23);
}

TEST_CASE("json: what the fast reader does not take is judged by the other") {
  for (const char* text :
       {"-0.5", "-7", "1e3", "1234567890123456789", R"("\ud83d\ude00")", " 7 "}) {
    CAPTURE(text);
    CHECK(parse_json(text).has_value());
  }
  for (const char* text : {"",
                           "[1,]",
                           "{\"a\":}",
                           "{\"a\"}",
                           "{a:1}",
                           "[1 2]",
                           "01",
                           "\"a",
                           "\"\\x\"",
                           "\"\\u12g4\"",
                           "\"\\ud83d\"",
                           "\"\xff\"",
                           "\"\xc3\"",
                           "\"\xe0\x80\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\xf4\x90\x80\x80\"",
                           "\"\n\"",
                           "nul",
                           "truee",
                           "[",
                           "{\"a\":1",
                           "7 7"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_json(text).has_value());
  }
}

TEST_CASE("json: broken, trailing, invalid and too deep input is refused with a reason") {
  for (const char* text : {"", "{", "[1,]", "1 2", "{'a':1}", "\"\xff\"", "\xff", "nul"}) {
    const auto value = parse_json(text);
    REQUIRE_MESSAGE(!value, text);
    CHECK(value.error().message.starts_with("parsing JSON: "));
    CHECK(to_valid_utf8(value.error().message) == value.error().message);  // it is shown
  }
  CHECK(parse_json(std::string(100, '[') + std::string(100, ']')));
  const auto deep = parse_json(std::string(100'000, '['));
  REQUIRE(!deep);
  CHECK(deep.error().message == "parsing JSON: nested deeper than 100 levels");
}

}  // namespace gantry::core::expr
