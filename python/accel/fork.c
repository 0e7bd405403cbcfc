/* The zygote's loop: waits for an order, forks a worker, says so. In C, because each object that Python code touches between two
 * forks lies on a page that zygote and workers share no longer: half a megabyte for each of them (decision 0039). */
#define _GNU_SOURCE 1
#include "accel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORDER_FDS 5

/* An order, as workers/zygote.go sends it. */
typedef struct {
    uint64_t birth; /* comes back in the answer */
    uint32_t worker;
    uint32_t strict;
} order;

/* The descriptors of an order. All are closed when anything is wrong. */
static int take_fds(struct msghdr *message, int fds[ORDER_FDS]) {
    int n = 0, excess = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
            continue;
        }
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (n < ORDER_FDS) {
                fds[n++] = fd;
            } else {
                close(fd);
                excess++;
            }
        }
    }
    if (n == ORDER_FDS && excess == 0) {
        return 0;
    }
    while (n > 0) {
        close(fds[--n]);
    }
    return -1;
}

/* Waits for an order without the GIL. 1, or 0 when penknife has gone; -1 with an exception. */
static int receive(int fd, order *o, int fds[ORDER_FDS]) {
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(ORDER_FDS * sizeof(int))];
    } rights;
    ssize_t n;
    struct msghdr message;
    do {
        if (PyErr_CheckSignals() != 0) { /* those that came while it forked, too */
            return -1;
        }
        struct iovec into = {.iov_base = o, .iov_len = sizeof *o};
        message = (struct msghdr){.msg_iov = &into, .msg_iovlen = 1, .msg_control = &rights, .msg_controllen = sizeof rights};
        int error;
        Py_BEGIN_ALLOW_THREADS
        n = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
        error = errno;
        Py_END_ALLOW_THREADS
        errno = error;
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return -1;
    }
    if (n == 0) {
        return 0;
    }
    if (take_fds(&message, fds) != 0 || n != sizeof *o || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        PyErr_Format(PyExc_RuntimeError, "penknife: an order of %zd bytes, or without its descriptors", n);
        return -1;
    }
    return 1;
}

/* The process between, in which no Python code runs: only what is safe after a fork. It does not return. */
static void stand_between(int writer, pid_t worker) {
    int32_t answer = worker >= 0 ? (int32_t)worker : -errno;
    if (worker > 0) {
        (void)setpgid(worker, worker); /* both do it: neither may rely on the other to be first */
    }
    _exit(write(writer, &answer, sizeof answer) == (ssize_t)sizeof answer ? 0 : 1);
}

/* What the process between has to say: the worker's pid, or -errno. */
static int32_t hear(int reader) {
    int32_t answer;
    ssize_t n;
    do {
        n = read(reader, &answer, sizeof answer);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof answer ? answer : -ECHILD; /* it was killed */
}

/* Forks a process in a group of its own. The process between ends at once, so that the kernel hands the new one to Go, the
 * subreaper. It is waited for here: when the pid is known to Go, Go is the parent already. What was registered with
 * os.register_at_fork runs once, in the zygote and in the worker. The pid, 0 in the new process, or -errno. */
static int32_t fork_orphan(void) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return -errno;
    }
    PyOS_BeforeFork();
    pid_t middle = fork();
    if (middle == 0) {
        pid_t worker = fork();
        if (worker != 0) {
            stand_between(ends[1], worker);
        }
        (void)setpgid(0, 0);
        close(ends[0]);
        close(ends[1]);
        PyOS_AfterFork_Child();
        return 0;
    }
    int32_t pid = middle > 0 ? 0 : -errno;
    PyOS_AfterFork_Parent();
    close(ends[1]);
    if (middle > 0) {
        pid = hear(ends[0]);
        while (waitpid(middle, NULL, 0) < 0 && errno == EINTR) { /* ECHILD: the application ignores SIGCHLD */
        }
    }
    close(ends[0]);
    return pid;
}

static void answer(int fd, char kind, uint64_t birth, const void *rest, size_t size) {
    char message[128];
    message[0] = kind;
    memcpy(message + 1, &birth, sizeof birth);
    size = size < sizeof message - 9 ? size : sizeof message - 9;
    memcpy(message + 9, rest, size);
    while (send(fd, message, 9 + size, MSG_NOSIGNAL) < 0 && errno == EINTR) { /* otherwise the next receive tells */
    }
}

PyObject *pk_next_worker(PyObject *module, PyObject *args) {
    (void)module;
    int fd;
    PyObject *before;
    if (!PyArg_ParseTuple(args, "iO:next_worker", &fd, &before)) {
        return NULL;
    }
    for (;;) {
        order o;
        int fds[ORDER_FDS];
        int received = receive(fd, &o, fds);
        if (received <= 0) {
            return received == 0 ? Py_NewRef(Py_None) : NULL;
        }
        PyObject *nothing = before == Py_None ? Py_NewRef(Py_None) : PyObject_CallNoArgs(before);
        if (nothing == NULL) {
            return NULL;
        }
        Py_DECREF(nothing);
        int32_t pid = fork_orphan();
        if (pid == 0) {
            return Py_BuildValue("IO[iiiii]", o.worker, o.strict ? Py_True : Py_False, fds[0], fds[1], fds[2], fds[3], fds[4]);
        }
        for (int i = 0; i < ORDER_FDS; i++) {
            close(fds[i]);
        }
        if (pid > 0) {
            answer(fd, 'P', o.birth, &pid, sizeof pid);
        } else {
            const char *reason = strerror(-pid);
            answer(fd, 'X', o.birth, reason, strlen(reason));
        }
    }
}
