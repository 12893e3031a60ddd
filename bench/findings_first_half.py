"""Programs that the rules were begun with. Those of the second half were written before, too, and
not looked at until the rules first stood."""
from findings_program import Program, bash, c, cpp, java, python

SERVER = """\
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    left = int(sys.argv[1])
    def do_GET(self):
        Handler.left -= 1
        self.send_response(503 if Handler.left >= 0 else 200)
        self.end_headers()
        self.wfile.write(b"done\\n")
    def log_message(self, *words): pass
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""
SERVED = """\
exec 3< <(/usr/bin/python3 server.py 2)
server=$!
read -r port <&3
%s
status=$?
kill $server
exit $status
"""

FAILING = [
    python("python_key_error", """\
def read(row):
    return row["coredata_position_lat"]

def main():
    print("reading 1 row")
    read({"coredata_position_lon": 3})

main()
""", r"^KeyError: 'coredata_position_lat'$"),
    python("python_chained", """\
def load():
    try:
        open("missing.csv")
    except OSError as error:
        raise RuntimeError("cannot load the table") from error
try:
    load()
except RuntimeError:
    {}["station"]
""", r"^KeyError: 'station'$"),
    python("python_thread_dies", """\
import threading
worker = threading.Thread(target=lambda: 1 / 0)
worker.start()
worker.join()
print("all done")
""", r"ZeroDivisionError: division by zero", exits_zero=True),
    python("python_logs_error", """\
import logging
logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
logging.info("start")
logging.getLogger("etl").error("shard 7 is unreadable")
logging.info("end")
""", r"shard 7 is unreadable", exits_zero=True),
    python("python_logs_exception", """\
import logging
logging.basicConfig()
try:
    int("twelve")
except ValueError:
    logging.exception("row 12")
print("written 11 rows")
""", r"ValueError: invalid literal for int", exits_zero=True),
    python("python_syntax", "def main(:\n    pass\n", r"^SyntaxError: "),
    python("python_group", """\
def check(value):
    raise ValueError(f"bad value {value}")
errors = []
for value in (1, 2):
    try:
        check(value)
    except ValueError as error:
        errors.append(error)
raise ExceptionGroup("two checks", errors)
""", r"^ExceptionGroup: two checks \(2 sub-exceptions\): ValueError: bad value 1"),
    Program("python_arguments", "/usr/bin/python3 main.py --rows 3", "required: --table",
            {"main.py": "import argparse\np = argparse.ArgumentParser()\n"
                        "p.add_argument('--table', required=True)\np.add_argument('--rows')\n"
                        "p.parse_args()\n"}),
    python("python_memory", "x = bytearray(1 << 62)\n", r"MemoryError"),
    python("python_crash", """\
import ctypes, faulthandler
faulthandler.enable()
def read(): ctypes.string_at(0)
read()
""", r"Segmentation fault"),
    bash("bash_not_found", "convert_table input.csv | sort\necho finished\n",
         r"convert_table: command not found", exits_zero=True),
    Program("bash_segmentation_fault", "gcc -w -o main main.c && bash run.sh",
            r"Segmentation fault", {"main.c": "int main() { return *(int *)8; }\n",
                                    "run.sh": "./main\necho next step\n"},
            needs="gcc", exits_zero=True),
    bash("bash_killed", "sh -c 'kill -9 $$'\necho next step\n", r"Killed", exits_zero=True),
    Program("make_fails", "make", r"No rule to make target|Error 1",
            {"Makefile": "all: table.csv\n\techo ready\ntable.csv:\n\tfalse\n"}, needs="make"),
    c("gcc_fails", "int main() { return missing; }\n", r"missing.*undeclared"),
    cpp("cpp_throws", """\
#include <stdexcept>
int main() { throw std::runtime_error("the grid is empty"); }
""", r"std::runtime_error: the grid is empty"),
    c("c_assertion", "#include <assert.h>\nint main() { int rows = 0; assert(rows > 0); }\n",
      r"Assertion `rows > 0' failed"),
    c("address_sanitizer", """\
#include <stdlib.h>
int main() { char *p = malloc(4); free(p); return p[1]; }
""", r"AddressSanitizer: heap-use-after-free", flags="-g -fsanitize=address"),
    java("java_throws", """\
