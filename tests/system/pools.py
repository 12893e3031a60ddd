"""pools.py KIND END: a pool of processes, made as real programs make them.

A job of test_real_programs.py. When two workers are at work it makes the file `ready` in its
directory, and waits for one named `go`. END tells how it goes on:

    stay   it does not, and is cancelled
    leave  it returns as a program should, its workers having nothing left to do
    exit   os._exit(0), with the workers still at work
    crash  SIGKILL to itself, with the workers still at work

Its workers end by themselves after a minute.
"""
import concurrent.futures
import multiprocessing
import os
import pathlib
import signal
import sys
import threading
import time

WORKERS = 2
KEPT = []  # What would end its workers when nobody held it any more.


def await_files(pattern, count=1):
    """Wait until there are so many files."""
    while len(list(pathlib.Path().glob(pattern))) < count:
        time.sleep(0.01)


def work(number, directory):
    """What a worker does: it says that it is there, and is busy unless all is to end well."""
    os.chdir(directory)
    pathlib.Path(f"worker-{number}").touch()
    if os.environ["POOL_END"] == "leave":
        await_files("worker-*", WORKERS)
    else:
        time.sleep(60)


def tasks():
    """The arguments of `work`, for each worker."""
    return [(number, os.getcwd()) for number in range(WORKERS)]


def ignore_sigterm():
    """Make a worker that only SIGKILL ends."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def start_multiprocessing(method, initializer=None):
    """A pool of the standard library."""
    pool = multiprocessing.get_context(method).Pool(WORKERS, initializer)
    KEPT.extend([pool, pool.starmap_async(work, tasks(), chunksize=1)])


def start_futures():
    """An executor of the standard library."""
    executor = concurrent.futures.ProcessPoolExecutor(WORKERS)
    KEPT.extend([executor, *(executor.submit(work, *task) for task in tasks())])


def name_semaphores():
    """Give loky's semaphores names that the test finds, should their tracker be killed."""
    from joblib.externals.loky.backend import synchronize
    synchronize.SemLock._make_name = staticmethod(
        lambda: f"/{os.environ['POOL_TOKEN']}-{next(synchronize.SemLock._rand)}")


def start_loky():
    """The executor below joblib, which is used again and so lives on."""
    from joblib.externals.loky import get_reusable_executor
    name_semaphores()
    executor = get_reusable_executor(max_workers=WORKERS, timeout=60)
    KEPT.extend([executor, *(executor.submit(work, *task) for task in tasks())])


def start_joblib():
    """A parallel loop, in a thread, since it returns only when all is done."""
    from joblib import Parallel, delayed
    name_semaphores()
    thread = threading.Thread(target=lambda: Parallel(n_jobs=WORKERS)(
        delayed(work)(*task) for task in tasks()), daemon=True)
    thread.start()
    KEPT.append(thread)


def start_dask():
    """A scheduler, two nannies and their workers, all on the loopback interface."""
    from distributed import Client, LocalCluster
    cluster = LocalCluster(n_workers=WORKERS, threads_per_worker=1, host="127.0.0.1",
                           dashboard_address=None)
    client = Client(cluster)
    workers = list(client.scheduler_info()["workers"])
    KEPT.extend([cluster, client])
    KEPT.extend(client.submit(work, *task, workers=worker)
                for task, worker in zip(tasks(), workers))


KINDS = {
    "fork": lambda: start_multiprocessing("fork"),
    "spawn": lambda: start_multiprocessing("spawn"),
    "forkserver": lambda: start_multiprocessing("forkserver"),
    "stubborn": lambda: start_multiprocessing("fork", ignore_sigterm),
    "futures": start_futures,
    "loky": start_loky,
    "joblib": start_joblib,
    "dask": start_dask,
}


def main(kind, end):
    """Start the pool, and end as asked."""
    os.environ["POOL_END"] = end
    multiprocessing.current_process()._config["semprefix"] = "/" + os.environ["POOL_TOKEN"]
    KINDS[kind]()
    await_files("worker-*", WORKERS)
    pathlib.Path("ready").touch()
    await_files("go")
    if end == "exit":
        os._exit(0)
    if end == "crash":
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
