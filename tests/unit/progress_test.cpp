// How far a job is: from its output, and as it tells.

#include "core/progress.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/limits.h"
#include "support.h"

namespace reeve::test {
namespace {

std::string sample(const std::string& name) {
  return read_file(std::string(REEVE_SOURCE_DIR) + "/tests/unit/progress_samples/" + name);
}

// A log that grows: the tracker sees its last 4 KiB after each piece.
class Watched {
 public:
  void write(std::string_view bytes) {
    log_ += bytes;
    const std::size_t from = log_.size() - std::min<std::size_t>(log_.size(), 4096);
    tracker_.read_output(std::string_view(log_).substr(from), static_cast<std::int64_t>(from));
  }

  [[nodiscard]] double fraction() const {
    return tracker_.shown() && tracker_.shown()->fraction ? *tracker_.shown()->fraction : -1;
  }
  [[nodiscard]] int stage() const { return tracker_.shown() ? tracker_.shown()->stage : 0; }
  [[nodiscard]] const Progress& shown() const { return *tracker_.shown(); }
  [[nodiscard]] bool is_known() const { return tracker_.shown().has_value(); }
  ProgressTracker& tracker() { return tracker_; }

 private:
  std::string log_;
  ProgressTracker tracker_;
};

// Writes it in pieces of some bytes; fails when what is shown runs backwards within a stage.
Watched replay(const std::string& log, std::size_t piece) {
  Watched watched;
  double before = -1;
  int stage = 0;
  for (std::size_t at = 0; at < log.size(); at += piece) {
    watched.write(std::string_view(log).substr(at, piece));
    if (watched.stage() == stage) EXPECT_GE(watched.fraction(), before) << "at " << at;
    EXPECT_GE(watched.stage(), stage);
    EXPECT_LE(watched.fraction(), 1);
    before = watched.fraction();
    stage = watched.stage();
  }
  return watched;
}

TEST(Progress, OfRealProgramsReachesTheEndInOneStage) {
  for (const char* name :
       {"tqdm_scaled.txt", "tqdm_percent_only.txt", "tqdm_nested.txt", "tqdm_nested_unnamed.txt",
        "tqdm_epochs.txt", "keras.txt", "alive_progress.txt", "progressbar2.txt", "rich.txt"})
    for (const std::size_t piece : {1U, 7U, 100U, 700U, 4096U}) {
      SCOPED_TRACE(fmt::format("{} in pieces of {}", name, piece));
      const Watched watched = replay(sample(name), piece);
      EXPECT_DOUBLE_EQ(watched.fraction(), 1);
      EXPECT_EQ(watched.stage(), 1);
    }
}

TEST(Progress, RowsOfABarWithoutTotalAreCounted) {
  const Watched watched = replay(sample("tqdm_rows_without_total.txt"), 50);
  EXPECT_FALSE(watched.shown().fraction);
  EXPECT_EQ(watched.shown().rows, 100);
  EXPECT_EQ(watched.shown().done, 100);
}

TEST(Progress, EpochAndBatchCountTogether) {
  Watched watched;
  watched.write("Epoch 1/10\n");
  EXPECT_DOUBLE_EQ(watched.fraction(), 0);
  watched.write("\r 12/100 [==>....] - ETA: 5s");
  EXPECT_NEAR(watched.fraction(), 0.012, 1e-9);
  watched.write("\r100/100 [======] - 5s\nEpoch 2/10\n");
  EXPECT_NEAR(watched.fraction(), 0.1, 1e-9);
  watched.write("\r 50/100 [==>...] - ETA: 5s");
  EXPECT_NEAR(watched.fraction(), 0.15, 1e-9);
  EXPECT_EQ(watched.stage(), 1);
  EXPECT_EQ(watched.shown().done, 2);
  EXPECT_EQ(watched.shown().total, 10);
  EXPECT_EQ(watched.shown().text, "epoch 2/10, 50/100");
}

TEST(Progress, HeadingIsRememberedWhenItHasLeftTheTail) {
  Watched watched;
  watched.write("Epoch 3/10\n");
  for (int i = 1; i <= 90; ++i)
    watched.write(
        fmt::format("\r{:3}/100 [====>....] - ETA: 5s - loss: 0.5 {}", i, std::string(100, '-')));
  EXPECT_NEAR(watched.fraction(), 0.3, 1e-9) << "it was shown as three epochs at first";
  watched.write("\r100/100 [======] -\nEpoch 4/10\n\r 50/100 [==>...] -");
  EXPECT_NEAR(watched.fraction(), 0.35, 1e-9);
}

TEST(Progress, PlainCountsAreWhatTheySay) {
  for (const auto& [line, fraction] :
       std::initializer_list<std::pair<const char*, double>>{{"[3/7]\n", 3.0 / 7},
                                                             {"45%\n", 0.45},
                                                             {"epoch 3/10\n", 0.3},
                                                             {"Step 100/1000\n", 0.1},
                                                             {"chunk 3 of 7\n", 3.0 / 7},
                                                             {"Progress: 45%\n", 0.45}}) {
    Watched watched;
    watched.write(line);
    EXPECT_DOUBLE_EQ(watched.fraction(), fraction) << line;
  }
}

TEST(Progress, EpochsCountedFromZeroNeverGoBeyondTheEnd) {
  Watched watched;
  for (int epoch = 0; epoch < 10; ++epoch)
    for (int i = 0; i <= 100; i += 20)
      watched.write(
          fmt::format("\rEpoch {}/9: {:3}%|###| {}/100 [00:01<00:02, 4it/s]", epoch, i, i));
  EXPECT_NEAR(watched.fraction(), 1, 1e-9);
  Watched other;
  for (int epoch = 0; epoch < 10; ++epoch) other.write(fmt::format("Epoch {}/9 loss 0.5\n", epoch));
  EXPECT_NEAR(other.fraction(), 0.9, 1e-9);
}

TEST(Progress, EpochsThatAreToldAfterTheirBarCountAsDone) {
  Watched watched;
  for (int epoch = 1; epoch <= 4; ++epoch) {
    watched.write("\r 50%|#####     | 50/100 [00:01<00:02, 4it/s]\r");
    if (epoch > 1) EXPECT_NEAR(watched.fraction(), (epoch - 1 + 0.5) / 4, 1e-9);
    watched.write("\r100%|##########| 100/100 [00:01<00:02, 4it/s]\n");
    watched.write(fmt::format("Epoch {}/4: loss 0.5\n", epoch));
  }
  EXPECT_NEAR(watched.fraction(), 1, 1e-9);
  EXPECT_EQ(watched.stage(), 2) << "the first bar was all that was known";
}

TEST(Progress, BarThatStartsOverIsTheNextStage) {
  Watched watched;
  watched.write("\r100%|####| 100/100 [00:01<00:00, 4it/s]\n");
  EXPECT_EQ(watched.stage(), 1);
  watched.write("\r  3%|    | 3/100 [00:01<00:00, 4it/s]\r");
  EXPECT_EQ(watched.stage(), 2);
  EXPECT_DOUBLE_EQ(watched.fraction(), 0.03);
  watched.write(
      "\r100%|####| 100/100 [00:01<00:00, 4it/s]\nfit:  10%|#   | 5/50 [0:1<0:1, 4it/s]\r");
  EXPECT_EQ(watched.stage(), 3);
  EXPECT_EQ(describe(watched.shown()), "10% of stage 3 complete");
}

TEST(Progress, BarsThatAreDrawnInTurnAreOneStage) {
  Watched watched;
  for (int i = 1; i <= 100; ++i)
    for (int worker = 1; worker <= 4; ++worker)
      watched.write(fmt::format("\nworker {}: {:3}%|###| {}/100 [00:01<00:02, 4it/s]\r", worker,
                                std::max(0, i - worker * 2), std::max(0, i - worker * 2)));
  EXPECT_EQ(watched.stage(), 1);
  EXPECT_NEAR(watched.fraction(), 0.98, 0.02);
}

TEST(Progress, UnnamedBarsOfSeveralProcessesDoNotRunBackwards) {
  Watched watched;
  double before = 0;
  for (int i = 20; i <= 99; ++i)
    for (const int late : {0, 9, 4}) {
      watched.write(fmt::format("\r{:3}%|###| {}/100 [00:01<00:02, 4it/s]", i - late, i - late));
      EXPECT_GE(watched.fraction(), before);
      before = watched.fraction();
    }
  EXPECT_EQ(watched.stage(), 1);
}

TEST(Progress, CutLinesAreNotRead) {
  ProgressTracker tracker;
  tracker.read_output("5/100 done\nnothing\n", 4096);
  EXPECT_FALSE(tracker.shown()) << "it may have been 45/100, or a score";
  tracker.read_output("5/100 done\nstep 6/100\n", 9000);
  ASSERT_TRUE(tracker.shown());
  EXPECT_EQ(tracker.shown()->done, 6);
}

TEST(Progress, LineThatDoesNotGoOnIsRead) {
  ProgressTracker tracker;
  tracker.read_output("\n45%", 100);
  EXPECT_FALSE(tracker.shown()) << "a bar may follow";
  tracker.read_output("\n45%", 100);
  ASSERT_TRUE(tracker.shown());
  EXPECT_DOUBLE_EQ(*tracker.shown()->fraction, 0.45);
}

TEST(Progress, NothingIsReadTwice) {
  ProgressTracker tracker;
  const std::string log = "[90/100] a\n[99/100] b\n";
  tracker.read_output(log, 0);
  tracker.read_output(log, 0);
  EXPECT_EQ(tracker.shown()->stage, 1);
  EXPECT_DOUBLE_EQ(*tracker.shown()->fraction, 0.99);
}

TEST(Progress, OnlyTheEndOfAHugeTailIsRead) {
  ProgressTracker tracker;
  tracker.read_output("step 5/100\n" + std::string(limits::progress_output_bytes_max, 'x'), 0);
  EXPECT_FALSE(tracker.shown());
  tracker.read_output("\n" + std::string(limits::progress_output_bytes_max, 'x') + "\nstep 5/100\n",
                      1'000'000);
  EXPECT_TRUE(tracker.shown());
}

TEST(Progress, OutputWithoutProgressShowsNone) {
  Watched watched;
  for (int i = 0; i < 100; ++i)
    watched.write(fmt::format("2026-11-22 10:00:{:02} INFO accuracy {}% on 3/7/2026\n", i % 60, i));
  EXPECT_FALSE(watched.is_known());
}

TEST(Progress, WhatTheJobTellsCountsMoreThanItsOutput) {
  Watched watched;
  watched.write("[6/7]\n");
  watched.tracker().tell(*parse_progress("45"));
  watched.write("[7/7]\n");
  EXPECT_DOUBLE_EQ(watched.fraction(), 0.45);
  Progress file = *parse_progress("50");
  file.source = ProgressSource::status_file;
  watched.tracker().tell(file);
  EXPECT_DOUBLE_EQ(watched.fraction(), 0.45) << "the file counts less than what is told";
}

TEST(Progress, ToldProgressDoesNotRunBackwards) {
  ProgressTracker tracker;
  tracker.tell(*parse_progress("45"));
  tracker.tell(*parse_progress("44"));
  EXPECT_DOUBLE_EQ(*tracker.shown()->fraction, 0.45);
  Progress rows;
  rows.source = ProgressSource::told;
  rows.rows = 100;
  tracker.tell(rows);
  rows.rows = 90;
  tracker.tell(rows);
  EXPECT_EQ(tracker.shown()->rows, 100);
  EXPECT_DOUBLE_EQ(*tracker.shown()->fraction, 0.45) << "rows alone change nothing else";
  tracker.tell(*parse_progress("2/100"));
  EXPECT_EQ(tracker.shown()->stage, 2);
  EXPECT_EQ(tracker.shown()->done, 2);
}

TEST(Progress, IsDescribedInTheDocumentedForm) {
  Progress progress = *parse_progress("45");
  progress.rows = 1'234'567;
  EXPECT_EQ(describe(progress), "45% complete, 1,234,567 rows processed");
  EXPECT_EQ(describe(*parse_progress("29")), "29% complete");
  EXPECT_EQ(describe(*parse_progress("99.99")), "99% complete");
  EXPECT_EQ(describe(*parse_progress("7/7")), "100% complete");
  EXPECT_EQ(describe(Progress{}), "unknown");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1000), "1,000");
  EXPECT_EQ(grouped(-123456), "-123,456");
}

TEST(Progress, OnlySensibleValuesAreTaken) {
  EXPECT_DOUBLE_EQ(*parse_progress("45.5%")->fraction, 0.455);
  EXPECT_DOUBLE_EQ(*parse_progress("0")->fraction, 0);
  EXPECT_DOUBLE_EQ(*parse_progress("3/4")->fraction, 0.75);
  for (const char* bad : {"", "%", "-1", "101", "100.1%", "nan", "1e2", "3/", "/3", "4/3", "0/0",
                          "-1/3", "45 %", "1/2/3", " 45", "45x", "99999999999999999999"})
    EXPECT_FALSE(parse_progress(bad)) << bad;
}

}  // namespace
}  // namespace reeve::test