public class Main {
  static void load() { throw new IllegalStateException("no columns"); }
  public static void main(String[] a) {
    try { load(); } catch (Exception e) { throw new RuntimeException("job failed", e); }
  }
}
""", r"RuntimeException: job failed.*IllegalStateException: no columns"),
    Program("javac_fails", "javac Main.java", r"';' expected",
            {"Main.java": "class Main { int x = 1 }\n"}, needs="javac"),
    Program("node_throws", "node main.js", r"^TypeError: Cannot read",
            {"main.js": "function area(shape) { return shape.width; }\narea(undefined);\n"},
            needs="node"),
    Program("node_rejection", "node main.js", r"Error: no such table",
            {"main.js": "Promise.reject(new Error('no such table'));\n"}, needs="node"),
    Program("go_panic", "go run main.go", r"index out of range",
            {"main.go": "package main\n\nfunc main() {\n\tx := []int{1}\n\ti := 5\n"
                        "\tprintln(x[i])\n}\n"}, needs="go"),
    Program("rust_panic", "rustc main.rs && ./main", r"no rows",
            {"main.rs": "fn main() { let x: Option<i32> = None; x.expect(\"no rows\"); }\n"},
            needs="rustc"),
    Program("r_stops", "Rscript main.R", r"negative rows",
            {"main.R": "f <- function(n) if (n < 0) stop('negative rows')\nf(-1)\n"},
            needs="Rscript"),
    bash("curl_refused", "curl -sS -o table.csv http://127.0.0.1:1/table.csv\n"
         "echo downloaded\n", r"Failed to connect|Couldn't connect", needs="curl bash",
         exits_zero=True),
    Program("git_fatal", "git -C . log", r"not a git repository|does not have any commits",
            needs="git"),
    python("sklearn_no_samples", """\
import numpy as np
from sklearn.model_selection import train_test_split
train_test_split(np.empty((0, 3)))
""", r"n_samples=0", modules="sklearn"),
    python("sklearn_empty_fit", """\
import numpy as np
from sklearn.linear_model import LinearRegression
LinearRegression().fit(np.empty((0, 2)), np.empty(0))
""", r"Found array with 0 sample", modules="sklearn"),
    python("pandas_column", """\
import pandas as pd
frame = pd.DataFrame({"lon": [1.0]})
print(frame["lat"].mean())
""", r"^KeyError: 'lat'$", modules="pandas"),
    Program("pytest_fails", "/usr/bin/python3 -m pytest -p no:cacheprovider",
            r"test_sum|1 failed",
            {"test_main.py": "def test_sum():\n    assert 1 + 1 == 3\n\ndef test_ok():\n    pass\n"},
            modules="pytest"),
    python("dask_task", """\
from dask.distributed import Client
if __name__ == "__main__":
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        client.submit(lambda x: 1 / x, 0).result()
""", r"ZeroDivisionError: division by zero", modules="distributed"),
    Program("sqlite_error", "sqlite3 table.db 'select * from missing'", r"no such table: missing",
            needs="sqlite3"),
    Program("tar_missing", "tar xf missing.tar.gz", r"Cannot open|not recoverable", needs="tar"),
    Program("ffmpeg_missing", "ffmpeg -hide_banner -i missing.mp4 out.gif", r"missing.mp4",
            needs="ffmpeg", is_weak=True),
    Program("perl_dies", "perl main.pl", r"no rows", {"main.pl": "die 'no rows';\n"},
            needs="perl", is_weak=True),
    bash("disk_full", "echo many rows >/dev/full\necho next step\n", r"No space left on device",
         exits_zero=True),
    python("json_log", """\
import json, sys
def log(level, message): print(json.dumps({"time": 1, "level": level, "message": message}))
log("info", "start")
log("error", "upload of part 3 failed")
log("info", "end")
""", r"upload of part 3 failed", exits_zero=True),
    Program("mpi_rank_fails", "mpirun --allow-run-as-root --oversubscribe -np 2 bash -c 'exit 3'",
            r"mpirun detected|1 process returned", needs="mpirun"),
]

SUCCEEDING = [
    python("zero_errors", """\
print("0 errors, 0 warnings")
print("errors=0 error_rate=0.01 failures=0")
print("Finished: 12 rows, no errors")
print("Error rate: 0.02")
print("mean_squared_error: 0.12")
print("Test error: 3.1%")
print("Errors: 0")
print("Errors found: none")
"""),
    Program("urllib3_retries", SERVED % "/usr/bin/python3 main.py $port",
            files={"server.py": SERVER, "main.py": """\
import logging, sys, urllib3
logging.basicConfig(level=logging.DEBUG)
retries = urllib3.Retry(total=5, backoff_factor=0.01, status_forcelist=[503])
answer = urllib3.PoolManager(retries=retries).request("GET", f"http://127.0.0.1:{sys.argv[1]}/")
print(answer.data)
"""}, modules="urllib3"),
    python("urllib3_connects_late", """\
