/* What the files of the accelerator share. Every function needs the GIL unless it says otherwise; the GIL also guards
 * the module's few global variables, since free-threaded builds cannot load an abi3 module. */
#ifndef PENKNIFE_ACCEL_H
#define PENKNIFE_ACCEL_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <sys/uio.h>

#include "queue.h"

/* One request while its slot is claimed, and one thread's standing equipment. */
typedef struct pk_request {
    pk_lane lane;
    pk_slot slot;
    PyObject *environ_template; /* dict copied for each request */
    PyObject *errors;           /* the thread's wsgi.errors */
    unsigned long thread;       /* as Python names it */

    /* Request. */
    uint64_t id;
    bool live;          /* the slot is ours: cleared when it is given back */
    bool in_app;        /* the application works on its answer: it may be interrupted */
    bool interrupted;   /* it was */
    bool head_request;  /* HEAD: body bytes are not sent */
    uint64_t body_len, body_read;
    const uint8_t *body; /* all of it; NULL: it comes by the window */
    bool body_lost;      /* it lies where it cannot be */

    /* Response. */
    bool start_called;   /* start_response was called, even if it raised */
    bool started;        /* status and fields are in the head area */
    bool head_sent;      /* the head was published */
    bool no_body;        /* HEAD, 204 or 304 */
    bool gone;           /* nobody wants the answer any more */
    int64_t declared;    /* the application's Content-Length, -1 without */
    uint64_t produced;   /* body bytes put into the window */
    uint64_t sent;       /* body bytes taken from the application, at most declared */
    bool excess_logged;
} pk_request;

/* Process-wide settings, from configure(). */
typedef struct {
    pk_queue queue;
    bool attached, configured;
    uint32_t worker;
    int control_fd;
    int call_fd; /* socket to penknife that takes channels: the zygote's or the worker's; -1 before calls() */
    bool multiprocess;
    PyObject *format_exception;
    pk_request **requests; /* by thread; NULL while that does not serve */
} pk_process;

extern pk_process pk_this;

enum pk_level { PK_DEBUG = 1, PK_INFO = 2, PK_WARNING = 3, PK_ERROR = 4 };

/* environ.c: the dict for one request. scheme, method and body length are taken from the var block on the way. */
PyObject *pk_environ_template(pk_request *r);
PyObject *pk_environ_new(pk_request *r, PyObject *input);
int pk_environ_init(void);

/* input.c: wsgi.input. It reads while r->live; after that it is at its end. */
PyObject *pk_input_new(pk_request *r);
void pk_input_detach(PyObject *input);
int pk_input_init(void);

/* start.c: start_response and write(). */
PyObject *pk_start_new(pk_request *r);
void pk_start_detach(PyObject *start);
int pk_start_init(void);

/* head.c: checks status and headers and writes them to the head area. -1 with an exception. */
int pk_head_write(pk_request *r, PyObject *status, PyObject *headers);

/* body.c: the way of body bytes into the window. */
enum pk_sent { PK_SENT_ERROR = -1, PK_SENT = 0, PK_SENT_EXCESS = 1, PK_SENT_GONE = 2 };

/* Takes one block; flush publishes it at once. PK_SENT_EXCESS: it was longer than Content-Length allows; the allowed
 * part is sent. PK_SENT_GONE: the client left. PK_SENT_ERROR: with an exception. May wait, without the GIL. */
enum pk_sent pk_send(pk_request *r, const char *data, size_t size, bool flush);

/* Ends a response that went well so far: head if it was not sent, cut mark when the body is short. */
void pk_finish(pk_request *r);

/* Ends a response by an error: 500 when nothing was sent, else the cut mark. */
void pk_fail(pk_request *r);

/* result.c: sends what the application returned, by its kind. -1 with an exception. */
int pk_send_result(pk_request *r, PyObject *result);

/* file.c: wsgi.file_wrapper. pk_file_try answers 1 when the file went to Go, 0 when it must be iterated, -1. */
extern PyTypeObject *pk_file_wrapper;
int pk_file_try(pk_request *r, PyObject *wrapper);
int pk_file_init(void);

/* errors.c: wsgi.errors. */
PyObject *pk_errors_new(pk_request *r);
void pk_errors_flush(PyObject *errors);
int pk_errors_init(void);

/* control.c: messages to Go over the worker's control socket. */
void pk_log(pk_request *r, enum pk_level level, const char *text, size_t size);
void pk_log_text(pk_request *r, enum pk_level level, const char *text);
/* Logs the current exception with its traceback and clears it. */
void pk_log_exception(pk_request *r);
bool pk_send_file(pk_request *r, int fd);

/* call.c: calls of Python code to penknife. */
typedef struct {
    unsigned char status;
    int descriptor; /* that came with the answer, or -1; the caller's */
} pk_answer;

/* Makes one call; payload is borrowed. Gives the answer as bytes, or NULL with TimeoutError, OSError or what a signal
 * handler raised. Waits without the GIL. */
PyObject *pk_call_send(unsigned char operation, struct iovec payload, int64_t timeout_ms, pk_answer *about);
PyObject *pk_call(PyObject *module, PyObject *args);
PyObject *pk_set_calls(PyObject *module, PyObject *args);
int pk_call_init(void);

/* cells.c: the numbers of the application's metrics. */
PyObject *pk_cells_open(PyObject *module, PyObject *args);
PyObject *pk_cell_add(PyObject *module, PyObject *args);
PyObject *pk_cell_set(PyObject *module, PyObject *args);
PyObject *pk_cell_get(PyObject *module, PyObject *args);
PyObject *pk_cell_observe(PyObject *module, PyObject *args);

/* peek.c: reads of the application's cache without a call. */
PyObject *pk_peek_open(PyObject *module, PyObject *args);
PyObject *pk_peek(PyObject *module, PyObject *key);

/* module.c: a duplicate of fd, out of the range that applications guess at. */
int pk_move_high(int fd);

/* fork.c */
PyObject *pk_next_worker(PyObject *module, PyObject *args);

/* interrupt.c: an exception in the application when its time is over. */
void pk_enter_app(pk_request *r);
void pk_leave_app(pk_request *r); /* from here on no exception comes for this request; it is not an error to have none */
PyObject *pk_interrupts(PyObject *module, PyObject *exception);
PyObject *pk_on_interrupt(PyObject *module, PyObject *args);
PyObject *pk_watch_interrupts(PyObject *module, PyObject *unused);

/* childsignals.c: to be called before each fork, and after it in both processes. */
PyObject *pk_hold_signals(PyObject *module, PyObject *unused);
PyObject *pk_release_signals(PyObject *module, PyObject *unused);

/* worker.c */
int pk_watch_forks(void); /* in the worker process, once */
void pk_leave_if_forked(void); /* ends a child that the application forked; with the GIL */
bool pk_is_forked(void);
PyObject *pk_serve(PyObject *module, PyObject *args);

/* util.c */
/* The bytes of a str that is latin-1: borrowed from it when it is ASCII, else from *keep, which the caller drops.
 * NULL with an exception when it has other code points or is no str. what names the value in the message. */
const char *pk_latin1(PyObject *text, Py_ssize_t *size, PyObject **keep, const char *what);
PyTypeObject *pk_make_type(PyType_Spec *spec);
void pk_free_object(PyObject *self);
/* Whether Go said that nobody wants the answer. */
bool pk_aborted(pk_request *r);
/* Waits without the GIL for Go to change something in the slot while ready() is false. -1 with an exception. */
int pk_wait(pk_request *r, bool (*ready)(pk_request *));
void pk_publish_or_exit(pk_request *r);

#endif
