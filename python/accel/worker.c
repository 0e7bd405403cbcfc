/* The loop of one worker thread: claim a request, call the application, send what it returns. */
#define _GNU_SOURCE 1
#include "accel.h"

#include <pthread.h>
#include <unistd.h>

static PyObject *name_close;

/* An application may fork in a request and let the child come back to us. The child is no worker: it must not answer
 * the request a second time, nor claim others. */
static bool forked;

static void in_forked_child(void) { forked = true; }

int pk_watch_forks(void) { return pthread_atfork(NULL, NULL, in_forked_child); }

bool pk_is_forked(void) { return forked; }

/* It ends as a program does: SystemExit gives its status, any other exception a traceback and 1. A child that only wants
 * to answer ends at once: what the worker registered for its own end is not run by mistake. */
void pk_leave_if_forked(void) {
    if (!forked) {
        return;
    }
    if (PyErr_Occurred()) {
        PyErr_Print(); /* does not return for SystemExit */
        Py_Exit(1);
    }
    _exit(0);
}

static void begin(pk_request *r) {
    uint8_t *control = r->slot.control;
    r->id = *PK_U64(control, PK_S_REQUEST_ID);
    r->body_len = *PK_U64(control, PK_S_BODY_LEN);
    r->body_lost = !pk_body_at(r->lane.queue, &r->slot, r->body_len, &r->body);
    r->live = true;
    r->in_app = r->interrupted = false;
    r->head_request = r->start_called = r->started = r->head_sent = r->no_body = r->gone = r->excess_logged = false;
    r->declared = -1;
    r->body_read = r->produced = r->sent = 0;
}

static int call_and_send(pk_request *r, PyObject *result) {
    if (pk_send_result(r, result) != 0) {
        return -1;
    }
    if (r->live && !r->started) {
        PyErr_SetString(PyExc_AssertionError, "the application returned without a call of start_response (PEP 3333)");
        return -1;
    }
    pk_finish(r);
    return 0;
}

/* An exception because the client left is no fault of the application, nor news. */
static void failed(pk_request *r) {
    pk_leave_if_forked();
    bool quiet = r->gone && PyErr_ExceptionMatches(PyExc_ConnectionAbortedError);
    if (quiet) {
        PyErr_Clear();
    } else {
        pk_log_exception(r);
    }
    pk_fail(r);
}

/* Rule 33: close() exactly once, however the response ended. Lists, tuples and bytes have none. */
static void close_result(pk_request *r, PyObject *result) {
    if (PyList_CheckExact(result) || PyTuple_CheckExact(result) || PyBytes_CheckExact(result)) {
        return;
    }
    PyObject *close = PyObject_GetAttr(result, name_close);
    if (close == NULL) {
        PyErr_Clear();
        return;
    }
    PyObject *closed = PyObject_CallFunctionObjArgs(close, NULL);
    Py_DECREF(close);
    if (closed == NULL) {
        pk_leave_if_forked();
        pk_log_exception(r);
    }
    Py_XDECREF(closed);
}

/* The answer is given to Go before close() and before the environ is freed, so that this work overlaps with the
 * client's. BaseException is caught: an application that calls sys.exit() must not end the worker (rule 45). */
static void handle(pk_request *r, PyObject *app) {
    begin(r);
    PyObject *input = pk_input_new(r), *start = pk_start_new(r);
    PyObject *environ = input && start ? pk_environ_new(r, input) : NULL;
    pk_enter_app(r);
    PyObject *result = environ ? PyObject_CallFunctionObjArgs(app, environ, start, NULL) : NULL;
    bool answered = result != NULL && call_and_send(r, result) == 0;
    pk_leave_app(r);
    if (!answered) {
        failed(r);
    }
    if (result != NULL) {
        close_result(r, result);
    }
    pk_leave_if_forked(); /* one that close() forked */
    if (input != NULL) {
        pk_input_detach(input);
    }
    if (start != NULL) {
        pk_start_detach(start);
    }
    pk_errors_flush(r->errors);
    Py_XDECREF(result);
    Py_XDECREF(environ);
    Py_XDECREF(input);
    Py_XDECREF(start);
    r->id = 0;
}

static int run(pk_request *r, PyObject *app) {
    uint64_t now = 0; /* 0: the clock has to be read */
    while (!pk_stopping(&r->lane)) {
        if (pk_claim(&r->lane, &r->slot)) {
            now = now ? now : pk_now();
            pk_note(PK_U64(r->slot.control, PK_S_CLAIMED_AT), now);
            pk_occupied(&r->lane, now);
            __atomic_fetch_add(r->lane.running, 1, __ATOMIC_RELAXED);
            handle(r, app);
            __atomic_fetch_sub(r->lane.running, 1, __ATOMIC_RELAXED);
            now = pk_now();
            pk_released(&r->lane, now);
            continue;
        }
        now = 0;
        Py_BEGIN_ALLOW_THREADS
        pk_wait_for_work(&r->lane);
        Py_END_ALLOW_THREADS
        if (PyErr_CheckSignals() != 0) {
            return -1;
        }
    }
    pk_pass_on(&r->lane);
    return 0;
}

PyObject *pk_serve(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *app;
    unsigned int thread;
    if (!PyArg_ParseTuple(args, "OI:serve", &app, &thread)) {
        return NULL;
    }
    if (!pk_this.configured || thread >= pk_this.queue.threads) {
        PyErr_SetString(PyExc_RuntimeError, "penknife: serve() before configure(), or a thread index out of range");
        return NULL;
    }
    if (name_close == NULL && (name_close = PyUnicode_InternFromString("close")) == NULL) {
        return NULL;
    }
    pk_request *r = PyMem_Malloc(sizeof *r);
    if (r == NULL) {
        return PyErr_NoMemory();
    }
    *r = (pk_request){.id = 0};
    pk_lane_init(&r->lane, &pk_this.queue, pk_this.worker, thread);
    r->thread = PyThread_get_thread_ident();
    pk_note(r->lane.thread, r->thread);
    pk_this.requests[thread] = r;
    r->errors = pk_errors_new(r);
    r->environ_template = r->errors ? pk_environ_template(r) : NULL;
    int status = r->environ_template ? run(r, app) : -1;
    /* r is not freed: the application may have kept wsgi.errors, which points to it. The process ends soon. */
    return status == 0 ? Py_NewRef(Py_None) : NULL;
}