import logging, socket, threading, urllib3
logging.basicConfig()
probe = socket.socket(); probe.bind(("127.0.0.1", 0)); port = probe.getsockname()[1]
def serve():
    probe.listen()
    peer, _ = probe.accept(); peer.recv(4096)
    peer.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\ndone")
    peer.close()
threading.Timer(0.4, serve).start()
retries = urllib3.Retry(total=9, backoff_factor=0.1)
print(urllib3.PoolManager(retries=retries).request("GET", f"http://127.0.0.1:{port}/").data)
""", modules="urllib3"),
    python("tenacity_retries", """\
import logging, tenacity
logging.basicConfig(level=logging.INFO)
log = logging.getLogger("fetch")
left = [2]
@tenacity.retry(wait=tenacity.wait_fixed(0.01), before_sleep=tenacity.before_sleep_log(log, logging.WARNING))
def fetch():
    if left[0]:
        left[0] -= 1
        raise ValueError("half an answer")
    return "all of it"
print(fetch())
""", modules="tenacity"),
    python("sklearn_metrics", """\
import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_absolute_error, mean_squared_error
x = np.arange(20.0).reshape(-1, 1); y = x[:, 0] * 2 + 1
model = Ridge().fit(x, y)
print("mean_squared_error:", mean_squared_error(y, model.predict(x)))
print("Mean Absolute Error:", mean_absolute_error(y, model.predict(x)))
print(f"error: {mean_squared_error(y, model.predict(x)):.4f}")
print(f"Error: {mean_squared_error(y, model.predict(x)):.4f} (best 0.0001)")
""", modules="sklearn"),
    python("tqdm_error_metric", """\
import sys, tqdm
bar = tqdm.tqdm(range(200), desc="error minimisation", mininterval=0, file=sys.stdout)
for i in bar: bar.set_postfix(error=1 / (i + 1), max_error=2.5)
""", modules="tqdm"),
    Program("pytest_passes", "/usr/bin/python3 -m pytest -p no:cacheprovider -v -rA "
            "-o log_cli=true -o log_cli_level=INFO",
            files={"test_errors.py": """\
import logging
import pytest

def test_error():
    logging.error("a table that is broken on purpose")

def test_raises_value_error():
    with pytest.raises(ValueError):
        int("x")

@pytest.mark.xfail(reason="ERROR: not done yet")
def test_not_done():
    raise RuntimeError("Error: expected")

def test_prints():
    print("Traceback (most recent call last):")
    print("ValueError: printed by a test")
"""}, modules="pytest"),
    Program("unittest_passes", "/usr/bin/python3 -m unittest -v test_errors.py",
            files={"test_errors.py": """\
import logging, unittest
class ErrorTest(unittest.TestCase):
    def test_error(self): logging.error("on purpose")
    def test_error_handler(self): self.assertRaises(ValueError, int, "x")
    @unittest.expectedFailure
    def test_known_failure(self): self.fail("Error: known")
"""}),
    Program("make_werror", "make", files={
        "Makefile": "all: error.o exception_handler.o\n"
                    "%.o: %.c\n\tgcc -Wall -Werror -Wno-error=unused -c $< -o $@\n\t-false\n",
        "error.c": "int error_count;\n", "exception_handler.c": "void on_error(void) {}\n"},
        needs="make gcc"),
    Program("gcc_warns", "gcc -Wall -c error.c",
            files={"error.c": "int f() { int error; return 1; }\n"}, needs="gcc"),
    bash("git_talks", """\
git init -q . && git config user.email a@b && git config user.name A
echo 'raise ValueError' >error.py
git add . && git commit -m 'Fix error: crash when Error: is logged'
git commit --allow-empty -qm 'fatal: handle it'
git log --oneline
git status
git show --stat
""", needs="git bash"),
    Program("curl_retries", SERVED % "curl -sS --retry 5 --retry-delay 0 -o x http://127.0.0.1:$port/",
            files={"server.py": SERVER}, needs="curl bash"),
    python("python_warnings", """\
import warnings
warnings.warn("this will raise an error in a future version", DeprecationWarning)
warnings.simplefilter("always")
warnings.warn("Error bars are too small", UserWarning)
warnings.warn("errors='ignore' is deprecated; use errors='raise'", FutureWarning)
"""),
    bash("configuration_dump", """\
