// What a keeper is told, from the daemon's side to the keeper's.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "engine/local/order_writer.h"
#include "keeper/order_channel.h"
#include "keeper/order_view.h"
#include "support.h"

namespace reeve::test {
namespace {

std::vector<std::string> words(char** list) {
  std::vector<std::string> out;
  for (; *list != nullptr; ++list) out.emplace_back(*list);
  return out;
}

Fd memory_file(const std::string& bytes) {
  Fd fd(memfd_create("test-order", MFD_CLOEXEC));
  EXPECT_EQ(::write(fd.get(), bytes.data(), bytes.size()), std::ssize(bytes));
  return fd;
}

struct Written {
  JobSpec spec = plain_spec();
  LaunchContext context;
  std::vector<std::string> environment;
  Placement placement;
  std::int64_t sampled_limit = 0;

  [[nodiscard]] std::string bytes() const {
    const std::string none;
    const StartOrder order{{{7}, 2, 3}, spec, none, placement, "/staging", "", {}};
    return write_order(order, context, environment, "7.2.3.log", sampled_limit);
  }
  [[nodiscard]] Fd file() const { return memory_file(bytes()); }
};

Written with_every_byte() {
  Written written;
  std::string every;
  for (int c = 1; c < 256; ++c) every += static_cast<char>(c);
  written.spec.command = {"/bin/prog", "", every, "last one"};
  written.environment = {"A=1", "EMPTY=", "RAW=" + every, "no equals sign", ""};
  return written;
}

TEST(Order, WordsAndVariablesArriveByteForByte) {
  const Written written = with_every_byte();
  const Fd fd = written.file();
  const auto view = OrderView::open(fd.get());
  ASSERT_TRUE(view);
  EXPECT_EQ(words(view->arguments), written.spec.command);
  EXPECT_EQ(words(view->environment), written.environment);
  EXPECT_STREQ(view->log_name, "7.2.3.log");
  EXPECT_STREQ(view->directory, "/home");
  EXPECT_STREQ(view->input, "/dev/null");
}

TEST(Order, NumbersArrive) {
  Written written;
  written.spec.log_max = 123'456;
  written.spec.grace = Duration(789);
  written.spec.stdin_file = "/input";
  written.context.umask = 027;
  written.context.limits = {{10, 20}, {}, {30, -1}};
  const Fd fd = written.file();
  const auto view = OrderView::open(fd.get());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->header->job, 7);
  EXPECT_EQ(view->header->attempt, 2);
  EXPECT_EQ(view->header->start, 3);
  EXPECT_EQ(view->header->log_max, 123'456);
  EXPECT_EQ(view->header->grace_ms, 789);
  EXPECT_EQ(view->header->umask, 027U);
  EXPECT_EQ(view->header->limits[0][0], 10U);
  EXPECT_EQ(view->header->limits[0][1], 20U);
  EXPECT_EQ(view->header->limits[1][0], unset_limit);
  EXPECT_EQ(view->header->limits[2][0], 30U);
  EXPECT_EQ(view->header->limits[2][1], ~0ULL) << "RLIM_INFINITY";
  EXPECT_EQ(view->header->limits[15][0], unset_limit);
  EXPECT_STREQ(view->input, "/input");
}

TEST(Order, CpusLimitAndIsolationArrive) {
  Written written;
  {
    const Fd fd = written.file();
    const auto plain = OrderView::open(fd.get());
    ASSERT_TRUE(plain);
    EXPECT_EQ(plain->header->has_cpus, 0);
    EXPECT_EQ(plain->header->is_isolated, 0);
    EXPECT_EQ(plain->header->memory_limit, 0);
  }
  written.placement.cpus = {1, 65};
  written.sampled_limit = 4096;
  written.spec.isolate = true;
  const Fd fd = written.file();
  const auto view = OrderView::open(fd.get());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->header->has_cpus, 1);
  EXPECT_EQ(view->header->cpus[0], 2U);
  EXPECT_EQ(view->header->cpus[1], 2U);
  EXPECT_EQ(view->header->is_isolated, 1);
  EXPECT_EQ(view->header->memory_limit, 4096);
}

TEST(Order, LimitThatTheKeeperInheritsAnywayIsLeftAlone) {
  rlimit own{};
  ASSERT_EQ(::getrlimit(RLIMIT_CPU, &own), 0);
  Written written;
  written.context.limits = {
      {static_cast<std::int64_t>(own.rlim_cur), static_cast<std::int64_t>(own.rlim_max)}};
  const Fd fd = written.file();
  const auto view = OrderView::open(fd.get());
  ASSERT_TRUE(view);
  EXPECT_EQ(view->header->limits[RLIMIT_CPU][0], unset_limit);
}

TEST(Order, AThousandWordsArrive) {
  Written written;
  for (int i = 0; i < 1000; ++i) written.spec.command.push_back("word" + std::to_string(i));
  for (int i = 0; i < 1000; ++i) written.environment.push_back("V" + std::to_string(i) + "=x");
  const Fd fd = written.file();
  const auto view = OrderView::open(fd.get());
  ASSERT_TRUE(view);
  EXPECT_EQ(words(view->arguments), written.spec.command);
  EXPECT_EQ(words(view->environment), written.environment);
}

struct Channel {
  OrderChannel ends = std::move(*make_order_channel());
  std::vector<char> buffer = std::vector<char>(small_order_bytes_max);

