/* Calls of Python code to penknife: one stream socket a thread, made at its first call and handed over with the
 * process's control socket. A request and its answer are a head of 8 bytes and a payload:
 *
 *   u32 payload size | u8 operation, or status of the answer | 3 zero bytes | payload
 *
 * The Go side is appcalls/channel.go. */
#define _GNU_SOURCE 1
#include "accel.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD 8
#define MAX_ANSWER (256u << 20) /* far beyond what penknife sends: what is above is no answer of it */
#define NO_FD (-1)

/* One thread's channel. A forked child must not speak on its parent's, so the owner is in it. */
typedef struct {
    int fd;
    pid_t owner;
} pk_channel;

static pthread_key_t channel_key;

/* The thread ends. Without shutdown a forked child that has inherited the descriptor would keep the channel open. */
static void end_channel(void *value) {
    pk_channel *channel = value;
    if (channel->owner == getpid()) {
        shutdown(channel->fd, SHUT_RDWR);
    }
    close(channel->fd);
    free(channel);
}

int pk_call_init(void) {
    if (pthread_key_create(&channel_key, end_channel) != 0) {
        PyErr_SetString(PyExc_ImportError, "penknife: no thread-specific storage");
        return -1;
    }
    pk_this.call_fd = NO_FD;
    return 0;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* An exchange under way. It owns fd. */
typedef struct {
    int fd;
    int64_t deadline;
    struct iovec parts[2]; /* what is still to send */
    int descriptor;        /* that came with the answer, or NO_FD */
} pk_exchange;

/* Waits without the GIL until fd is ready or the time is over. 0, or -1 with an exception. */
static int await(int fd, short events, int64_t deadline) {
    for (;;) {
        int64_t left = deadline - now_ms();
        if (left <= 0) {
            PyErr_SetString(PyExc_TimeoutError, "penknife did not answer in time");
            return -1;
        }
        struct pollfd one = {.fd = fd, .events = events};
        int n;
        Py_BEGIN_ALLOW_THREADS
        n = poll(&one, 1, left < 1000000 ? (int)left : 1000000);
        Py_END_ALLOW_THREADS
        if (n > 0) {
            return 0;
        }
        if (n < 0 && errno != EINTR) {
            PyErr_SetFromErrno(PyExc_OSError);
            return -1;
        }
        if (PyErr_CheckSignals() != 0) {
            return -1;
        }
    }
}

/* Tells whether the operation is to be tried again, after a wait. -1 with an exception. */
static int again(int fd, short events, int64_t deadline) {
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        return await(fd, events, deadline);
    }
    if (errno == EINTR) {
        return PyErr_CheckSignals();
    }
    PyErr_SetFromErrno(PyExc_OSError);
    return -1;
}

/* 'C' and one end of a pair; the other one is what we get. */
static int hand_over(int fd, int64_t deadline) {
    char kind = 'C';
    struct iovec part = {&kind, 1};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    memset(&control, 0, sizeof control);
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    while (sendmsg(pk_this.call_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        if (again(pk_this.call_fd, POLLOUT, deadline) != 0) {
            return -1;
        }
    }
    return 0;
}

static int open_channel(int64_t deadline) {
    if (pk_this.call_fd == NO_FD) {
        PyErr_SetString(PyExc_ConnectionError, "this process was not started by penknife");
        return NO_FD;
    }
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0) {
        PyErr_SetFromErrno(PyExc_OSError);
        return NO_FD;
    }
    int ours = pk_move_high(pair[0]);
    int sent = ours < 0 ? (PyErr_SetFromErrno(PyExc_OSError), -1) : hand_over(pair[1], deadline);
    close(pair[0]);
    close(pair[1]);
    if (sent != 0 && ours >= 0) {
        close(ours);
    }
    return sent == 0 ? ours : NO_FD;
}

/* Takes the thread's channel away from it, so that a signal handler or a finalizer that calls in the middle of a call
 * opens one of its own. */
static int take_channel(int64_t deadline) {
    pk_channel *channel = pthread_getspecific(channel_key);
    if (channel == NULL) {
        return open_channel(deadline);
    }
    pthread_setspecific(channel_key, NULL);
    int fd = channel->fd;
    bool own = channel->owner == getpid();
    free(channel);
    if (own) {
        return fd;
    }
    close(fd);
    return open_channel(deadline);
}

static void give_back(int fd) {
    pk_channel *channel = pthread_getspecific(channel_key) ? NULL : malloc(sizeof *channel);
    if (channel == NULL) {
        close(fd);
        return;
    }
    *channel = (pk_channel){fd, getpid()};
    if (pthread_setspecific(channel_key, channel) != 0) {
        end_channel(channel);
    }
}

