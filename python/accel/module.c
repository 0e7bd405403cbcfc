/* penknife._accel: the part of a Python worker that runs for every request. Limited API of CPython 3.10, so that one
 * build serves that version and all later ones. */
#define _GNU_SOURCE 1
#include "accel.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

pk_process pk_this;

int pk_move_high(int fd) {
    int high = fcntl(fd, F_DUPFD_CLOEXEC, 200);
    return high >= 0 ? high : fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

static PyObject *attach(PyObject *module, PyObject *args) {
    (void)module;
    int memory_fd, event_fd;
    const char *geometry;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, "iiy#:attach", &memory_fd, &event_fd, &geometry, &size)) {
        return NULL;
    }
    if (size != PK_GEOMETRY_SIZE) {
        PyErr_Format(PyExc_ValueError, "penknife: %zd bytes of geometry, and not %d", size, PK_GEOMETRY_SIZE);
        return NULL;
    }
    if (pk_this.attached) {
        PyErr_SetString(PyExc_RuntimeError, "penknife: attach() was called before");
        return NULL;
    }
    int event = pk_move_high(event_fd);
    if (event < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    const char *problem = pk_queue_map(&pk_this.queue, (const uint8_t *)geometry, memory_fd, event);
    if (problem != NULL) {
        PyErr_Format(PyExc_RuntimeError, "penknife: %s", problem);
        return NULL;
    }
    pk_this.attached = true;
    return Py_NewRef(Py_None);
}

static PyObject *map_bodies(PyObject *module, PyObject *args) {
    (void)module;
    int fd;
    if (!PyArg_ParseTuple(args, "i:map_bodies", &fd)) {
        return NULL;
    }
    const char *problem = pk_bodies_map(&pk_this.queue, fd);
    if (problem != NULL) {
        PyErr_Format(PyExc_RuntimeError, "penknife: %s", problem);
        return NULL;
    }
    return Py_NewRef(Py_None);
}

