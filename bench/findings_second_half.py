"""Programs that the rules were not begun with. Most logs of both halves are tests by now."""
from findings_program import Program, bash, c, cpp, java, python

FAILING = [
    python("python_import", "import numby\n", r"ModuleNotFoundError: No module named 'numby'"),
    python("python_bare_assertion", "rows = []\nassert rows\n", r"AssertionError"),
    python("python_pool", """\
import multiprocessing
def square(x): return x * x if x != 3 else [][x]
if __name__ == "__main__":
    with multiprocessing.Pool(2) as pool: print(pool.map(square, range(5)))
""", r"IndexError: list index out of range"),
    python("python_task_not_retrieved", """\
import asyncio
async def upload(): raise OSError("link down")
async def main():
    task = asyncio.create_task(upload())
    await asyncio.sleep(0.05)
    del task
asyncio.run(main())
print("finished")
""", r"OSError: link down", exits_zero=True),
    python("python_subprocess", """\
import subprocess
subprocess.run(["false"], check=True)
""", r"CalledProcessError: Command '\['false'\]'"),
    python("python_recursion", "def f(n): return f(n + 1)\nf(0)\n", r"RecursionError"),
    python("python_decode", "open('x', 'wb').write(b'\\xff\\xfe')\nopen('x', encoding='utf8').read()\n",
           r"UnicodeDecodeError: 'utf-8' codec"),
    python("python_own_exception", """\
class GridMismatch(Exception): pass
raise GridMismatch("expected 64x64, found 64x63")
""", r"GridMismatch: expected 64x64"),
    python("python_exit_words", "import sys\nsys.exit('Error: no stations in the region')\n",
           r"no stations in the region"),
    python("python_bracket_levels", """\
import logging
logging.basicConfig(format="[%(asctime)s][%(name)s][%(levelname)s] - %(message)s")
logging.getLogger("sync").critical("replica lost")
""", r"replica lost", exits_zero=True),
    python("python_dashed_levels", """\
import logging
logging.basicConfig(format="%(asctime)s - %(name)s - %(levelname)s - %(message)s")
logging.getLogger("pipeline.clean").error("column lat has 40 % gaps")
""", r"column lat has 40", exits_zero=True),
    python("loguru_exception", """\
from loguru import logger
try:
    {}["x"]
except KeyError:
    logger.exception("cannot merge")
""", r"KeyError: 'x'", exits_zero=True, modules="loguru"),
    python("structlog_error", """\
import structlog
structlog.get_logger().info("start")
structlog.get_logger().error("tile unreadable", tile=7)
""", r"tile unreadable", exits_zero=True, modules="structlog"),
    python("joblib_worker", """\
from joblib import Parallel, delayed
def invert(x): return 1 / x
print(Parallel(n_jobs=2)(delayed(invert)(x) for x in (2, 1, 0)))
""", r"ZeroDivisionError: division by zero", modules="joblib"),
    python("numpy_singular", """\
import numpy as np
np.linalg.inv(np.zeros((3, 3)))
""", r"LinAlgError: Singular matrix", modules="numpy"),
    python("pandas_broken_csv", """\
import pandas as pd
open("x.csv", "w").write("a,b\\n1,2\\n1,2,3,4\\n")
pd.read_csv("x.csv")
""", r"ParserError: Error tokenizing data", modules="pandas"),
    python("requests_refused", """\
import requests
requests.get("http://127.0.0.1:1/rows")
""", r"ConnectionError: .*127.0.0.1", modules="requests"),
    Program("unittest_fails", "/usr/bin/python3 -m unittest test_main.py", r"FAILED|test_rows",
            {"test_main.py": "import unittest\nclass T(unittest.TestCase):\n"
                             "    def test_rows(self): self.assertEqual(1, 2)\n"}),
    Program("python_file_missing", "/usr/bin/python3 nowhere.py; echo next", r"can't open file",
            exits_zero=True),
    Program("go_does_not_build", "go run main.go", r"undefined: x",
            {"main.go": "package main\n\nfunc main() {\n\tprintln(x)\n}\n"}, needs="go"),
    Program("go_test_fails", "go mod init example && go test ./...", r"TestSum|FAIL|example",
            {"main_test.go": 'package main\n\nimport "testing"\n\n'
                             'func TestSum(t *testing.T) { t.Error("1 + 1 is not 3") }\n'},
            needs="go"),
    Program("go_deadlock", "go run main.go", r"all goroutines are asleep",
            {"main.go": "package main\n\nfunc main() {\n\t<-make(chan int)\n}\n"}, needs="go"),
    Program("rust_does_not_build", "rustc main.rs", r"cannot find value `rows`",
            {"main.rs": "fn main() { println!(\"{}\", rows); }\n"}, needs="rustc"),
    Program("rust_main_fails", "rustc main.rs && ./main", r"not a number|ParseIntError",
            {"main.rs": "fn main() -> Result<(), std::num::ParseIntError> "
                        "{ \"x\".parse::<i32>()?; Ok(()) }\n"}, needs="rustc"),
    Program("node_module_missing", "node main.js", r"Cannot find module 'no-such-module'",
            {"main.js": "require('no-such-module');\n"}, needs="node"),
    Program("node_syntax", "node main.js", r"SyntaxError: ", {"main.js": "function f( {\n"},
            needs="node"),
    Program("npm_script_missing", "npm run build", r"Missing script",
            {"package.json": '{"name": "x", "version": "1.0.0", "scripts": {}}'},
            needs="npm"),
    Program("ruby_raises", "ruby main.rb", r"no rows",
            {"main.rb": "def load\n  raise ArgumentError, 'no rows'\nend\nload\n"}, needs="ruby"),
    Program("php_uncaught", "php main.php", r"no rows",
            {"main.php": "<?php\nfunction load() { throw new Exception('no rows'); }\nload();\n"},
            needs="php"),
    Program("lua_error", "lua5.4 main.lua", r"no rows", {"main.lua": "error('no rows')\n"},
            needs="lua5.4"),
    Program("awk_syntax", "echo 1 | awk '{ print $1 '", r"syntax error|unexpected|end of file",
            needs="awk"),
    bash("jq_parse", "echo '{broken' | jq .\necho next\n", r"parse error", needs="jq bash",
         exits_zero=True),
    bash("wget_refused", "wget -t 1 http://127.0.0.1:1/x\necho next\n", r"Connection refused",
         needs="wget bash", exits_zero=True),
    bash("ssh_refused", "ssh -p 1 -o BatchMode=yes 127.0.0.1 true\necho next\n",
         r"Connection refused", needs="ssh bash", exits_zero=True),
    bash("rsync_missing", "rsync -a nowhere/ there/\necho next\n", r"some files/attrs|No such file",
         needs="rsync bash", exits_zero=True),
    bash("gzip_no_archive", "echo text >x.gz\ngzip -d <x.gz >x\necho next\n",
         r"not in gzip format", exits_zero=True),
    bash("unzip_no_archive", "echo text >x.zip\nunzip x.zip\necho next\n",
         r"cannot find|End-of-central", needs="unzip bash", exits_zero=True),
    bash("xz_broken", "echo text >x.xz\nxz -d x.xz\necho next\n", r"not recognized", needs="xz bash",
         exits_zero=True),
    Program("cmake_error", "cmake -S . -B b", r"no_such_package",
            {"CMakeLists.txt": "cmake_minimum_required(VERSION 3.5)\nproject(x NONE)\n"
                               "find_package(no_such_package REQUIRED)\n"}, needs="cmake"),
    Program("ninja_fails", "ninja", r"FAILED|build stopped|out",
            {"build.ninja": "rule r\n  command = false\nbuild out: r\n"}, needs="ninja"),
    c("linker", "int rows(void);\nint main() { return rows(); }\n", r"undefined reference to `rows'"),
    cpp("cpp_bad_alloc", "int main() { for (;;) new char[1UL << 45]; }\n", r"bad_alloc"),
    c("c_stack_smashing", "#include <string.h>\nint main(int n, char **v) { char x[4]; "
      "strcpy(x, \"far too long for this array\"); return x[n]; }\n", r"smashing|overflow",
      flags="-O0 -fstack-protector-all -U_FORTIFY_SOURCE"),
    c("c_double_free", "#include <stdlib.h>\nint main() { void *p = malloc(9000); free(p); free(p); }\n",
      r"double free|free\(\)"),
    c("undefined_behaviour", "#include <limits.h>\nint main(int n, char **v) { int x = INT_MAX; "
      "x += n; return x == 3; }\n", r"signed integer overflow", flags="-fsanitize=undefined",
      exits_zero=True),
    c("valgrind_read", "#include <stdlib.h>\nint main() { int *p = malloc(4); volatile int x = p[2]; return 0; }\n",
      r"ERROR SUMMARY: [1-9]|Invalid read", command="valgrind ./main", flags="-g -O0",
      exits_zero=True),
    Program("bash_crash_exit_zero", "gcc -w -o main main.c && { bash run.sh; }", r"Aborted|abort",
            {"main.c": "#include <stdlib.h>\nint main() { abort(); }\n",
             "run.sh": "./main | cat\n./main\nexit 0\n"}, needs="gcc", exits_zero=True),
    java("java_memory", """\
import java.util.*;
public class Main {
  public static void main(String[] a) {
    List<long[]> rows = new ArrayList<>();
    for (;;) rows.add(new long[1 << 20]);
  }
}
""", r"OutOfMemoryError", flags="-Xmx32m"),
    java("java_overflow", "public class Main { static int f(int n) { return f(n + 1) + 1; } "
         "public static void main(String[] a) { f(0); } }\n", r"StackOverflowError"),
    java("java_logs_severe", """\
import java.util.logging.*;
public class Main {
  public static void main(String[] a) { Logger.getLogger("etl").severe("index is stale"); }
}
""", r"index is stale", exits_zero=True),
    Program("java_class_missing", "java Nowhere", r"Could not find or load main class", needs="java"),
    Program("r_package_missing", "Rscript -e 'library(nosuchpackage)'", r"nosuchpackage",
            needs="Rscript"),
    Program("r_object_missing", "Rscript main.R", r"object 'missing_rows' not found",
            {"main.R": "f <- function(x) sum(missing_rows)\nprint(f(1))\n"}, needs="Rscript"),
    bash("bash_unbound", "set -u\necho $input_table\n", r"input_table: unbound variable"),
    bash("bash_syntax", "echo start\nif true; then\necho x\n", r"syntax error"),
    bash("dash_not_found", "dash -c 'make_table input.csv'\necho next\n", r"make_table: not found",
         exits_zero=True),
    bash("memory_limit", "ulimit -v 400000\n/usr/bin/python3 -c 'x = bytearray(1 << 30)'\necho next\n",
         r"MemoryError", exits_zero=True),
    bash("dd_disk_full", "dd if=/dev/zero of=/dev/full count=1\necho next\n",
         r"No space left on device", exits_zero=True),
    bash("git_conflict", """\
git init -q . && git config user.email a@b && git config user.name A
echo 1 >x && git add x && git commit -qm 1 && git checkout -q -b other && echo 2 >x && git commit -qam 2
git checkout -q - && echo 3 >x && git commit -qam 3
git merge other
""", r"Merge conflict in x|Automatic merge failed", needs="git bash"),
    Program("git_pathspec", "git init -q . && git checkout nowhere", r"pathspec 'nowhere'",
            needs="git"),
    Program("ffmpeg_broken", "echo text >x.mp4; ffmpeg -hide_banner -i x.mp4 y.gif",
            r"Invalid data found", needs="ffmpeg"),
    Program("gnuplot_error", "gnuplot -e 'plot nothing_here'", r"undefined variable: nothing_here",
            needs="gnuplot", is_weak=True),
    Program("tcl_error", "tclsh main.tcl", r"no rows",
            {"main.tcl": "proc load {} { error {no rows} }\nload\n"}, needs="tclsh", is_weak=True),
    Program("perl_module_missing", "perl -e 'use No::Such::Module;'", r"Can't locate No/Such/Module",
            needs="perl"),
    Program("cat_missing", "cat nowhere.csv", r"nowhere.csv: No such file", is_weak=True),
    Program("spdlog_critical", "g++ -w -o main main.cpp -lspdlog -lfmt && ./main", r"queue is full",
            {"main.cpp": "#include <spdlog/spdlog.h>\nint main() { spdlog::info(\"start\"); "
                         "spdlog::critical(\"queue is full\"); }\n"}, needs="g++", exits_zero=True),
    Program("go_slog", "go run main.go", r"part 3 is missing",
            {"main.go": 'package main\n\nimport (\n\t"log/slog"\n\t"os"\n)\n\nfunc main() {\n'
                        '\tslog.New(slog.NewTextHandler(os.Stdout, nil)).Error("part 3 is missing", "part", 3)\n}\n'},
            needs="go", exits_zero=True),
    Program("node_json_log", "node main.js", r"disk is slow",
            {"main.js": "const log = (level, msg) => console.log(JSON.stringify({level, time: 1, pid: 2, msg}));\n"
                        "log(30, 'start'); log(50, 'disk is slow'); log(30, 'end');\n"},
            needs="node", exits_zero=True),
]