  OsResult<ReceivedOrder> receive() { return receive_order(ends.keeper_end.get(), buffer.data()); }
};

TEST(OrderChannel, SmallOrderArrivesByteForByte) {
  Channel channel;
  std::string bytes = with_every_byte().bytes();
  ASSERT_TRUE(send_order(channel.ends.daemon_end.get(), bytes));
  const auto received = channel.receive();
  ASSERT_TRUE(received);
  EXPECT_FALSE(received->file);
  EXPECT_EQ(std::string(channel.buffer.data(), received->bytes), bytes);
  const auto view = OrderView::over(channel.buffer.data(), received->bytes);
  ASSERT_TRUE(view);
  EXPECT_EQ(words(view->environment), with_every_byte().environment);
}

TEST(OrderChannel, LargeOrderArrivesInASealedFile) {
  Channel channel;
  Written written;
  written.environment = {"LARGE=" + std::string(small_order_bytes_max, 'x')};
  ASSERT_TRUE(send_order(channel.ends.daemon_end.get(), written.bytes()));
  const auto received = channel.receive();
  ASSERT_TRUE(received);
  ASSERT_TRUE(received->file);
  EXPECT_EQ(::write(received->file.get(), "x", 1), -1);
  EXPECT_EQ(::ftruncate(received->file.get(), 10), -1);
  const auto view = OrderView::open(received->file.get());
  ASSERT_TRUE(view);
  EXPECT_EQ(words(view->environment), written.environment);
}

TEST(OrderChannel, LargestSmallOrderArrives) {
  Channel channel;
  const std::string bytes(small_order_bytes_max, 'x');
  ASSERT_TRUE(send_order(channel.ends.daemon_end.get(), bytes));
  const auto received = channel.receive();
  ASSERT_TRUE(received);
  EXPECT_EQ(received->bytes, bytes.size());
}

TEST(OrderChannel, EachEndLearnsThatTheOtherIsGone) {
  Channel channel;
  channel.ends.daemon_end.reset();
  const auto received = channel.receive();
  ASSERT_TRUE(received);
  EXPECT_TRUE(received->bytes == 0 && !received->file);

  Channel other;
  other.ends.keeper_end.reset();
  const auto sent = send_order(other.ends.daemon_end.get(), "x");
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, EPIPE);
}

TEST(OrderChannel, ChannelThatIsNoneIsRefused) {
  Channel channel;
  const Fd null(::open("/dev/null", O_RDONLY));
  EXPECT_FALSE(receive_order(null.get(), channel.buffer.data()));
  EXPECT_FALSE(receive_order(-1, channel.buffer.data()));
}

TEST(Order, EachTruncationIsRefused) {
  const std::string bytes = with_every_byte().bytes();
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const Fd fd = memory_file(bytes.substr(0, length));
    EXPECT_FALSE(OrderView::open(fd.get())) << length << " of " << bytes.size();
  }
}

TEST(Order, LastWordWithoutItsEndIsRefused) {
  std::string bytes = with_every_byte().bytes();
  bytes.back() = 'x';  // where a zero was
  EXPECT_FALSE(OrderView::open(memory_file(bytes).get()));
}

TEST(Order, CountsBeyondTheStringsAreRefused) {
  const std::string bytes = with_every_byte().bytes();
  for (const std::size_t field :
       {offsetof(OrderHeader, argument_count), offsetof(OrderHeader, environment_count)})
    for (const std::uint32_t count : {100U, 1'000'000U, UINT32_MAX}) {
      std::string damaged = bytes;
      std::memcpy(damaged.data() + field, &count, sizeof count);
      EXPECT_FALSE(OrderView::open(memory_file(damaged).get())) << count;
    }
}