static PyObject *configure(PyObject *module, PyObject *args) {
    (void)module;
    unsigned int worker;
    int control_fd, multiprocess;
    PyObject *format_exception;
    if (!PyArg_ParseTuple(args, "IipO:configure", &worker, &control_fd, &multiprocess, &format_exception)) {
        return NULL;
    }
    if (!pk_this.attached || worker >= pk_this.queue.workers) {
        PyErr_SetString(PyExc_RuntimeError, "penknife: configure() before attach(), or a worker index out of range");
        return NULL;
    }
    int control = pk_move_high(control_fd);
    if (control < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    pk_this.worker = worker;
    pk_this.control_fd = pk_this.call_fd = control;
    pk_this.multiprocess = multiprocess != 0;
    Py_XDECREF(pk_this.format_exception);
    pk_this.format_exception = Py_NewRef(format_exception);
    if (pk_this.requests == NULL) {
        pk_this.requests = PyMem_Calloc(pk_this.queue.threads, sizeof *pk_this.requests);
    }
    if (pk_this.requests == NULL || pk_watch_forks() != 0) {
        return PyErr_NoMemory();
    }
    pk_this.configured = true;
    return Py_NewRef(Py_None);
}

/* Asynchronous I/O on a pipe that nobody writes to: its only event is that the other end was closed, and the signal
 * chosen for it cannot be ignored. No thread, no wake-up, works while the interpreter hangs. The pipe is opened anew,
 * since the owner belongs to the open file, which a forked child shares. */
static PyObject *lifeline(PyObject *module, PyObject *args) {
    (void)module;
    int fd;
    if (!PyArg_ParseTuple(args, "i:lifeline", &fd)) {
        return NULL;
    }
    char path[64];
    PyOS_snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    int high = own >= 0 ? pk_move_high(own) : -1;
    if (own >= 0) {
        close(own);
    }
    char byte;
    pid_t owner = getpgrp() == getpid() ? -getpgrp() : getpid(); /* the group: children of the application too */
    if (high < 0 || fcntl(high, F_SETOWN, owner) != 0 || fcntl(high, F_SETSIG, SIGKILL) != 0 ||
        fcntl(high, F_SETFL, O_ASYNC | O_NONBLOCK) != 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    if (read(high, &byte, 1) == 0) {
        _exit(0); /* it was closed before we watched */
    }
    return Py_NewRef(Py_None);
}

static PyMethodDef methods[] = {
    {"attach", attach, METH_VARARGS,
     "attach(memory_fd, event_fd, geometry): maps the queue's memory, of which geometry is what Go says. Once, before workers fork."},
    {"map_bodies", map_bodies, METH_VARARGS,
     "map_bodies(fd): maps the memory in which request bodies lie, for reading. Once, before workers fork."},
    {"configure", configure, METH_VARARGS,
     "configure(worker, control_fd, multiprocess, format_exception): after the fork, before serve()."},
    {"serve", pk_serve, METH_VARARGS,
     "serve(app, thread): answers requests in this thread until penknife asks the worker to leave."},
    {"interrupts", pk_interrupts, METH_O, "interrupts(exception): what to raise in requests whose time is over."},
    {"on_interrupt", pk_on_interrupt, METH_VARARGS,
     "on_interrupt(number, frame): signal handler. Raises if penknife wants the main thread's request to end."},
    {"watch_interrupts", pk_watch_interrupts, METH_NOARGS,
     "watch_interrupts(): raises in the other threads what penknife asks for. Does not return."},
    {"next_worker", pk_next_worker, METH_VARARGS,
     "next_worker(control_fd, before): obeys penknife's orders for workers, calling before (or None) ahead of each fork. Returns in\n"
     "each worker, with its number, whether its warm-up is strict, and its descriptors; in the zygote None, when penknife has gone."},
    {"lifeline", lifeline, METH_VARARGS, "lifeline(fd): the kernel kills this process group when the pipe's writer closes."},
    {"hold_signals", pk_hold_signals, METH_NOARGS, "hold_signals(): before a fork: TERM, INT and HUP wait."},
    {"release_signals", pk_release_signals, METH_NOARGS, "release_signals(): after it, in both processes."},
    {"calls", pk_set_calls, METH_VARARGS, "calls(fd): channels of call() go to penknife over this socket. In each process, first."},
    {"call", pk_call, METH_VARARGS,
     "call(operation, payload, timeout): asks penknife; (status, answer). TimeoutError or OSError when it cannot."},
    {"cells_open", pk_cells_open, METH_VARARGS,
     "cells_open(operation, timeout): as call(), and maps the metrics' memory that comes with the answer."},
    {"cell_add", pk_cell_add, METH_VARARGS, "cell_add(index, amount): atomic over all processes; a cell that is not there takes it."},
    {"cell_set", pk_cell_set, METH_VARARGS, "cell_set(index, value)"},
    {"cell_get", pk_cell_get, METH_VARARGS, "cell_get(index): 0.0 for a cell that is not there."},
    {"cell_observe", pk_cell_observe, METH_VARARGS, "cell_observe(count, sum, amount): adds 1 to one cell and amount to the other."},
    {"peek_open", pk_peek_open, METH_VARARGS,
     "peek_open(operation, timeout): as call(), and maps the memory with copies of the cache that comes with the answer."},
    {"peek", pk_peek, METH_O, "peek(key): the value of a str or bytes key if there is a copy of it; else None."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "penknife._accel", "The per-request part of a penknife worker.", -1, methods,
    NULL, NULL, NULL, NULL};

PyMODINIT_FUNC PyInit__accel(void);

PyMODINIT_FUNC PyInit__accel(void) {
    if (pk_environ_init() || pk_input_init() || pk_start_init() || pk_file_init() || pk_errors_init() || pk_call_init()) {
        return NULL;
    }
    return PyModule_Create(&definition);
}
