// Strict translation between JSON and structs, and what is stored and sent with it.

#include "base/json.h"

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>
#include <random>

#include "api/frame.h"
#include "core/launch_context.h"
#include "core/limits.h"
#include "core/spec_json.h"
#include "support.h"

namespace reeve::test {

enum class Colour { red, green };
struct Inner {
  std::int32_t cpus = 1;
  std::uint32_t umask = 18;
};
struct Outer {
  std::string name = "default";
  bool hold = false;
  Colour colour = Colour::red;
  Inner demand;
  std::optional<Duration> limit;
  std::vector<std::string> words;
  std::map<std::string, std::int64_t> counters;
};
BOOST_DESCRIBE_ENUM(Colour, red, green)
BOOST_DESCRIBE_STRUCT(Inner, (), (cpus, umask))
BOOST_DESCRIBE_STRUCT(Outer, (), (name, hold, colour, demand, limit, words, counters))

namespace {

// The message of the refusal; empty when it was taken.
std::string fault(std::string_view text) {
  const auto value = parse_json(text);
  if (!value) return value.error().message;
  Outer out;
  const auto decoded = decode_json(*value, out, "");
  if (decoded) return "";
  EXPECT_EQ(decoded.error().code, ErrorCode::invalid);
  return decoded.error().message;
}

TEST(Json, AbsentKeysKeepTheirDefault) {
  Outer out;
  ASSERT_TRUE(decode_json(*parse_json(R"({"hold": true})"), out, ""));
  EXPECT_EQ(out.name, "default");
  EXPECT_TRUE(out.hold);
  EXPECT_EQ(out.demand.umask, 18U);
}

TEST(Json, EachShapeComesBack) {
  const Outer in{"n", true, Colour::green, {-5, 7}, Duration(90), {"a", ""}, {{"x", 1}, {"y", 2}}};
  Outer out;
  ASSERT_TRUE(decode_json(encode_json(in), out, ""));
  EXPECT_EQ(out.name, in.name);
  EXPECT_EQ(out.hold, in.hold);
  EXPECT_EQ(out.colour, in.colour);
  EXPECT_EQ(out.demand.cpus, in.demand.cpus);
  EXPECT_EQ(out.demand.umask, in.demand.umask);
  EXPECT_EQ(out.limit, in.limit);
  EXPECT_EQ(out.words, in.words);
  EXPECT_EQ(out.counters, in.counters);
}

TEST(Json, UnknownKeyIsRefusedWithASuggestion) {
  EXPECT_EQ(fault(R"({"nmae": "x"})"), "nmae: unknown; did you mean `name`?");
  EXPECT_EQ(fault(R"({"demand": {"cpu": 1}})"), "demand.cpu: unknown; did you mean `cpus`?");
  EXPECT_EQ(fault(R"({"elephant": 1})"), "elephant: unknown");
}

TEST(Json, UnknownKeyIsShownSafely) {
  EXPECT_EQ(fault("{\"\\u001b[2J elephant\": 1}"), "\\x1b[2J elephant: unknown");
}

TEST(Json, WrongTypeIsRefusedWithItsPlace) {
  EXPECT_EQ(fault(R"({"demand": {"cpus": "2"}})"), "demand.cpus: expected an integer in range");
  EXPECT_EQ(fault(R"({"name": 1})"), "name: expected a string");
  EXPECT_EQ(fault(R"({"hold": 1})"), "hold: expected true or false");
  EXPECT_EQ(fault(R"({"demand": []})"), "demand: expected an object");
  EXPECT_EQ(fault(R"({"words": "a"})"), "words: expected an array");
  EXPECT_EQ(fault(R"({"counters": {"x": null}})"), "counters.x: expected an integer in range");
  EXPECT_EQ(fault(R"({"colour": 1})"), "colour: expected a word");
  EXPECT_EQ(fault("[]"), "the request: expected an object");
  EXPECT_TRUE(fault(R"({"words": ["a", 1]})").starts_with("words[")) << "the element is named";
}

TEST(Json, UnknownWordIsRefusedWithASuggestion) {
  EXPECT_EQ(fault(R"({"colour": "gren"})"),
            "colour: expected one of red, green, not `gren`; did you mean `green`?");
}

TEST(Json, NumbersOutOfRangeAreRefused) {
  EXPECT_EQ(fault(R"({"demand": {"cpus": 2147483647}})"), "");
  EXPECT_NE(fault(R"({"demand": {"cpus": 2147483648}})"), "");
  EXPECT_NE(fault(R"({"demand": {"cpus": -2147483649}})"), "");
  EXPECT_NE(fault(R"({"demand": {"umask": -1}})"), "");
  EXPECT_NE(fault(R"({"demand": {"cpus": 1.5}})"), "");
  EXPECT_NE(fault(R"({"demand": {"cpus": 1e400}})"), "");
  EXPECT_NE(fault(R"({"counters": {"x": 9223372036854775808}})"), "");
}

TEST(Json, NullIsAnAbsentOptionalAndNothingElse) {
  EXPECT_EQ(fault(R"({"limit": null})"), "");
  EXPECT_NE(fault(R"({"name": null})"), "");
}

TEST(Json, WhatIsNotJsonIsRefusedWithItsPlace) {
  for (const char* text : {"", "{", "{}x", "{'a':1}", "nul", "[1,]", "\"\n\""}) {
    const auto value = parse_json(text);
    ASSERT_FALSE(value) << text;
    EXPECT_EQ(value.error().code, ErrorCode::invalid);
    EXPECT_NE(value.error().message.find("near byte"), std::string::npos);
  }
}

TEST(Json, DepthIsBounded) {
  EXPECT_TRUE(parse_json(std::string(32, '[') + std::string(32, ']')));
  EXPECT_FALSE(parse_json(std::string(33, '[') + std::string(33, ']')));
  EXPECT_FALSE(parse_json(std::string(100'000, '[')));
}

TEST(Json, BytesThatAreNotUtf8Pass) {
  const std::string raw = "\xff\xfe\x80 \xed\xa0\x80";
  const auto value = parse_json(to_line(json::value(raw)));
  ASSERT_TRUE(value);
  EXPECT_EQ(std::string(value->as_string()), raw);
}

TEST(Json, PrettyTextIsTheSameValue) {
  const auto value = parse_json(R"({"a": [], "b": {}, "c": [{"d": 1}, [2]], "e": "\u001b\"x"})");
  ASSERT_TRUE(value);
  EXPECT_EQ(*parse_json(to_pretty(*value)), *value);
  EXPECT_EQ(to_pretty(*value).find('\x1b'), std::string::npos);
}

// --- specifications and contexts ----------------------------------------------------------------

class Draw {
 public:
  explicit Draw(std::uint64_t seed) : random_(seed) {}
  std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }
  // Any bytes.
  std::string text() {
    std::string out;
    for (auto i = below(20); i > 0; --i) out += static_cast<char>(below(256));
    return out;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> out;
    for (auto i = below(5); i > 0; --i) out.push_back(text());
    return out;
  }
  std::int64_t number() { return static_cast<std::int64_t>(random_() >> random_() % 64); }
  JobSpec spec() {
    JobSpec s;
    s.name = text();
    s.command = texts();
    s.directory = text();
    s.priority = static_cast<Priority>(below(4));
    s.demand.cpus = static_cast<std::int32_t>(number());
    s.demand.memory = number();
    s.demand.gpus = static_cast<std::int32_t>(number());
    for (auto i = below(4); i > 0; --i) s.demand.counters[text()] = number();
    s.demand.lock = text();
    s.on_busy = static_cast<OnBusy>(below(2));
    s.hold = below(2) == 0;
    if (below(2) == 0) s.time_limit = Duration(number());
    s.grace = Duration(number());
    s.retry.retries = static_cast<std::int32_t>(number());
    s.retry.on_lost = below(2) == 0;
    s.log_max = number();
    s.results_root = text();
    s.staging = static_cast<Staging>(below(2));
    s.containment = static_cast<ContainmentWish>(below(2));
    s.stdin_file = text();
    for (auto i = below(4); i > 0; --i) s.environment[text()] = text();
    s.secrets = texts();
    s.idempotency_key = text();
    return s;
  }

 private:
  std::mt19937_64 random_;
};

bool are_equal(const JobSpec& a, const JobSpec& b) {
  return a.name == b.name && a.command == b.command && a.directory == b.directory &&
         a.priority == b.priority && a.demand == b.demand && a.on_busy == b.on_busy &&
         a.hold == b.hold && a.time_limit == b.time_limit && a.grace == b.grace &&
         a.retry.retries == b.retry.retries && a.retry.on_lost == b.retry.on_lost &&
         a.log_max == b.log_max && a.results_root == b.results_root && a.staging == b.staging &&
         a.containment == b.containment && a.stdin_file == b.stdin_file &&
         a.environment == b.environment && a.secrets == b.secrets &&
         a.idempotency_key == b.idempotency_key;
}

TEST(SpecJson, AnySpecificationComesBackFromItsText) {
  Draw draw(1);
  for (int i = 0; i < 1000; ++i) {
    const JobSpec spec = draw.spec();
    const auto value = parse_json(to_line(spec_to_json(spec)));
    ASSERT_TRUE(value) << value.error().message;
    const auto back = spec_from_json(*value);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_TRUE(are_equal(*back, spec)) << to_line(spec_to_json(spec));
  }
}

TEST(SpecJson, ErrorsNameTheKey) {
  const auto spec = spec_from_json(*parse_json(R"({"retry": {"retrys": 1}})"));
  ASSERT_FALSE(spec);
  EXPECT_EQ(spec.error().message, "retry.retrys: unknown; did you mean `retries`?");
}

TEST(LaunchContext, AnyContextComesBack) {
  Draw draw(2);
  for (int i = 0; i < 300; ++i) {
    LaunchContext context{draw.texts(), static_cast<std::uint32_t>(draw.below(512)), {}};
    for (auto n = draw.below(17); n > 0; --n) context.limits.push_back({draw.number(), -1});
    const auto back = context_from_text(to_text(context));
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(back->environment, context.environment);
    EXPECT_EQ(back->umask, context.umask);
    EXPECT_EQ(back->limits, context.limits);
  }
}

TEST(LaunchContext, WhatIsNoneIsRefused) {
  for (const char* text : {"", "[]", "{\"umask\": -1}", "{\"limits\": [1]}", "{\"umsk\": 1}"})
    EXPECT_FALSE(context_from_text(text)) << text;
}

// --- frames -------------------------------------------------------------------------------------

Result<std::size_t> length_of(std::size_t announced) {
  std::array<char, frame_header_bytes> header{};
  for (std::size_t i = 0; i < header.size(); ++i)
    header.at(i) = static_cast<char>(announced >> (8 * i) & 0xFF);
  return frame_length(header);
}

TEST(Frame, CarriesItsMessage) {
  const json::object message{{"id", 7}, {"text", std::string(70'000, 'x')}};
  const std::string frame = to_frame(message);
  std::array<char, frame_header_bytes> header{};
  std::copy_n(frame.begin(), header.size(), header.begin());
  const auto length = frame_length(header);
  ASSERT_TRUE(length);
  ASSERT_EQ(*length, frame.size() - frame_header_bytes);
  EXPECT_EQ(*parse_json(std::string_view(frame).substr(frame_header_bytes)), message);
}

TEST(Frame, LengthIsBounded) {
  EXPECT_EQ(length_of(limits::frame_bytes_max).value(), limits::frame_bytes_max);
  const auto beyond = length_of(limits::frame_bytes_max + 1);
  ASSERT_FALSE(beyond);
  EXPECT_EQ(beyond.error().code, ErrorCode::too_large);
  EXPECT_FALSE(length_of(UINT32_MAX));
}

TEST(Frame, RequestIsRead) {
  const auto request = parse_request(R"({"v": 1, "id": 7, "op": "listJobs", "args": {"a": 1}})");
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->id, 7);
  EXPECT_EQ(request->op, "listJobs");
  EXPECT_EQ(request->args.at("a"), 1);
}

TEST(Frame, WhatIsNoRequestIsRefused) {
  for (const char* text :
       {"", "[]", "7", "{}", R"({"v": 1, "id": 7, "op": "x"})",
        R"({"v": 1, "id": "7", "op": "x", "args": {}})",
        R"({"v": 1, "id": 7, "op": 1, "args": {}})", R"({"v": 1, "id": 7, "op": "x", "args": []})",
        R"({"v": "1", "id": 7, "op": "x", "args": {}})", R"({"id": 7, "op": "x", "args": {}})"}) {
    const auto request = parse_request(text);
    ASSERT_FALSE(request) << text;
    EXPECT_EQ(request.error().code, ErrorCode::invalid);
  }
}

TEST(Frame, OtherVersionIsToldWhatToDo) {
  const auto request = parse_request(R"({"v": 2, "id": 7, "op": "x", "args": {}})");
  ASSERT_FALSE(request);
  EXPECT_NE(request.error().message.find("reeve daemon restart"), std::string::npos);
}

TEST(Frame, RepliesCarryTheIdOfTheirRequest) {
  EXPECT_EQ(to_line(ok_reply(7, {{"a", 1}})), R"({"id":7,"ok":{"a":1}})");
  EXPECT_EQ(to_line(error_reply(8, {ErrorCode::not_found, "no job 3"})),
            R"({"id":8,"error":{"code":"not_found","message":"no job 3"}})");
}

}  // namespace
}  // namespace reeve::test
