// Files, images and tables as reeve-data sees them: proper, half-written, damaged and hostile.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>
#include <zlib.h>

#include <filesystem>

#include "cli/results_judge.h"
#include "data/confinement.h"
#include "data/found_files.h"
#include "pipeline/check_option.h"
#include "support.h"

namespace reeve::test {
namespace {

namespace fs = std::filesystem;

std::string gzipped(const std::string& text) {
  std::string out(compressBound(text.size()) + 100, '\0');
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  deflate(&stream, Z_FINISH);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// Of one colour: rows take next to nothing, however many there are.
void write_png(const std::string& path, std::uint32_t width, std::uint32_t height, int interlace) {
  FILE* file = ::fopen(path.c_str(), "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_IHDR(png, info, width, height, 1, PNG_COLOR_TYPE_GRAY, interlace,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  const std::vector<unsigned char> row((width + 7) / 8, 0x5A);
  const int passes = png_set_interlace_handling(png);
  for (int pass = 0; pass < passes; ++pass)
    for (std::uint32_t y = 0; y < height; ++y) png_write_row(png, row.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  ::fclose(file);
}

void write_jpeg(const std::string& path, unsigned width, unsigned height) {
  FILE* file = ::fopen(path.c_str(), "wb");
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_stdio_dest(&jpeg, file);
  jpeg.image_width = width;
  jpeg.image_height = height;
  jpeg.input_components = 3;
  jpeg.in_color_space = JCS_RGB;
  jpeg_set_defaults(&jpeg);
  jpeg_start_compress(&jpeg, TRUE);
  std::vector<unsigned char> row(static_cast<std::size_t>(width) * 3);
  while (jpeg.next_scanline < jpeg.image_height) {
    for (std::size_t i = 0; i < row.size(); ++i)
      row[i] = static_cast<unsigned char>((i * 7 + 13UL * jpeg.next_scanline) % 251);
    JSAMPROW rows = row.data();
    jpeg_write_scanlines(&jpeg, &rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  ::fclose(file);
}

void cut(const std::string& path, std::size_t bytes) {
  ASSERT_EQ(::truncate(path.c_str(), static_cast<off_t>(bytes)), 0);
}

class DataCheck : public testing::Test {
 protected:
  void put(const std::string& name, std::string_view text) {
    fs::create_directories(fs::path(folder_.file(name)).parent_path());
    write_file(folder_.file(name), text);
  }
  [[nodiscard]] std::string path(const std::string& name) const { return folder_.file(name); }

  // By the real reeve-data.
  CheckOutcome check(const std::string& text) { return report({text}).checks.front(); }

  ValidationReport report(const std::vector<std::string>& texts) {
    request_.directory = folder_.path();
    request_.validation.checks.clear();
    for (const std::string& text : texts) {
      auto parsed = parse_check(text);
      EXPECT_TRUE(parsed) << text << ": " << (parsed ? "" : parsed.error().message);
      request_.validation.checks.push_back(parsed.value_or(Check{}));
    }
    EXPECT_EQ(find_fault(request_.validation, request_.params).value_or(""), "");
    const fs::path own = fs::read_symlink("/proc/self/exe");
    return cli::judge_results(request_, {own.parent_path() / "reeve-data", -1});
  }

  void expect_passed(const std::string& text) {
    const CheckOutcome out = check(text);
    EXPECT_EQ(out.verdict, CheckVerdict::passed) << text << ": " << out.message;
  }
  void expect_failed(const std::string& text, const std::string& message) {
    const CheckOutcome out = check(text);
    EXPECT_EQ(out.verdict, CheckVerdict::failed) << text << ": " << out.message;
    EXPECT_EQ(out.message, message) << text;
  }
  void expect_failed_with(const std::string& text, const std::string& part) {
    const CheckOutcome out = check(text);
    EXPECT_EQ(out.verdict, CheckVerdict::failed) << text << ": " << out.message;
    EXPECT_NE(out.message.find(part), std::string::npos) << text << ": " << out.message;
  }
  void expect_unknown_with(const std::string& text, const std::string& part) {
    const CheckOutcome out = check(text);
    EXPECT_EQ(out.verdict, CheckVerdict::unknown) << text << ": " << out.message;
    EXPECT_NE(out.message.find(part), std::string::npos) << text << ": " << out.message;
  }

  TemporaryFolder folder_;
  ValidationRequest request_;
};

TEST_F(DataCheck, FilesAreCountedAndMustNotBeEmpty) {
  put("a.txt", "1");
  put("sub/b.txt", "22");
  put("sub/deep/c.txt", "");
  put(".hidden/d.txt", "x");
  expect_passed("files a.txt");
  expect_passed("files **/*.txt count=3 size=0");
  expect_passed("files sub/* count=1");
  expect_failed("files **/c.txt", "sub/deep/c.txt is empty");
  expect_failed("files sub/b.txt size=3", "sub/b.txt has 2 bytes, expected 3 or more");
  expect_failed("files x*.txt", "no file fits `x*.txt`");
  expect_failed("files *.txt count=2..", "1 file fits `*.txt`, expected 2 or more");
  expect_failed("files *.txt count=..0", "1 file fits `*.txt`, expected 0");
  expect_passed("files x*.txt count=..0");
}

TEST_F(DataCheck, NameAndParametersFindTheirFile) {
  put("train*_3.txt", "1");
  request_.head.name = "train*";
  request_.params = {{"n", "3"}};
  expect_passed("files {name}_{n}.txt");
  request_.head.name = "trai?n";
  expect_failed("files {name}_{n}.txt", "no file fits `trai\\?n_3.txt`");
}

TEST_F(DataCheck, FileFromBeforeTheStartIsOld) {
  put("old.txt", "1");
  struct stat status{};
  ::stat(path("old.txt").c_str(), &status);
  request_.started_ms = status.st_mtim.tv_sec * 1000;
  expect_passed("files old.txt newer=true");
  request_.started_ms += 2000;
  expect_passed("files old.txt");
  expect_failed("files old.txt newer=true", "old.txt was not changed since the attempt started");
}

TEST_F(DataCheck, LinksOutsideFifosAndDevicesAreNoFiles) {
  put("inner/a.txt", "1");
  fs::create_symlink("/etc/passwd", path("out.txt"));
  fs::create_symlink("/dev/zero", path("zero.txt"));
  fs::create_symlink("inner/a.txt", path("in.txt"));
  fs::create_symlink("../../../../../../etc", path("etc"));
  fs::create_symlink("gone", path("none.txt"));
  fs::create_symlink(".", path("loop"));
  ASSERT_EQ(::mkfifo(path("fifo.txt").c_str(), 0600), 0);
  expect_passed("files in.txt");
  expect_passed("files loop/inner/a.txt");
  expect_passed("files **/a.txt count=1");
  expect_failed("files etc/passwd",
                "etc/passwd is a symbolic link that leaves the results directory");
  for (const char* kind : {"files", "images", "table"}) {
    expect_failed_with(std::string(kind) + " out.txt", "leaves the results directory");
    expect_failed_with(std::string(kind) + " zero.txt", "leaves the results directory");
    expect_failed_with(std::string(kind) + " none.txt", "gone");
    expect_failed_with(std::string(kind) + " fifo.txt", "no regular file");
  }
}

TEST_F(DataCheck, DeviceIsNeverOpened) {
  if (::mknod(path("device.txt").c_str(), S_IFCHR | 0600, makedev(1, 5)) != 0)
    GTEST_SKIP() << "no right to make a device";
  expect_failed_with("table device.txt", "no regular file");
}

TEST_F(DataCheck, ImagesDecode) {
  write_png(path("a.png"), 64, 48, PNG_INTERLACE_NONE);
  write_png(path("b.png"), 64, 48, PNG_INTERLACE_ADAM7);
  write_jpeg(path("c.jpg"), 64, 48);
  expect_passed("images *.* count=3 width=64 height=48");
  expect_failed("images a.png width=65", "a.png has the width 64, expected 65");
  expect_failed("images c.jpg height=49..", "c.jpg has the height 48, expected 49 or more");
}

TEST_F(DataCheck, HalfAnImageDoesNotDecode) {
  write_png(path("a.png"), 640, 480, PNG_INTERLACE_NONE);
  write_jpeg(path("c.jpg"), 640, 480);
  const std::string png = read_file(path("a.png"));
  const std::string jpeg = read_file(path("c.jpg"));
  for (const std::size_t part : {1U, 2U, 3U}) {
    cut(path("a.png"), png.size() * part / 4);
    expect_failed_with("images a.png", "does not decode");
    cut(path("c.jpg"), jpeg.size() * part / 4);
    expect_failed_with("images c.jpg", "does not decode");
    put("a.png", png);
    put("c.jpg", jpeg);
  }
  std::string damaged = png;
  damaged[damaged.size() / 2] ^= 0x40;
  put("a.png", damaged);
  expect_failed_with("images a.png", "does not decode");
  put("d.png", "<svg/>");
  expect_failed("images d.png", "d.png does not decode: it begins neither as a PNG nor as a JPEG");
}

TEST_F(DataCheck, ImageBombIsNotDecoded) {
  write_png(path("bomb.png"), 50'000, 50'000, PNG_INTERLACE_NONE);
  const CheckOutcome out = check("images bomb.png");
  EXPECT_EQ(out.verdict, CheckVerdict::unknown) << out.message;
  EXPECT_NE(out.message.find("50000 x 50000"), std::string::npos) << out.message;
  expect_failed("images bomb.png width=640", "bomb.png has the width 50000, expected 640");
}

TEST_F(DataCheck, TableIsJudgedByItsColumnsAndRows) {
  put("a.csv", "id,lat,when,ok\n1,2.5,2026-01-02,true\n2,-3,2026-01-03,false\n");
  expect_passed(
      "table a.csv columns=lat,id rows=2 unique=id no_missing=* range:lat=-90..90 "
      "type:id=integer type:lat=number type:when=date type:ok=boolean");
  expect_passed("table a.csv columns=id,when order=ordered");
  expect_passed("table a.csv columns=id,lat,when,ok order=exact");
  expect_failed("table a.csv columns=id,lon,x",
                "a.csv has no column `lon`, `x`; there are id, lat, when, ok");
  expect_failed("table a.csv columns=ID", "a.csv has no column `ID`; there are id, lat, when, ok");
  expect_failed("table a.csv columns=when,id order=ordered",
                "a.csv has the columns id, lat, when, ok, expected in the order when, id");
  expect_failed("table a.csv columns=id,lat order=exact",
                "a.csv has the columns id, lat, when, ok, expected exactly id, lat");
  expect_failed("table a.csv rows=3..", "a.csv has 2 rows, expected 3 or more");
  expect_failed("table a.csv rows=3", "a.csv has 2 rows, expected 3");
  expect_failed("table a.csv rows=4..9", "a.csv has 2 rows, expected 4 to 9");
  expect_failed("table a.csv rows=..1", "a.csv has 2 rows, expected at most 1");
  expect_failed("table a.csv range:lat=0..",
                "a.csv has 1 value in the column `lat` outside of 0 or more, such as `-3`");
  expect_failed("table a.csv type:lat=integer",
                "a.csv has 1 value in the column `lat` that is no whole number, such as `2.5`");
  EXPECT_EQ(check("table a.csv range:lat=-90..90").metrics.at("lat.min"), -3);
}

TEST_F(DataCheck, MissingRepeatedAndNotNumbers) {
  put("a.csv", "id,x,name\n1,,NA\n1,NaN,\n2,NA,Ann\n");
  expect_failed("table a.csv unique=id", "a.csv has 1 value of id more than once, such as `1`");
  expect_passed("table a.csv unique=id,name");
  expect_failed("table a.csv no_missing=x", "a.csv has 2 values missing in the column `x`");
  expect_failed("table a.csv no_missing=x type:x=number",
                "a.csv has 3 values missing in the column `x`");
  expect_failed("table a.csv no_missing=name", "a.csv has 1 value missing in the column `name`");
  expect_failed("table a.csv range:x=0..1",
                "a.csv has 1 value in the column `x` outside of 0 to 1, such as `NaN`");
  expect_passed("table a.csv type:x=number");
  expect_passed("table a.csv type:id=integer rows=3");
}

TEST_F(DataCheck, ShapesOfCsvThatAreProper) {
  put("bom.csv", "\xEF\xBB\xBFid;lat\r\n1;2\r\n3;4\r\n");
  put("quoted.csv", "id,\"a \"\"b\"\", c\"\n1,\"two\nlines, and \"\"quotes\"\"\"\n2,x\n");
  put("mixed.csv", "id,lat\n1,2\r\n3,4\n");
  put("no_end.csv", "id,lat\n1,2");
  put("blank.csv", "id,lat\n\n1,2\n\n");
  put("wide.tsv", "id\tlat\n1\t2\n");
  put("name.csv.gz", gzipped("id,lat\n1,2\n"));
  put("hidden.csv", gzipped("id,lat\n1,2\n"));
  expect_passed("table bom.csv delimiter=; columns=id,lat order=exact rows=2");
  expect_passed(R"({"kind": "table", "path": "quoted.csv", "columns": ["a \"b\", c"],
                    "rows_min": 2, "rows_max": 2})");
  expect_passed("table mixed.csv rows=2 range:lat=2..4");
  expect_passed("table no_end.csv rows=1");
  expect_passed("table blank.csv rows=1");
  expect_passed("table wide.tsv columns=lat rows=1");
  expect_passed("table name.csv.gz columns=lat rows=1");
  expect_passed("table hidden.csv columns=lat rows=1");
}

TEST_F(DataCheck, HalfWrittenTablesAreInvalid) {
  put("row.csv", "id,lat\n1,2\n3");
  put("quote.csv", "id,lat\n1,\"2\n3,4\n");
  put("more.csv", "id,lat\n1,2,3\n");
  put("empty.csv", "");
  put("newline.csv", "\nid,lat\n1,2\n");
  put("latin.csv", "id,lat\n1,\xe9\n");
  put("nul.csv", std::string_view("id,lat\n1,\0\n", 11));
  std::string rows = "id,lat\n";
  for (int i = 0; i < 20'000; ++i) rows += std::to_string(i) + "," + std::to_string(i * 7) + "\n";
  const std::string packed = gzipped(rows);
  put("cut.csv.gz", packed.substr(0, packed.size() / 2));
  std::string damaged = packed;
  damaged[damaged.size() - 6] ^= 0x10;  // its checksum
  put("damaged.csv.gz", damaged);
  put("half.jsonl", "{\"id\": 1}\n{\"id\":");
  put("array.jsonl", "[1, 2]\n");
  expect_failed_with("table row.csv", "Expected Number of Columns: 2 Found: 1");
  expect_failed_with("table quote.csv", "the quote that opens in line 2 is not closed");
  expect_failed_with("table more.csv", "Found: 3");
  expect_failed("table empty.csv", "empty.csv is empty");
  expect_failed_with("table newline.csv", "its first line is empty");
  expect_failed_with("table latin.csv no_missing=lat", "line 2 is not UTF-8");
  expect_failed_with("table nul.csv", "a NUL byte is in line 2");
  expect_failed_with("table cut.csv.gz", "it ends in the middle of the compressed data");
  expect_failed_with("table damaged.csv.gz", "its compressed data is damaged");
  expect_failed_with("table half.jsonl", "Malformed JSON");
  expect_failed_with("table array.jsonl", "is no proper table");
}

TEST_F(DataCheck, JsonLines) {
  put("a.jsonl", "{\"id\": 1, \"a/b~\": \"x\"}\n\n{\"id\": 2.5, \"extra\": null}\n");
  expect_passed("table a.jsonl columns=id,extra rows=2 type:id=number range:id=1..3");
  expect_passed("table a.jsonl columns=a/b~");
  expect_failed("table a.jsonl no_missing=a/b~",
                "a.jsonl has 1 value missing in the column `a/b~`");
  expect_failed("table a.jsonl type:id=integer",
                "a.jsonl has 1 value in the column `id` that is no whole number, such as `2.5`");
  expect_failed("table a.jsonl columns=x", "a.jsonl has no column `x`; there are id, a/b~, extra");
}

TEST_F(DataCheck, NamesThatWantToBeStatements) {
  const std::string name = R"(a"'; COPY (SELECT 1) TO 'made.txt'; --)";
  put("x'; DROP TABLE t; --.csv", "\"a\"\"'; COPY (SELECT 1) TO 'made.txt'; --\",b\n1,2\n");
  put("j.jsonl", to_line(json::object{{name, 1}}) + "\n");
  const auto wanted = [&](const std::string& file) {
    return to_line(json::object{{"kind", "table"},
                                {"path", file},
                                {"columns", {name}},
                                {"no_missing", {name}},
                                {"unique", {name}},
                                {"ranges", {{name, {{"min", 1}}}}},
                                {"types", {{name, "number"}}}});
  };
  expect_passed(wanted("x'; DROP*.csv"));
  expect_passed(wanted("j.jsonl"));
  EXPECT_FALSE(fs::exists(path("made.txt")));
}

TEST_F(DataCheck, HugeAndStrangeFilesDoNotHang) {
  put("sparse.csv", "id,lat\n1,2\n");
  cut(path("sparse.csv"), 1UL << 30);
  put("s.jsonl", "{}\n");
  cut(path("s.jsonl"), 1UL << 30);
  put("line.csv", std::string(limits::table_line_bytes_max + 10, 'x'));
  put("columns.csv", std::string(limits::table_columns_max, ',') + "\n");
  std::string bomb = "a,b\n";
  bomb.resize(30'000'000, 'x');
  put("bomb.csv.gz", gzipped(bomb));
  put("deep.jsonl", std::string(100'000, '[') + "\n");
  put("g.parquet", "PAR1garbage-garbage-garbage-PAR1");
  put("h.parquet", "PAR1" + std::string(64, '\xff') + "\xff\xff\xff\x7fPAR1");
  put("x.xyz", "1");
  expect_failed_with("table sparse.csv", "a NUL byte is in line 3");
  expect_failed_with("table s.jsonl", "a NUL byte");
  expect_failed_with("table line.csv", "line 1 has more than 2.0 MiB");
  expect_failed_with("table columns.csv", "more than 10000 columns");
  expect_failed_with("table bomb.csv.gz", "line 2 has more than 2.0 MiB");
  expect_failed_with("table deep.jsonl", "is no proper table");
  expect_failed_with("table g.parquet", "is no proper table");
  expect_failed_with("table h.parquet", "is no proper table");
  expect_unknown_with("table x.xyz", "its name does not tell the format");
  expect_failed_with("images sparse.csv", "begins neither");
}

TEST_F(DataCheck, ManyFaultsAreToldShortly) {
  for (int i = 0; i < 30; ++i) put("f" + std::to_string(i) + ".txt", "");
  const CheckOutcome out = check("files *.txt");
  EXPECT_EQ(out.verdict, CheckVerdict::failed);
  EXPECT_NE(out.message.find("and 25 more"), std::string::npos) << out.message;
  EXPECT_EQ(out.files.size(), limits::outcome_files_max);
  EXPECT_EQ(out.files_checked, 30);
}

TEST_F(DataCheck, TableThatNeedsMoreMemoryIsUnknown) {
  std::string rows = "id\n";
  for (int i = 0; i < 3'000'000; ++i) rows += std::to_string(i) + "\n";
  put("a.csv", rows);
  request_.memory = limits::validation_memory_min;
  const CheckOutcome out = check("table a.csv unique=id");
  EXPECT_EQ(out.verdict, CheckVerdict::unknown) << out.message;
  request_.scratch = path("scratch");
  fs::create_directory(request_.scratch);
  expect_passed("table a.csv unique=id");
}

TEST(Confinement, OnlyTheDirectoryCanBeRead) {
  if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION) < 1)
    GTEST_SKIP() << "the kernel has no Landlock";
  const TemporaryFolder folder;
  const TemporaryFolder other;
  write_file(folder.file("a"), "1");
  write_file(other.file("a"), "1");
  const auto can_open = [](const std::string& path, int flags) {
    return static_cast<bool>(Fd(::open(path.c_str(), flags | O_CLOEXEC, 0600)));
  };
  EXPECT_EQ(status_of_child([&] {
              if (!confine_self({1 << 30, 10, folder.path(), ""})) return 1;
              if (!can_open(folder.file("a"), O_RDONLY)) return 2;
              if (can_open(folder.file("a"), O_WRONLY)) return 3;
              if (can_open(folder.file("b"), O_WRONLY | O_CREAT)) return 4;
              if (can_open(other.file("a"), O_RDONLY) || can_open("/etc/passwd", O_RDONLY))
                return 5;
              return 0;
            }),
            0);
}

TEST(FoundFiles, MoreThanTheBoundAreTrouble) {
  // In memory where that can be had: thousands of files take seconds on some disks.
  std::string place = fs::is_directory("/dev/shm") ? "/dev/shm" : fs::temp_directory_path();
  place += "/reeve-unit-XXXXXX";
  ASSERT_NE(::mkdtemp(place.data()), nullptr);
  for (std::size_t i = 0; i < limits::check_files_max; ++i)
    ASSERT_TRUE(Fd(::open((place + "/" + std::to_string(i)).c_str(), O_CREAT | O_WRONLY, 0600)));
  const Fd directory(::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(find_files(directory.get(), *parse_glob("*")).paths.size(), limits::check_files_max);
  write_file(place + "/x", "");
  EXPECT_EQ(find_files(directory.get(), *parse_glob("*")).trouble,
            "more than 10000 files fit the path");
  fs::remove_all(place);
}

TEST(FoundFiles, FoldersTooDeepAreTrouble) {
  const TemporaryFolder folder;
  std::string deep = folder.path();
  for (std::size_t i = 0; i < limits::check_depth_max + 2; ++i) deep += "/d";
  fs::create_directories(deep);
  const Fd directory(::open(folder.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_NE(find_files(directory.get(), *parse_glob("**/x")).trouble, "");
  EXPECT_EQ(find_files(directory.get(), *parse_glob("d/d/*/x")).trouble, "");
}

}  // namespace
}  // namespace reeve::test