SUCCEEDING = [
    Program("pytest_quiet", "/usr/bin/python3 -m pytest -q -p no:cacheprovider",
            files={"test_failures.py": "import pytest\n\n@pytest.mark.xfail(strict=True)\n"
                                       "def test_error():\n    raise ValueError('ERROR')\n\n"
                                       "def test_failed_upload():\n    print('FATAL: never shown')\n"},
            modules="pytest"),
    Program("unittest_quiet", "/usr/bin/python3 -m unittest test_errors.py",
            files={"test_errors.py": "import unittest\nclass ErrorTest(unittest.TestCase):\n"
                                     "    def test_error(self):\n"
                                     "        with self.assertRaises(KeyError): {}['x']\n"}),
    python("own_retries", """\
import logging
logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s")
for attempt in range(1, 4):
    try:
        if attempt < 3: raise TimeoutError("no answer")
        print("loaded on attempt", attempt)
    except TimeoutError as error:
        logging.error("attempt %d/3 failed (%s), retrying in 0 s", attempt, error)
"""),
    python("skipped_rows", """\
for text in ("1", "x", "3"):
    try:
        int(text)
    except ValueError as error:
        print(f"row {text!r} skipped: {error!r}")
print("Done. 1 row skipped, 0 errors.")
"""),
    python("sklearn_convergence", """\
import numpy as np, warnings
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.metrics import classification_report
x = np.random.default_rng(0).normal(size=(60, 3)) * 1000; y = x[:, 0] > 0
search = GridSearchCV(LogisticRegression(max_iter=2), {"C": [0.1, 1]}, verbose=3, error_score=np.nan)
search.fit(x, y)
print(classification_report(y, search.predict(x), target_names=["no error", "error"]))
""", modules="sklearn"),
    python("scipy_optimises", """\
import numpy as np
from scipy.optimize import least_squares, minimize
print(minimize(lambda x: np.sum((x - 3) ** 2), [0.0], options={"disp": True}))
print(least_squares(lambda x: x - 3, [0.0], verbose=2).message)
""", modules="scipy"),
    python("pandas_errors_column", """\
import pandas as pd
print(pd.DataFrame({"level": ["ERROR", "INFO"], "count": [0, 12], "error": [0.0, 0.1]}))
print(pd.Series({"ERROR": 0, "CRITICAL": 0, "INFO": 7}, name="levels"))
print(pd.to_numeric(pd.Series(["1", "x"]), errors="coerce"))
""", modules="pandas"),
    python("numpy_warns", """\
import numpy as np
print(np.array([1.0]) / 0)
with np.errstate(all="warn"): print(np.log(np.array([-1.0])))
print("standard error:", 0.12, "relative error:", 1e-9)
""", modules="numpy"),
    python("loguru_warns", """\
from loguru import logger
logger.info("error handler installed")
try:
    1 / 0
except ZeroDivisionError as error:
    logger.warning("bad ratio: {}", error)
logger.success("done without errors")
""", modules="loguru"),
    python("structlog_talks", """\
import structlog
structlog.get_logger().info("finished", errors=0, error=None)
structlog.get_logger().warning("slow answer", last_error="none")
""", modules="structlog"),
    python("json_info", """\
import json
for i in range(3):
    print(json.dumps({"level": "info", "msg": "no error", "error": None, "errors": 0, "fatal": False}))
print(json.dumps({"level": 40, "msg": "error rate is high"}))
print(json.dumps({"status": "ok", "error_level": "none", "result": {"level": "error-free"}}))
"""),
    python("exception_ignored", """\
class Handle:
    def __del__(self): raise RuntimeError("closed twice")
Handle()
print("finished")
"""),
    Program("argparse_help", "/usr/bin/python3 main.py --help",
            files={"main.py": "import argparse\np = argparse.ArgumentParser(description='Error analysis.')\n"
                              "p.add_argument('--on-error', choices=['fail', 'warn'], help='error: what to do')\n"
                              "p.add_argument('--level', help='ERROR, WARNING or INFO; FATAL: only the worst')\n"
                              "p.parse_args()\n"}),
    Program("compileall_talks", "/usr/bin/python3 -m compileall .",
            files={"error.py": "class FatalError(Exception): pass\n"}),
    Program("cmake_checks", "cmake -S . -B b && cmake --build b",
            files={"CMakeLists.txt": "cmake_minimum_required(VERSION 3.5)\nproject(error_tools C)\n"
                                     "include(CheckFunctionExists)\ncheck_function_exists(strerror HAVE_STRERROR)\n"
                                     "check_function_exists(no_error_here HAVE_NO_ERROR)\n"
                                     "add_library(error error.c)\nmessage(STATUS \"Error handling: on\")\n"
                                     "find_package(no_such_package QUIET)\n",
                   "error.c": "int error;\n"}, needs="cmake gcc"),
    Program("ctest_passes", "cmake -S . -B b >/dev/null && cd b && ctest -V",
            files={"CMakeLists.txt": "cmake_minimum_required(VERSION 3.5)\nproject(x NONE)\nenable_testing()\n"
                                     "add_test(NAME test_error COMMAND true)\n"
                                     "add_test(NAME fails_as_it_should COMMAND false)\n"
                                     "set_tests_properties(fails_as_it_should PROPERTIES WILL_FAIL TRUE)\n"},
            needs="cmake"),
    Program("javac_notes", "javac -Xlint:-unchecked Main.java && java Main",
            files={"Main.java": "import java.util.*;\npublic class Main { public static void main(String[] a) {\n"
                                "  List x = new ArrayList(); x.add(1);\n"
                                "  try { throw new IllegalStateException(\"x\"); }\n"
                                "  catch (IllegalStateException e) { System.out.println(\"handled \" + e); }\n"
                                "  System.out.println(\"errors: \" + 0); } }\n"}, needs="javac java"),
    Program("node_tests", "node --test .", files={
        "error.test.js": "const test = require('node:test'); const assert = require('assert');\n"
                         "test('throws an error', () => assert.throws(() => { throw new Error('x'); }));\n"
                         "test('FATAL: is handled', () => {});\n"}, needs="node"),
    Program("npm_works", "npm run build && npm help && npm config list", files={
        "package.json": '{"name": "x", "version": "1.0.0", "scripts": {"build": "echo no error"}}'},
        needs="npm"),
    Program("go_vet", "go mod init example && go vet ./... && go run .", files={
        "main.go": 'package main\n\nimport (\n\t"errors"\n\t"fmt"\n)\n\nfunc main() {\n'
                   '\terr := errors.New("no rows")\n\tfmt.Println("handled:", err)\n'
                   '\tfmt.Printf("errors=%d err=%v\\n", 0, nil)\n}\n'}, needs="go"),
    Program("perl_evals", "perl main.pl", files={
        "main.pl": "use warnings; eval { die 'no rows' }; print \"handled: $@\"; my $x; my $y = \"$x\";\n"},
        needs="perl"),
    Program("ruby_rescues", "ruby main.rb", files={
        "main.rb": "begin\n  raise ArgumentError, 'no rows'\nrescue => e\n  puts \"handled #{e.class}: #{e.message}\"\nend\n"},
        needs="ruby"),
    Program("php_catches", "php main.php", files={
        "main.php": "<?php\ntry { throw new Exception('no rows'); }\n"
                    "catch (Exception $e) { echo 'handled: ', $e->getMessage(), \"\\n\"; }\n"
                    "echo 'error_reporting=', error_reporting(), \"\\n\";\n"}, needs="php"),
    Program("lua_pcall", "lua5.4 main.lua", files={
        "main.lua": "print(pcall(error, 'no rows'))\nprint('errors', 0)\n"}, needs="lua5.4"),
    Program("r_tries", "Rscript main.R", files={
        "main.R": "x <- try(stop('no rows'), silent = TRUE)\ncat('class:', class(x), '\\n')\n"
                  "m <- matrix(c(0.1, 0.2), 1, dimnames = list('Error', c('a', 'b')))\nprint(m)\n"
                  "print(summary(aov(yield ~ block + N, npk)))\n"}, needs="Rscript"),
    Program("valgrind_clean", "gcc -w -o main main.c && valgrind ./main",
            files={"main.c": "int main() { return 0; }\n"}, needs="gcc valgrind"),
    bash("archives", "mkdir errors && echo x >errors/fatal.txt && tar cvzf x.tgz errors && tar tvzf x.tgz\n"
         "gzip -tv x.tgz\nxz -zvk errors/fatal.txt && xz -t errors/fatal.txt.xz\n"),
    bash("rsync_stats", "mkdir a b && echo x >a/error.log && rsync -av --stats a/ b/\n",
         needs="rsync bash"),
    bash("counting_errors", "printf 'INFO x\\nERROR y\\nINFO z\\n' >app.log\n"
         "echo \"errors in app.log: $(grep -c ERROR app.log)\"\n"
         "awk '{ n[$1]++ } END { for (k in n) printf \"%-8s %d\\n\", k, n[k] }' app.log\nwc -l app.log\n"),
    bash("listing_that_misses", "ls nowhere.csv\nrm nowhere.csv\necho 'no matter'\n"),
    bash("openssl_verifies", "openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -subj /CN=error "
         "-days 1 2>&1\nopenssl verify -CAfile c.pem c.pem\n", needs="openssl bash"),
    bash("wget_works", """\
exec 3< <(/usr/bin/python3 -u -c '
import http.server
server = http.server.HTTPServer(("127.0.0.1", 0), http.server.SimpleHTTPRequestHandler)
print(server.server_port); server.handle_request()' 2>/dev/null)
server=$!
read -r port <&3
echo rows >error.csv
wget -O got http://127.0.0.1:$port/error.csv
""", needs="wget bash"),
    Program("ffmpeg_debug", "ffmpeg -v verbose -f lavfi -i sine=d=0.2 -y x.wav && ffprobe -show_error -show_format x.wav",
            needs="ffmpeg ffprobe"),
    bash("git_recovers", """\
git init -q . && git config user.email a@b && git config user.name A
git commit --allow-empty -qm 'ERROR: fix the retry'
git rev-parse --verify nowhere 2>/dev/null || echo 'no branch yet'
git branch error/fatal && git log --all --oneline && git tag -m 'panic: none' v1 && git show v1
"""),
    python("joblib_verbose", """\
from joblib import Parallel, delayed
print(sum(Parallel(n_jobs=2, verbose=10)(delayed(abs)(-x) for x in range(20))), "errors: 0")
""", modules="joblib"),
    python("logging_levels_shown", """\
import logging
logging.basicConfig(format="%(asctime)s [%(levelname)s] %(name)s: %(message)s", level=logging.DEBUG)
logging.info("log level is ERROR for urllib3, CRITICAL for dask")
logging.debug("registered handlers: on_error, on_fatal")
logging.warning("Error budget used: 12 %%")
logging.info("Summary: ERROR=0 CRITICAL=0 WARNING=1")
"""),
    python("unittest_table", """\
print("| step  | errors | failed |")
print("| ERROR | 0      | 0      |")
print("Levels: ERROR, FATAL, PANIC")
print("ERROR CODES ARE DOCUMENTED BELOW")
print("  ERROR: the step failed\\n  FATAL: the run failed")
print("1 passed, 0 failed, 0 errors in 0.01s")
print("Tests run: 3, Failures: 0, Errors: 0, Skipped: 0")
"""),
]