// Both counts together are beyond 32 bits, and there are strings enough to leave the table.
TEST(Order, CountsThatAddUpBeyondTheirTypeAreRefused) {
  Written written;
  for (int i = 0; i < 50'000; ++i) written.spec.command.emplace_back("");
  std::string bytes = written.bytes();
  const std::uint32_t arguments = UINT32_MAX;
  const std::uint32_t environment = 1;
  std::memcpy(bytes.data() + offsetof(OrderHeader, argument_count), &arguments, sizeof arguments);
  std::memcpy(bytes.data() + offsetof(OrderHeader, environment_count), &environment,
              sizeof environment);
  const int status =
      status_of_child([&] { return OrderView::open(memory_file(bytes).get()) ? 3 : 0; });
  ASSERT_TRUE(WIFEXITED(status)) << "it was killed by a signal";
  EXPECT_EQ(WEXITSTATUS(status), 0) << "3: it was taken; else the sanitizer has seen it crash";
}

TEST(Order, OtherVersionIsRefused) {
  std::string bytes = Written{}.bytes();
  bytes[0] = static_cast<char>(bytes[0] + 1);
  const auto view = OrderView::open(memory_file(bytes).get());
  ASSERT_FALSE(view);
  EXPECT_EQ(view.error().code, EPROTO);
}

class Environment : public testing::Test {
 protected:
  std::vector<std::string> made() {
    const std::string none;
    const StartOrder order{{{7}, 2, 3}, spec, none, placement, "/staging", checkpoint, {}};
    return job_environment(order, context, "REEVE_MARK=abc");
  }
  bool has(const std::string& variable) {
    const auto all = made();
    return std::ranges::count(all, variable) == 1;
  }
  JobSpec spec = plain_spec();
  LaunchContext context{{"HOME=/h", "PATH=/bin"}, 022, {}};
  Placement placement;
  std::string checkpoint;
};

TEST_F(Environment, JobKnowsItsIdItsAttemptAndWhereResultsGo) {
  spec.demand.cpus = 3;
  for (const char* variable :
       {"HOME=/h", "PATH=/bin", "REEVE_JOB_ID=7", "REEVE_ATTEMPT=2", "REEVE_NAME=train",
        "REEVE_RESULTS_DIR=/staging", "REEVE_CPUS=3", "REEVE_MARK=abc", "PYTHONUNBUFFERED=1"})
    EXPECT_TRUE(has(variable)) << variable;
}

TEST_F(Environment, WhatTheJobWasGivenWins) {
  context.environment.emplace_back("REEVE_JOB_ID=1");  // submitted from within another job
  context.environment.emplace_back("PYTHONUNBUFFERED=");
  spec.environment = {{"HOME", "/other"}};
  EXPECT_TRUE(has("HOME=/other"));
  EXPECT_FALSE(has("HOME=/h"));
  EXPECT_FALSE(has("REEVE_JOB_ID=1"));
  EXPECT_TRUE(has("PYTHONUNBUFFERED="));
  EXPECT_FALSE(has("PYTHONUNBUFFERED=1"));
}

TEST_F(Environment, GpusAreVisibleOnlyWhenGiven) {
  context.environment.emplace_back("CUDA_VISIBLE_DEVICES=9");
  EXPECT_TRUE(has("CUDA_VISIBLE_DEVICES=9"));
  placement.gpus = {2, 0};
  EXPECT_TRUE(has("CUDA_VISIBLE_DEVICES=2,0"));
  EXPECT_FALSE(has("CUDA_VISIBLE_DEVICES=9"));
}

TEST_F(Environment, WorkersAreLimitedWhereTheUserHasNotSaidSo) {
  context.environment.emplace_back("OMP_NUM_THREADS=64");
  EXPECT_TRUE(has("OMP_NUM_THREADS=64"));
  spec.max_workers = 1;
  EXPECT_TRUE(has("OMP_NUM_THREADS=1"));
  EXPECT_TRUE(has("LOKY_MAX_CPU_COUNT=1"));
  EXPECT_TRUE(has("REEVE_MAX_WORKERS=1"));
  spec.environment = {{"OMP_NUM_THREADS", "3"}};
  EXPECT_TRUE(has("OMP_NUM_THREADS=3"));
}

TEST_F(Environment, WorkersFollowTheCpusThatWereAskedFor) {
  spec.pin_cpus = true;
  spec.demand.cpus = 1;
  EXPECT_TRUE(has("REEVE_MAX_WORKERS=1"));
}

TEST_F(Environment, CheckpointsHaveAPlaceOnlyWhenThereIsOne) {
  for (const std::string& variable : made())
    EXPECT_FALSE(variable.starts_with("REEVE_CHECKPOINT_DIR="));
  checkpoint = "/state/checkpoints/7";
  EXPECT_TRUE(has("REEVE_CHECKPOINT_DIR=/state/checkpoints/7"));
}

TEST_F(Environment, MemoryIsToldOnlyWhenAskedFor) {
  EXPECT_FALSE(has("REEVE_MEMORY=0"));
  placement.memory_limit = 5000;
  EXPECT_TRUE(has("REEVE_MEMORY=5000"));
}

}  // namespace
}  // namespace reeve::test
