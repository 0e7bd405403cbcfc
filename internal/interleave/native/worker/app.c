/* The application, and the parts of the accelerator that are about Python objects and not about the queue. Compiled like
 * the accelerator, so that its accesses are seen. */
#include "../../../../python/accel/accel.h"

#include <string.h>

#include "python.h"
#include "worker.h"

pk_process pk_this;
static pk_request *requests[8];

/* What byte the answer to a request has at a place: Go's side knows the same. */
static char expected(uint64_t id, uint64_t at) { return (char)(id * 7 + at); }

static uint64_t nothing[8]; /* stands for objects that nobody looks into; the first is a count of references */
static PyObject *object(void) {
    nothing[0] = 1 << 28;
    return (PyObject *)nothing;
}

PyObject *pk_environ_template(pk_request *r) { (void)r; return object(); }
PyObject *pk_errors_new(pk_request *r) { (void)r; return object(); }
void pk_errors_flush(PyObject *errors) { (void)errors; }
PyObject *pk_start_new(pk_request *r) { (void)r; return object(); }
void pk_start_detach(PyObject *start) { (void)start; }
void pk_log(pk_request *r, enum pk_level level, const char *text, size_t size) { (void)r, (void)level, (void)text, (void)size; }
void pk_log_text(pk_request *r, enum pk_level level, const char *text) { (void)r, (void)level, (void)text; }

/* An exception that ends a request: which, matters for one kind. */
void pk_log_exception(pk_request *r) {
    if (model_interrupted()) {
        model_calls.note(PK_NOTE_INTERRUPTED, r->id, r->slot.position);
    }
    PyErr_Clear();
}

/* The variables of a request are its id, so that those of another are noticed. */
PyObject *pk_environ_new(pk_request *r, PyObject *input) {
    uint64_t id = 0;
    memcpy(&id, r->slot.vars, sizeof id);
    uint32_t size = *PK_U32(r->slot.control, PK_S_VARS_LEN);
    model_calls.note(id == r->id && size == sizeof id ? PK_NOTE_BEGIN : PK_NOTE_WRONG, r->id, r->slot.position);
    return input;
}

static void write_head(pk_request *r) {
    static const char head[] = "OKA: b\r\n";
    memcpy(r->slot.head, head, sizeof head - 1);
    *PK_U32(r->slot.control, PK_S_STATUS) = 200;
    *PK_U32(r->slot.control, PK_S_REASON_LEN) = 2;
    *PK_U32(r->slot.control, PK_S_HEAD_LEN) = sizeof head - 1;
    r->start_called = r->started = true;
}

/* How many bytes of an answer, in blocks of how many, and after how many of them an exception. */
static int send_blocks(pk_request *r, uint64_t size, uint64_t block, uint64_t raise_at) {
    for (uint64_t at = 0; at < size; at += block) {
        char data[32];
        if (at == raise_at) {
            model_raise();
            return -1;
        }
        for (uint64_t i = 0; i < block; i++) {
            data[i] = expected(r->id, at + i);
        }
        switch (pk_send(r, data, (size_t)block, true)) {
        case PK_SENT_ERROR:
            return -1;
        case PK_SENT_GONE:
            return 0;
        default:
            break;
        }
    }
    return 0;
}

static int echo(pk_request *r, PyObject *input) {
    size_t size;
    const char *data = model_read(input, &size);
    if (data == NULL) {
        return -1;
    }
    if (memchr(data, 0, size) != NULL) {
        model_calls.note(PK_NOTE_WRONG, r->id, r->slot.position); /* Go has wiped it: bodies hold no such byte */
    }
    write_head(r);
    r->declared = (int64_t)size;
    return pk_send(r, data, size, false) == PK_SENT_ERROR ? -1 : 0;
}

/* The whole of it is here, and pk_send_result has nothing left to do. */
static int application(pk_request *r, PyObject *input) {
    if (!model_bytecode()) {
        return -1;
    }
    switch ((enum pk_app)(r->id % PK_APP_KINDS)) {
    case PK_APP_RAISE:
        model_raise();
        return -1;
    case PK_APP_STREAM:
        write_head(r);
        return send_blocks(r, 24, 12, UINT64_MAX);
    case PK_APP_CUT:
        write_head(r);
        return send_blocks(r, 24, 12, 12);
    case PK_APP_ECHO:
        return echo(r, input);
    case PK_APP_LONG:
        if (!model_bytecode() || !model_bytecode()) {
            return -1;
        }
        break;
    default:
        break;
    }
    write_head(r);
    r->declared = 12;
    return send_blocks(r, 12, 12, UINT64_MAX);
}

static pk_request *mine(void) { return pk_this.requests[PyThread_get_thread_ident() - 1]; }

PyObject *PyObject_CallFunctionObjArgs(PyObject *callable, ...) {
    va_list list;
    va_start(list, callable);
    PyObject *input = va_arg(list, PyObject *);
    va_end(list);
    return application(mine(), input) == 0 ? model_result() : NULL;
}

int pk_send_result(pk_request *r, PyObject *result) {
    (void)r, (void)result;
    return 0;
}

static void bind(const pk_calls *calls) { model_calls = *calls; }

static const char *reset(void *base, uint64_t size, uint32_t worker, uint32_t features) {
    model_base = base;
    model_size = size;
    memset(requests, 0, sizeof requests);
    pk_this = (pk_process){.attached = true, .configured = true, .worker = worker, .requests = requests};
    const char *wrong = pk_queue_map(&pk_this.queue, base, 0, 1);
    pk_this.queue.bodies = base; /* which has room for them in its header page */
    pk_this.queue.bodies_size = size;
    model_python_reset(features);
    return wrong;
}

static int serve(uint32_t thread) {
    model_begin_thread(thread);
    bool well = pk_serve(NULL, NULL) != NULL;
    PyEval_SaveThread();
    return well ? 0 : 1;
}

static int watch(void) {
    model_begin_thread(7);
    pk_watch_interrupts(NULL, NULL);
    return 1;
}

__attribute__((visibility("default"))) const pk_worker pk_model = {bind, reset, serve, watch};
