"""Plays systemctl, systemd-run, loginctl and busctl on a machine that systemd did not start.

Called as `fake_systemd.py PROGRAM ARGUMENT...`, with `config.json` beside it: where cgroups are made
(tree), which programs hang or fail, and what logind says. It keeps to what the real ones do: units
are known once they were read by daemon-reload, services get a clean environment and a cgroup of
their own and are started when they say READY=1, scopes take the caller in, KillMode=process ends
the main process alone. What it was asked is appended to `calls`. While `fake_systemd.py manager` runs,
transient services are its children and not the caller's.
"""
import json
import os
import pathlib
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
MANAGER = HERE / "state" / "manager"
CONFIG = json.loads((HERE / "config.json").read_text(encoding="utf-8"))


def unit_cgroup(is_user, name):
    """The cgroup of a unit, made if it is not there."""
    uid = os.getuid()
    slices = (f"user.slice/user-{uid}.slice/user@{uid}.service/app.slice" if is_user
              else "system.slice")
    path = pathlib.Path(CONFIG["tree"]) / slices / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def settings_of(text):
    """The assignments of a unit file, each a list of its values."""
    found = {}
    for line in text.splitlines():
        if line and line[0] not in "#;[":
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def words_of(value):
    """The words of an assignment, unquoted, specifiers expanded."""
    return [word.replace("%%", "%") for word in shlex.split(value)]


def start_service(unit, is_user, name):
    """Start a service of Type=notify and return its exit code, or 0 when it is ready."""
    user = pwd.getpwnam(unit["User"][0]) if "User" in unit else pwd.getpwuid(os.getuid())
    environment = {"PATH": "/usr/bin:/bin", "HOME": user.pw_dir, "USER": user.pw_name}
    for value in unit.get("Environment", []):
        environment.update(word.split("=", 1) for word in words_of(value))
    cgroup = unit_cgroup(is_user, name)
    if "User" in unit and "yes" in unit.get("Delegate", []):
        for path in (cgroup, cgroup / "cgroup.procs", cgroup / "cgroup.subtree_control"):
            os.chown(path, user.pw_uid, user.pw_gid)
    notify = HERE / "state" / f"notify-{os.getpid()}"
    environment["NOTIFY_SOCKET"] = str(notify)

    def become():
        (cgroup / "cgroup.procs").write_text("0", encoding="ascii")
        if user.pw_uid != os.getuid():
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)

    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(notify))
        notify.chmod(0o777)
        listener.settimeout(0.05)
        null = subprocess.DEVNULL
        with open(HERE / "state" / "journal", "ab") as journal:
            main = subprocess.Popen(  # pylint: disable=consider-using-with
                words_of(unit["ExecStart"][0]), env=environment, stdin=null, stdout=null,
                stderr=journal, cwd="/", start_new_session=True, preexec_fn=become)
        while main.poll() is None:
            try:
                if b"READY=1" in listener.recv(4096):
                    (HERE / "state" / f"{name}.pid").write_text(str(main.pid), encoding="ascii")
                    return 0
            except TimeoutError:
                pass
    return main.returncode or 1


def main_pid(name):
    """The main process of a service that runs, or 0."""
    try:
        pid = int((HERE / "state" / f"{name}.pid").read_text(encoding="ascii"))
        state = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except OSError:
        return 0
    return 0 if state.split()[0] in "ZX" else pid


def stop_service(name):
    """KillMode=process: SIGTERM to the main process."""
    pid = main_pid(name)
    if pid:
        os.kill(pid, signal.SIGTERM)
    while main_pid(name):
        time.sleep(0.01)


def systemctl(words):
    """The verbs that an installer needs."""
    is_user = "--user" in words
    verb, *names = [word for word in words if not word.startswith("--")]
    base = (pathlib.Path(os.environ["HOME"], ".config/systemd/user") if is_user
            else pathlib.Path("/etc/systemd/system"))
    loaded = HERE / "state" / ("user" if is_user else "system")
    if verb == "show":
        print("Version=252")
    elif verb == "daemon-reload":
        shutil.rmtree(loaded, ignore_errors=True)
        shutil.copytree(base, loaded, symlinks=True) if base.exists() else loaded.mkdir()
    for name in names:
        wants = base / "default.target.wants" / name
        if not (loaded / name).exists():
            print(f"Unit {name} not found.", file=sys.stderr)
            return 5
        if verb == "enable":
            wants.parent.mkdir(exist_ok=True)
            wants.unlink(missing_ok=True)
            wants.symlink_to(base / name)
        if verb == "disable":
            wants.unlink(missing_ok=True)
        if verb in ("stop", "restart") or "--now" in words:
            stop_service(name)
        if verb in ("start", "restart") and not main_pid(name):
            text = (loaded / name).read_text(encoding="utf-8")
            code = start_service(settings_of(text), is_user, name)
            if code != 0:
                print(f"Job for {name} failed because the control process exited with error code.",
                      file=sys.stderr)
                return 1
        if verb == "is-active":
            print("active" if main_pid(name) else "inactive")
            return 0 if main_pid(name) else 3
    return 0


def systemd_run(words):
    """A transient scope, which becomes the command, or a transient service."""
    split = words.index("--")
    options, command = words[:split], words[split + 1:]
    is_user = "--user" in options
    name = f"run-r{os.getpid():032x}"
    if "--scope" in options:
        cgroup = unit_cgroup(is_user, name + ".scope")
        (cgroup / "cgroup.procs").write_text("0", encoding="ascii")
        os.execvp(command[0], command)
    if words[0] != "as-manager" and MANAGER.exists():
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(MANAGER))
            asking.sendall(json.dumps(["as-manager", *words]).encode())
            asking.shutdown(socket.SHUT_WR)
            return int(asking.recv(16))
    unit = {"ExecStart": [shlex.join(command)], "Environment": [
        shlex.quote(word.split("=", 1)[1]) for word in options if word.startswith("--setenv=")]}
    return start_service(unit, is_user, name + ".service")


def manager(_):
    """Starts transient services for others, until it is killed."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(MANAGER))
        listener.listen()
        while True:
            with listener.accept()[0] as asking:
                words = json.loads(b"".join(iter(lambda: asking.recv(65536), b"")))
                asking.sendall(str(systemd_run(words)).encode())


def busctl(_):
    """What logind has in its three properties."""
    print(f"b {CONFIG['kills']}\nas 0\nas 1 \"root\"")
    return 0


def main():
    """Plays the program that is named first."""
    program, *words = sys.argv[1:]
    with open(HERE / "calls", "a", encoding="utf-8") as calls:
        calls.write(shlex.join([program, *words]) + "\n")
    if program in CONFIG.get("hangs", []):
        time.sleep(120)
    if program in CONFIG.get("fails", []):
        print("Failed to connect to bus: No medium found", file=sys.stderr)
        return 1
    acts = {"systemctl": systemctl, "systemd-run": systemd_run, "busctl": busctl,
            "manager": manager}
    return acts[program](words)


if __name__ == "__main__":
    sys.exit(main())
