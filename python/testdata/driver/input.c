#include "driver.h"

#include <stdlib.h>
#include <string.h>

static pk_request request;

int input_prepare(void) {
    pk_queue *q = &pk_this.queue;
    q->base = calloc(1, PK_HEADER_SIZE);
    q->events = calloc(2, 8); /* one slot; Go is awake, so that nothing is written to the eventfd */
    q->summary_words = 1;
    request.lane.queue = q;
    request.slot.control = malloc(PK_SLOT_SIZE);
    return q->base && q->events && request.slot.control ? pk_input_init() : -1;
}

static void call(PyObject *input, uint8_t what, int16_t size) {
    static const char *const names[] = {"read", "readline", "readlines", "__next__"};
    PyObject *result = what < 3 ? PyObject_CallMethod(input, names[what], "n", (Py_ssize_t)size)
                                : PyObject_CallMethod(input, names[3], NULL);
    if (result == NULL) {
        say_refusal();
        return;
    }
    PyObject *bytes = result, *nothing = PyBytes_FromString("|");
    if (PyList_Check(result)) {
        bytes = PyObject_CallMethod(nothing, "join", "O", result);
        Py_DECREF(result);
    }
    if (bytes == NULL) {
        abort();
    }
    say("\1", 1);
    say_object(bytes);
    Py_DECREF(bytes);
    Py_XDECREF(nothing);
}

/* words: u64 length of the body, u64 how much of it was produced, u64 where it lies in the memory for bodies, + 1, which is the
 * window's then, or 0; then calls: u8 which, i16 size. Answers with one part for
 * each call. Nothing more comes: whoever waits is told that the request is over. */
void input_answer(const uint8_t *window, size_t size, const uint8_t *words, size_t words_size) {
    if (words_size < 24) {
        return;
    }
    memset(request.slot.control, 0, PK_SLOT_SIZE);
    memcpy(&request.body_len, words, 8);
    memcpy(PK_U64(request.slot.control, PK_S_BODY_AT), words + 16, 8);
    memcpy(PK_U64(request.slot.control, PK_S_REQ_PRODUCED), words + 8, 8);
    *PK_U32(request.slot.control, PK_S_ABORT) = 1;
    pk_this.queue.request_ring = size;
    request.slot.window = guarded(window, size);
    pk_this.queue.bodies = request.slot.window;
    pk_this.queue.bodies_size = size;
    request.body_lost = !pk_body_at(&pk_this.queue, &request.slot, request.body_len, &request.body);
    request.body_read = 0;
    request.gone = false;
    request.live = true;
    PyObject *input = pk_input_new(&request);
    for (size_t at = 24; input != NULL && at + 3 <= words_size; at += 3) {
        int16_t n;
        memcpy(&n, words + at + 1, 2);
        call(input, words[at], n);
    }
    request.live = false;
    Py_XDECREF(input);
}
