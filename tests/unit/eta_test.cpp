// When a job will be done: how often the range holds the truth is measured here.

#include "core/eta.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>

namespace reeve::test {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

Progress at_fraction(double fraction, std::int32_t stage = 1) {
  Progress progress;
  progress.fraction = fraction;
  progress.stage = stage;
  return progress;
}

Duration in_seconds(double value) {
  return Duration(std::llround(value * 1000));
}

TEST(Eta, OfAConstantRateIsExact) {
  EtaEstimator estimator;
  for (int i = 0; i <= 45; ++i) estimator.observe(at_fraction(i / 100.0), seconds(i * 6));
  const auto eta = estimator.estimate(seconds(45 * 6));
  ASSERT_TRUE(eta);
  EXPECT_NEAR(static_cast<double>(eta->expected.count()), 330'000, 1000);
  EXPECT_EQ(describe(eta), "5 to 6 minutes");
}

TEST(Eta, IsUnknownWithTooFewSteps) {
  EtaEstimator estimator;
  EXPECT_FALSE(estimator.estimate(seconds(10)));
  for (int i = 0; i < 3; ++i) estimator.observe(at_fraction(i / 10.0), seconds(i * 60));
  EXPECT_FALSE(estimator.estimate(seconds(120)));
  estimator.observe(at_fraction(0.3), seconds(180));
  EXPECT_TRUE(estimator.estimate(seconds(180)));
}

TEST(Eta, IsUnknownDuringAStall) {
  EtaEstimator estimator;
  for (int i = 0; i <= 10; ++i) estimator.observe(at_fraction(i / 20.0), seconds(i * 10));
  EXPECT_TRUE(estimator.estimate(seconds(110)));
  EXPECT_FALSE(estimator.estimate(seconds(200)));
}

TEST(Eta, IsUnknownWhenTheEndIsReachedWithoutEnding) {
  EtaEstimator estimator;
  for (int i = 0; i <= 10; ++i) estimator.observe(at_fraction(i / 10.0), seconds(i * 10));
  EXPECT_FALSE(estimator.estimate(seconds(105)));
}

TEST(Eta, BeginsAnewWithEachStage) {
  EtaEstimator estimator;
  for (int i = 0; i <= 10; ++i) estimator.observe(at_fraction(i / 10.0), seconds(i));
  estimator.observe(at_fraction(0, 2), seconds(11));
  EXPECT_FALSE(estimator.estimate(seconds(12)));
  for (int i = 1; i <= 5; ++i) estimator.observe(at_fraction(i / 10.0, 2), seconds(11 + i * 100));
  const auto eta = estimator.estimate(seconds(511));
  ASSERT_TRUE(eta);
  EXPECT_NEAR(static_cast<double>(eta->expected.count()), 500'000, 25'000);
}

TEST(Eta, IsUnknownWhereThePaceIsWild) {
  EtaEstimator estimator;
  double time = 0;
  for (int i = 0; i <= 8; ++i) {
    estimator.observe(at_fraction(i / 40.0), in_seconds(time));
    time += i % 3 == 2 ? 3000 : 5;
  }
  EXPECT_FALSE(estimator.estimate(in_seconds(time - 5)));
}

TEST(Eta, NothingThatIsObservedBreaksIt) {
  EtaEstimator estimator;
  std::mt19937 random(1);
  std::uniform_real_distribution<double> any(0, 1);
  for (int i = 0; i < 100'000; ++i) {
    estimator.observe(at_fraction(any(random), static_cast<std::int32_t>(any(random) * 1.01)),
                      seconds(i / 3));
    const auto eta = estimator.estimate(seconds(i / 3));
    if (!eta) continue;
    EXPECT_GE(eta->low.count(), 0);
    EXPECT_LE(eta->low, eta->expected);
    EXPECT_LE(eta->expected, eta->high);
  }
}

// A run: how long each of `steps` steps takes; and what was claimed on the way.
struct Claims {
  int made = 0;
  int held = 0;
  int asked = 0;
  double width = 0;  // mean of high / low, of those made
};

using Pace = std::function<double(int step, int steps, std::mt19937& random)>;

Claims simulate(const Pace& pace, int steps, int runs) {
  Claims claims;
  for (int run = 0; run < runs; ++run) {
    std::mt19937 random(static_cast<unsigned>(run) + 1);
    std::vector<double> ends{0};
    for (int i = 0; i < steps; ++i) ends.push_back(ends.back() + pace(i, steps, random));
    EtaEstimator estimator;
    std::size_t step = 0;
    // Looked at every two seconds, asked at tenths of the time.
    int next_tenth = 2;
    for (double now = 0; now < ends.back(); now += 2) {
      while (step + 1 < ends.size() && ends[step + 1] <= now) ++step;
      estimator.observe(at_fraction(static_cast<double>(step) / steps), in_seconds(now));
      if (now < ends.back() * next_tenth / 10) continue;
      ++next_tenth;
      ++claims.asked;
      const auto eta = estimator.estimate(in_seconds(now));
      if (!eta) continue;
      ++claims.made;
      const Duration left = in_seconds(ends.back() - now);
      claims.held += eta->low <= left && left <= eta->high ? 1 : 0;
      claims.width += static_cast<double>(eta->high.count()) /
                      static_cast<double>(std::max<std::int64_t>(eta->low.count(), 1000));
    }
  }
  claims.width /= std::max(claims.made, 1);
  return claims;
}

double uniform(std::mt19937& random, double from, double to) {
  return std::uniform_real_distribution<double>(from, to)(random);
}

struct Scenario {
  const char* name;
  Pace pace;
  int steps;
  double held_min;  // share of the claims that hold
  double made_min;  // share of the questions that get an answer
};

TEST(Eta, RangeHoldsTheTruthInNineClaimsOfTen) {
  const std::vector<Scenario> scenarios{
      {"constant", [](int, int, std::mt19937&) { return 1.0; }, 1000, 0.99, 0.99},
      {"noisy steps", [](int, int, std::mt19937& r) { return uniform(r, 0.2, 1.8); }, 500, 0.9,
       0.95},
      {"few steps", [](int, int, std::mt19937& r) { return uniform(r, 40, 80); }, 10, 0.9, 0.5},
      {"rare long steps",
       [](int, int, std::mt19937& r) { return uniform(r, 0, 1) < 0.05 ? 20.0 : 1.0; }, 500, 0.9,
       0.7},
      {"slowing to half the pace",
       [](int i, int n, std::mt19937& r) {
         return (1 + static_cast<double>(i) / n) * uniform(r, 0.8, 1.2);
       },
       500, 0.85, 0.9},
      {"getting faster",
       [](int i, int n, std::mt19937& r) {
         return (2 - static_cast<double>(i) / n) * uniform(r, 0.8, 1.2);
       },
       500, 0.85, 0.9},
      {"epochs with a checkpoint after each tenth step",
       [](int i, int, std::mt19937& r) { return uniform(r, 4, 6) + (i % 10 == 9 ? 10.0 : 0.0); },
       100, 0.9, 0.9},
  };
  for (const Scenario& scenario : scenarios) {
    const Claims claims = simulate(scenario.pace, scenario.steps, 300);
    const double held = static_cast<double>(claims.held) / claims.made;
    const double made = static_cast<double>(claims.made) / claims.asked;
    SCOPED_TRACE(fmt::format("{}: {:.3f} held, {:.3f} answered, high is {:.2f} of low",
                             scenario.name, held, made, claims.width));
    EXPECT_GE(held, scenario.held_min);
    EXPECT_GE(made, scenario.made_min);
    EXPECT_LE(claims.width, 3) << "a range that says nothing is no claim";
  }
}

TEST(Eta, OfEarlierRunsIsTheirUsualTime) {
  const auto eta =
      estimate_from_runs({minutes(10), minutes(11), minutes(9), minutes(10)}, minutes(4));
  ASSERT_TRUE(eta);
  EXPECT_EQ(eta->basis, EtaBasis::earlier_runs);
  EXPECT_EQ(eta->expected, minutes(6));
  EXPECT_LE(eta->low, minutes(5));
  EXPECT_GE(eta->high, minutes(7));
}

TEST(Eta, IsUnknownWhereEarlierRunsTellNothing) {
  EXPECT_FALSE(estimate_from_runs({minutes(10), minutes(10)}, minutes(1)));
  EXPECT_FALSE(estimate_from_runs({minutes(10), minutes(10), minutes(10)}, minutes(12)))
      << "longer than ever";
  EXPECT_FALSE(estimate_from_runs({minutes(1), minutes(60), minutes(600)}, minutes(1)))
      << "too different";
  EXPECT_FALSE(estimate_from_runs({}, minutes(1)));
}

TEST(Eta, RangeOfEarlierRunsHoldsTheTruth) {
  int held = 0;
  int made = 0;
  for (unsigned run = 0; run < 3000; ++run) {
    std::mt19937 random(run + 1);
    std::lognormal_distribution<double> duration(std::log(600), 0.2);
    std::vector<Duration> earlier;
    for (unsigned i = 0; i < 3 + run % 10; ++i) earlier.push_back(in_seconds(duration(random)));
    const Duration truth = in_seconds(duration(random));
    const Duration active = truth * (run % 7) / 10;
    const auto eta = estimate_from_runs(earlier, active);
    if (!eta) continue;
    ++made;
    held += active + eta->low <= truth && truth <= active + eta->high ? 1 : 0;
  }
  EXPECT_GE(made, 2500);
  EXPECT_GE(static_cast<double>(held) / made, 0.85);
}

TEST(Eta, IsToldInWords) {
  const auto words = [](Duration low, Duration expected, Duration high) {
    return describe(Eta{expected, low, high, EtaBasis::progress});
  };
  EXPECT_EQ(words(minutes(5), minutes(5), minutes(5)), "5 minutes");
  EXPECT_EQ(words(seconds(280), minutes(5), seconds(320)), "5 minutes");
  EXPECT_EQ(words(minutes(4), minutes(5), minutes(6)), "4 to 6 minutes");
  EXPECT_EQ(words(seconds(0), seconds(20), seconds(41)), "up to 40 seconds");
  EXPECT_EQ(words(seconds(0), seconds(0), seconds(0)), "up to 1 second");
  EXPECT_EQ(words(seconds(7), seconds(8), seconds(9)), "7 to 9 seconds");
  EXPECT_EQ(words(minutes(170), minutes(185), minutes(190)), "3 hours");
  EXPECT_EQ(words(minutes(60 * 70), minutes(60 * 72), minutes(60 * 100)), "3 to 4 days");
  EXPECT_EQ(describe(std::optional<Eta>{}), "unknown");
}

TEST(Eta, LineHasTheDocumentedForm) {
  Progress progress = at_fraction(0.45);
  progress.rows = 1'234'567;
  const Eta eta{minutes(5), minutes(5), minutes(5), EtaBasis::progress};
  EXPECT_EQ(progress_line(progress, eta),
            "Progress: 45% complete, 1,234,567 rows processed, ETA: 5 minutes");
  EXPECT_EQ(progress_line(at_fraction(0.45), std::nullopt), "Progress: 45% complete, ETA: unknown");
  EXPECT_EQ(progress_line(at_fraction(0.45, 2), eta),
            "Progress: 45% of stage 2 complete, ETA of the stage: 5 minutes");
}

}  // namespace
}  // namespace reeve::test