cat <<'END'
on_error: ignore
error: null
errors: []
log_level: ERROR
level: ERROR
level=ERROR
[logging]
error_log = /var/log/app/error.log
exception_handler: exception_handler.py
fail_on: [fatal, critical]
END
"""),
    bash("help_texts", "tar --help\ngrep --help\ngcc --help\ngit help -a\n/usr/bin/python3 -h\n"
         "/usr/bin/python3 -m pytest --help || true\ncurl --help all\n", needs="git curl gcc"),
    Program("r_catches", "Rscript main.R", files={"main.R": """\
x <- tryCatch(stop('no rows'), error = function(e) conditionMessage(e))
cat('handled an error:', x, '\\n')
y <- suppressWarnings(as.numeric('a'))
warning('some error bars are missing')
cat('Residual standard error: 0.43 on 18 degrees of freedom\\n')
print(summary(lm(dist ~ speed, cars)))
"""}, needs="Rscript"),
    java("java_handles", """\
import java.util.logging.*;
public class Main {
  public static void main(String[] a) {
    Logger log = Logger.getLogger("fetch");
    for (int i = 0; i < 2; i++)
      try { Integer.parseInt("x"); }
      catch (NumberFormatException e) { log.warning("skipped a bad row: " + e.getMessage()); }
    log.info("errors: 0, error handler installed");
  }
}
"""),
    Program("node_talks", "node main.js", files={"main.js": """\
process.on('uncaughtException', (error) => console.log('never called', error));
console.log('error handler registered');
console.log({ errors: [], error: null, status: 'ok' });
console.log('Error handling: on');
console.log('0 errors');
"""}, needs="node"),
    Program("ffmpeg_works", "ffmpeg -hide_banner -f lavfi -i testsrc=d=1:r=5:s=64x64 -err_detect "
            "explode -y error.mp4 && ffmpeg -v verbose -i error.mp4 -f null -", needs="ffmpeg"),
    Program("sqlite_errors_table", "sqlite3 -echo x.db <main.sql", files={"main.sql": """\
create table errors (id integer primary key, error text not null);
insert into errors values (1, 'Error: disk full');
select count(*) as errors from errors;
.mode line
select id, error from errors;
.schema
"""}, needs="sqlite3"),
    python("warned_traceback", """\
import logging
logging.basicConfig(format="%(levelname)s:%(message)s")
for attempt in range(2):
    try:
        raise ConnectionError("no answer")
    except ConnectionError:
        logging.warning("attempt failed", exc_info=True)
print("third attempt worked")
"""),
    bash("file_names", "mkdir error && cd error && touch error.log ERROR.txt exception_handler.py "
         "fatal.c segfault_test.c && ls -l && ls && tar cvf ../errors.tar . && du -a\n"),
    Program("go_tests", "go mod init example && go test -v ./...", files={
        "main_test.go": 'package main\n\nimport (\n\t"log"\n\t"testing"\n)\n\n'
                        'func TestError(t *testing.T) { log.Println("ERROR on purpose") }\n'
                        'func TestPanicHandled(t *testing.T) {\n'
                        '\tdefer func() { t.Log("panic: ", recover()) }()\n\tpanic("x")\n}\n'},
        needs="go"),
    Program("rust_warns", "rustc main.rs && ./main", files={
        "main.rs": 'fn main() { let error = 1; let r: Result<i32, String> = Err("no".into()); '
                   'println!("errors=0 result={:?}", r); }\n'}, needs="rustc"),
    python("dask_works", """\
from dask.distributed import Client
if __name__ == "__main__":
    with Client(n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        print("errors:", client.submit(lambda x: x, 0).result())
""", modules="distributed"),
    bash("bash_traces", """\
set -x
on_error() { echo "ERROR: $1"; exit 1; }
trap 'on_error trapped' ERR
test -d . || on_error "no directory"
error_count=0
[ $error_count -eq 0 ] && echo "no error: $error_count errors"
"""),
    python("training_metrics", """\
for epoch in range(3):
    print(f"Epoch {epoch + 1}/3 - loss: {1 / (epoch + 1):.4f} - mean_absolute_error: 0.{epoch}12")
    print(f"train error {0.5 / (epoch + 1):.3f}  validation error {0.6 / (epoch + 1):.3f}")
print("Error: 0.1667")
print("MeanSquaredError: 0.0278")
print("final error = 0.1667 +/- 0.02")
"""),
    bash("nothing_to_remove", "rm -f nothing.csv\nls *.missing 2>/dev/null || echo 'no old files'\n"
         "command -v no_such_tool >/dev/null || echo 'no_such_tool not found, skipping that step'\n"),
]