static int send_all(pk_exchange *x) {
    int first = 0;
    while (first < 2) {
        if (x->parts[first].iov_len == 0) {
            first++;
            continue;
        }
        struct msghdr message = {.msg_iov = x->parts + first, .msg_iovlen = 2 - (size_t)first};
        ssize_t n = sendmsg(x->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0 && errno == EPIPE) {
            return 0; /* what penknife said before it closed is still to read */
        }
        if (n < 0) {
            if (again(x->fd, POLLOUT, x->deadline) != 0) {
                return -1;
            }
            continue;
        }
        for (int i = first; i < 2 && n > 0; i++) {
            size_t part = (size_t)n < x->parts[i].iov_len ? (size_t)n : x->parts[i].iov_len;
            x->parts[i].iov_base = (char *)x->parts[i].iov_base + part;
            x->parts[i].iov_len -= part;
            n -= (ssize_t)part;
        }
    }
    return 0;
}

static void keep_descriptor(pk_exchange *x, struct msghdr *message) {
    for (struct cmsghdr *h = CMSG_FIRSTHDR(message); h != NULL; h = CMSG_NXTHDR(message, h)) {
        if (h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof(int))) {
            if (x->descriptor != NO_FD) {
                close(x->descriptor);
            }
            memcpy(&x->descriptor, CMSG_DATA(h), sizeof(int));
        }
    }
}

static int receive(pk_exchange *x, char *to, size_t size) {
    bool reset = false; /* penknife closed with something of ours unread; it is told before what it has sent */
    while (size > 0) {
        union {
            struct cmsghdr align;
            char bytes[CMSG_SPACE(sizeof(int))];
        } control;
        struct iovec part = {to, size};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
        ssize_t n = recvmsg(x->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        if (n == 0) {
            PyErr_SetString(PyExc_ConnectionError, "penknife has closed the channel");
            return -1;
        }
        if (n < 0 && errno == ECONNRESET && !reset) {
            reset = true;
            continue;
        }
        if (n < 0) {
            if (again(x->fd, POLLIN, x->deadline) != 0) {
                return -1;
            }
            continue;
        }
        keep_descriptor(x, &message);
        to += n;
        size -= (size_t)n;
    }
    return 0;
}

static PyObject *exchange(pk_exchange *x, unsigned char *status) {
    unsigned char head[HEAD];
    uint32_t size;
    if (send_all(x) != 0 || receive(x, (char *)head, HEAD) != 0) {
        return NULL;
    }
    memcpy(&size, head, sizeof size);
    *status = head[4];
    if (size > MAX_ANSWER) {
        PyErr_SetString(PyExc_ConnectionError, "penknife answered nonsense");
        return NULL;
    }
    PyObject *answer = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (answer != NULL && receive(x, PyBytes_AsString(answer), size) != 0) {
        Py_CLEAR(answer);
    }
    return answer;
}

PyObject *pk_call_send(unsigned char operation, struct iovec payload, int64_t timeout_ms, pk_answer *about) {
    unsigned char head[HEAD] = {0};
    uint32_t size = (uint32_t)payload.iov_len;
    if (payload.iov_len > UINT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "a call has at most 4 GiB");
        return NULL;
    }
    memcpy(head, &size, sizeof size);
    head[4] = operation;
    pk_exchange x = {.deadline = now_ms() + timeout_ms, .descriptor = NO_FD};
    x.parts[0] = (struct iovec){head, HEAD};
    x.parts[1] = payload;
    x.fd = take_channel(x.deadline);
    if (x.fd == NO_FD) {
        return NULL;
    }
    PyObject *answer = exchange(&x, &about->status);
    if (answer != NULL) {
        give_back(x.fd);
    } else {
        close(x.fd); /* who knows how far the exchange came */
        if (x.descriptor != NO_FD) {
            close(x.descriptor);
            x.descriptor = NO_FD;
        }
    }
    about->descriptor = x.descriptor;
    return answer;
}

PyObject *pk_call(PyObject *module, PyObject *args) {
    (void)module;
    unsigned char operation;
    PyObject *payload;
    double timeout;
    if (!PyArg_ParseTuple(args, "bSd:call", &operation, &payload, &timeout)) {
        return NULL;
    }
    if (!(timeout > 0 && timeout <= 86400)) {
        PyErr_SetString(PyExc_ValueError, "a call's time limit is above 0 and at most a day");
        return NULL;
    }
    pk_answer about;
    struct iovec part = {PyBytes_AsString(payload), (size_t)PyBytes_Size(payload)};
    PyObject *answer = pk_call_send(operation, part, (int64_t)(timeout * 1000) + 1, &about);
    if (answer == NULL) {
        return NULL;
    }
    if (about.descriptor != NO_FD) {
        close(about.descriptor); /* nobody asked for it */
    }
    return Py_BuildValue("iN", (int)about.status, answer);
}

PyObject *pk_set_calls(PyObject *module, PyObject *args) {
    (void)module;
    if (!PyArg_ParseTuple(args, "i:calls", &pk_this.call_fd)) {
        return NULL;
    }
    return Py_NewRef(Py_None);
}
