// What in a line of output is progress, and what only looks like it.

#include "core/counters.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/output_segments.h"

namespace reeve::test {
namespace {

// "epoch 3/10, bar 45/100", with "…%" where only a percentage was told.
std::string found(std::string_view line, bool is_ended = true) {
  constexpr const char* kinds[] = {"part", "epoch", "step", "bar"};
  std::string text;
  for (const Counter& counter : find_counters(line, is_ended).counters) {
    if (!text.empty()) text += ", ";
    text += kinds[static_cast<std::size_t>(counter.kind)];
    text += counter.is_percent   ? fmt::format(" {:g}%", counter.done)
            : counter.total == 0 ? fmt::format(" {:.12g}", counter.done)
                                 : fmt::format(" {:.12g}/{:.12g}", counter.done, counter.total);
  }
  return text;
}

struct Case {
  const char* line;
  const char* expected;
};

TEST(Counters, BarsOfKnownProgramsAreRead) {
  for (const auto& [line, expected] : std::initializer_list<Case>{
           {" 45%|████▌     | 45/100 [00:10<00:12,  4.50it/s]", "bar 45/100"},
           {" 45%|####5     | 45/100 [00:10<00:12,  4.50it/s]", "bar 45/100"},
           {"  0%|          | 0/100 [00:00<?, ?it/s]", "bar 0/100"},
           {"Map:  40%|████      | 1.00M/2.50M [00:00<00:00, 3.5M examples/s]",
            "bar 1000000/2500000"},
           {" 45%|████▌     |", "bar 45%"},
           {"45it [00:10,  4.50it/s]", "bar 45"},
           {"read: 1.23Mrows [00:10, 123krows/s]", "bar 1230000"},
           {"0it [00:00, ?it/s]", "bar 0"},
           {"Epoch 2:  45%|████▌  | 45/100 [00:10<00:12, 4.5it/s, v_num=0]", "bar 45/100"},
           {"Epoch 3/10:  45%|████▌  | 45/100 [00:10<00:12, 4.5it/s, loss=0.5]",
            "epoch 3/10, bar 45/100"},
           {" 12/100 [==>...........................] - ETA: 5s - loss: 0.5123", "bar 12/100"},
           {" 12/100 ━━━━━━━━━━━━━━━━━━━━ 5s 10ms/step - accuracy: 0.4500 - loss: 1.2",
            "bar 12/100"},
           {" 45% (45 of 100) |#########      | Elapsed Time: 0:00:01 ETA: 0:00:01", "bar 45/100"},
           {"|██████████          | ▂▄▆ 29/60 [48%] in 1s (~0s, 83.5/s)", "bar 29/60"},
           {"Working... ━━━━━━━╸━━━━━━  40% 0:00:01", "bar 40%"},
           {"   ━━━━━━━━━━━━━╸━━━ 1.2/2.5 MB 5.0 MB/s eta 0:00:01", "bar 1.2/2.5"},
           {" 29000K .......... .......... .......... .......... ..........  45% 1.17G 0s",
            "bar 45%"},
           {"/dev/null   45%[========>          ]  12.61M  1.2MB/s    eta 5s", "bar 45%"},
           {"      1,234,567  45%    1.23MB/s    0:00:05", "bar 45%"},
           {"Receiving objects:  45% (450/1000), 1.20 MiB | 1.00 MiB/s", "bar 450/1000"},
           {"[########          ] | 45% Completed | 10.2s", "bar 45%"},
           {"  |==========          |  45%", "bar 45%"},
           {"<=====--------> 45% EXECUTING [5s]", "bar 45%"},
           {"   Building [=====>       ] 45/345: serde", "bar 45/345"},
           {"Progress:  45%|█████████       |  ETA: 0:00:05", "bar 45%"}})
    EXPECT_EQ(found(line), expected) << line;
}

TEST(Counters, CountsAndPercentagesThatSayWhatTheyAreAreRead) {
  for (const auto& [line, expected] : std::initializer_list<Case>{
           {"[3/7]", "step 3/7"},
           {"[3/7] Loading tables", "step 3/7"},
           {"[12/345] Building CXX object main.o", "step 12/345"},
           {"2026-11-22 10:00:00,123 INFO train: [ 3 / 7 ] fit", "step 3/7"},
           {"[ 45%] Building CXX object main.o", "bar 45%"},
           {"tests/test_a.py::test_b PASSED                       [ 45%]", "bar 45%"},
           {"(3/7) installing foo", "step 3/7"},
           {"3/7", "step 3/7"},
           {"45%", "bar 45%"},
           {"  45.5 %", "bar 45.5%"},
           {"epoch 3/10", "epoch 3/10"},
           {"Epoch 3/10 - loss: 0.5 - accuracy: 45%", "epoch 3/10"},
           {"Epoch: 3 of 10", "epoch 3/10"},
           {"Epoch [3/10], Step [100/600], Loss: 0.5", "epoch 3/10, step 100/600"},
           {"Train Epoch: 3 [6400/60000 (11%)]\tLoss: 0.5", "bar 6400/60000"},
           {"loss: 2.303494  [ 6400/60000]", "step 6400/60000"},
           {"Step 100/1000", "step 100/1000"},
           {"step=100/1000", "step 100/1000"},
           {"Iteration 1,234/10,000: residual 1e-3", "step 1234/10000"},
           {"iter 5/50", "step 5/50"},
           {"batch 5/50", "step 5/50"},
           {"Batches: 5/50", "step 5/50"},
           {"chunk 3 of 7", "step 3/7"},
           {"Fold 2/5", "part 2/5"},
           {"5 of 12 steps (42%) done", "bar 5/12"},
           {"5 of 12 steps done", "step 5/12"},
           {"Processed 3 out of 7 files", "step 3/7"},
           {"Downloading 3/7", "step 3/7"},
           {"Progress: 45%", "bar 45%"},
           {"progress=45%", "bar 45%"},
           {"Loading... 45%", "bar 45%"},
           {"45% complete", "bar 45%"},
           {"Import 45 % done", "bar 45%"},
           {"[ab/123456] process > FOO (3) [ 43%] 3 of 7", "bar 3/7"},
           {"[12/345678] process > FOO (3) [ 43%] 3 of 7", "bar 3/7"},
           {"[12/345678] FOO (3) | 3 of 7, cached: 1", "bar 3/7"}})
    EXPECT_EQ(found(line), expected) << line;
}

TEST(Counters, WhatOnlyLooksLikeProgressIsNone) {
  for (const char* line : {"on 3/7/2026 at 10:00",
                           "2026/03/07 10:00:00 start",
                           "date 3/7",
                           "reading /data/3/7/file",
                           "src/3/7.csv",
                           "version 3/7",
                           "accuracy 45%",
                           "Accuracy: 45/100 (45%)",
                           "Test set: Average loss: 0.05, Accuracy: 9832/10000 (98%)",
                           "val_acc=45%",
                           "CPU 45%",
                           "CPU [|||||      45%]",
                           "CPU usage: 45%",
                           "memory 45% used",
                           "disk is 45% full",
                           "45/100 passed",
                           "Tests passed: 45/100",
                           "3 of 7 files failed",
                           "3 of 7 files missing",
                           "TOTAL    100     55    45%",
                           "45% faster than before",
                           "rank 3/8",
                           "rank [3/8]",
                           "worker 3/8 started",
                           "attempt 2/3",
                           "retry [2/5]",
                           "GPU 1/4",
                           "1/1",
                           "step 1/1",
                           "[1/1] only",
                           "epoch 12/10",
                           "[8/7]",
                           "0/0",
                           "[0/0]",
                           "ratio 3/7",
                           "1920x1080 16/9",
                           "192.168.1.0/24",
                           "12:30/45",
                           "$3/7",
                           "[12/345678] Submitted process > FOO (3)",
                           "learning rate 1/2",
                           "the answer is 42",
                           "http 3/7ths",
                           "coverage: [ 45%]",
                           "-3/7",
                           "epoch 3",
                           "100 % Total    % Received % Xferd",
                           "  0 28.6M    0     0    0     0 --:--",
                           "45 %d",
                           "loss 0.45% 3",
                           "loss: 0.5",
                           "x = 3 / 7 * 2"})
    EXPECT_EQ(found(line), "") << line;
}

TEST(Counters, NumberThatMayGoOnIsNotRead) {
  EXPECT_EQ(found("Step 12/1", false), "");
  EXPECT_EQ(found("Step 12/100", false), "");
  EXPECT_EQ(found("Step 12/100 ", false), "step 12/100");
  EXPECT_EQ(found("[12/100]", false), "step 12/100");
  EXPECT_EQ(found(" 45%|████", false), "");
  EXPECT_EQ(found(" 45%|████  | 45/10", false), "");
  EXPECT_EQ(found(" 45%|████  |", false), "");
  EXPECT_EQ(found(" 45%|████  | 45/100 [", false), "bar 45/100");
}

TEST(Counters, RowsAreReadBesideWhatWasDoneWithThem) {
  EXPECT_EQ(find_counters("1,234,567 rows processed", true).rows, 1'234'567);
  EXPECT_EQ(find_counters("Processed 500 records in 3 s", true).rows, 500);
  EXPECT_EQ(find_counters("read: 1.5krows [00:10, 123rows/s]", true).rows, 1500);
  EXPECT_FALSE(find_counters("table has 500 rows", true).rows);
  EXPECT_FALSE(find_counters("3 arrows processed", true).rows);
  EXPECT_FALSE(find_counters("rows processed", true).rows);
}

TEST(Counters, AnyBytesAreRead) {
  std::string bytes;
  for (int i = 0; i < 20'000; ++i) bytes += static_cast<char>((i * 7919 + i / 251) % 256);
  for (const OutputSegment& segment : split_output(bytes)) {
    EXPECT_LE(segment.text.size(), segment_bytes_max);
    (void)find_counters(segment.text, segment.is_ended);
  }
  for (const char* line : {"%|",
                           "0%|",
                           "[",
                           "[/]",
                           "9/",
                           "/9",
                           "99999999999999999999/3",
                           "1/2 [",
                           "1it [",
                           "1it [0",
                           "[00/000000]",
                           "|",
                           "<",
                           "1,2,3/4",
                           "%",
                           "3 of ",
                           "3 out of",
                           "\xe2",
                           "\xe2\x96",
                           "5\xe2\x94\x81\xe2\x94\x81"})
    (void)find_counters(line, true);
}

TEST(OutputSegments, AreWhatWasShownInTurn) {
  const auto segments =
      split_output("one\rtwo\x1b[31m red\x1b[0m\n\n\x1b]0;title\athree\b\b\bfour");
  ASSERT_EQ(segments.size(), 4U);
  EXPECT_EQ(segments[0].text, "one");
  EXPECT_EQ(segments[1].text, "two red");
  EXPECT_EQ(segments[2].text, "three");
  EXPECT_EQ(segments[3].text, "four");
  EXPECT_TRUE(segments[2].is_ended);
  EXPECT_FALSE(segments[3].is_ended);
  EXPECT_EQ(segments[1].begin, 4);
}

TEST(OutputSegments, TellHowFarTheCursorWentUp) {
  const auto segments =
      split_output("outer\n\rinner\x1b[A\n\n\rinnermost\x1b[A\x1b[A\nnext\x1b[3A");
  ASSERT_EQ(segments.size(), 4U);
  EXPECT_EQ(segments[0].lines_up, 0);
  EXPECT_EQ(segments[1].lines_up, 1);
  EXPECT_EQ(segments[2].lines_up, 2);
  EXPECT_EQ(segments[3].lines_up, 3);
}

TEST(OutputSegments, EscapesThatAreCutHideNothingElse) {
  for (const char* bytes : {"a\x1b", "a\x1b[", "a\x1b[12;", "a\x1b]0;tit"}) {
    const auto segments = split_output(bytes);
    ASSERT_EQ(segments.size(), 1U) << bytes;
    EXPECT_EQ(segments[0].text, "a");
  }
}

}  // namespace
}  // namespace reeve::test
