#include "../../accel/environ.c"

#include "driver.h"

#include <stdlib.h>

static pk_request request;

int environ_prepare(void) {
    if (pk_environ_init() != 0 || pk_errors_init() != 0 || pk_file_init() != 0) {
        return -1;
    }
    pk_this.queue.threads = 1;
    request.lane.queue = &pk_this.queue;
    request.slot.control = malloc(PK_SLOT_SIZE);
    request.errors = pk_errors_new(&request);
    request.environ_template = request.errors ? pk_environ_template(&request) : NULL;
    return request.environ_template ? 0 : -1;
}

/* A worker that has seen no request. */
void environ_forget(void) {
    for (size_t i = 0; i < TABLE_SIZE; i++) {
        Py_XDECREF(table[i].name);
        Py_XDECREF(table[i].value);
    }
    memset(table, 0, sizeof table);
    table_used = 0;
}

/* 0 and an exception, or 1, whether it is HEAD, and all pairs of str. */
void environ_answer(const uint8_t *block, size_t size, uint32_t declared) {
    memset(request.slot.control, 0, PK_SLOT_SIZE);
    *PK_U32(request.slot.control, PK_S_VARS_LEN) = declared;
    pk_this.queue.vars_area = size;
    request.slot.vars = guarded(block, size);
    request.head_request = false;
    PyObject *made = pk_environ_new(&request, Py_None), *key, *value;
    if (made == NULL) {
        say_refusal();
        return;
    }
    say("\1", 1);
    say(request.head_request ? "\1" : "\0", 1);
    for (Py_ssize_t at = 0; PyDict_Next(made, &at, &key, &value);) {
        if (!PyUnicode_Check(value)) {
            continue; /* wsgi.input and the like */
        }
        say_object(key);
        say_object(value);
    }
    Py_DECREF(made);
}
