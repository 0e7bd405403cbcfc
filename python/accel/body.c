/* The response body's way into the window, and the three ways in which a response ends. */
#include "accel.h"

#include <string.h>

static uint64_t room(pk_request *r) {
    uint64_t consumed = pk_load(PK_U64(r->slot.control, PK_S_RESP_CONSUMED));
    return r->lane.queue->response_ring - (r->produced - consumed);
}

static bool has_room(pk_request *r) { return room(r) > 0; }

/* Makes visible what was written. The phase comes last: Go reads the head when it sees it. */
static void publish_progress(pk_request *r, int64_t length) {
    uint8_t *control = r->slot.control;
    pk_store(PK_U64(control, PK_S_RESP_PRODUCED), r->produced);
    if (!r->head_sent) {
        r->head_sent = true;
        *(int64_t *)PK_U64(control, PK_S_RESP_LEN) = length;
        pk_store(PK_U32(control, PK_S_PHASE), PK_PHASE_HEAD);
    }
}

static void flush_progress(pk_request *r) {
    publish_progress(r, r->declared);
    pk_publish_or_exit(r);
}

static enum pk_sent copy_in(pk_request *r, const char *data, size_t size) {
    uint64_t ring = r->lane.queue->response_ring;
    while (size > 0) {
        if (!has_room(r)) {
            flush_progress(r);
            if (pk_wait(r, has_room) != 0) {
                return PK_SENT_ERROR;
            }
        }
        if (pk_aborted(r)) {
            return PK_SENT_GONE;
        }
        uint64_t start = r->produced & (ring - 1), n = room(r);
        n = n < ring - start ? n : ring - start;
        n = n < size ? n : size;
        memcpy(r->slot.response + start, data, (size_t)n);
        r->produced += n;
        data += n;
        size -= (size_t)n;
    }
    return PK_SENT;
}

/* Gives the slot back: from here on Go may reuse it. */
static void give_back(pk_request *r) {
    r->live = false;
    if (!pk_done(&r->lane, &r->slot)) {
        pk_publish_or_exit(r);
    }
}

/* A body that has reached its declared length is complete, whatever the application does next; so that head, body
 * and end cost Go one event and not two. */
static bool complete(const pk_request *r) {
    return !r->no_body && r->declared >= 0 && r->sent == (uint64_t)r->declared;
}

enum pk_sent pk_send(pk_request *r, const char *data, size_t size, bool flush) {
    pk_leave_if_forked();
    if (!r->live) {
        return size > 0 ? PK_SENT_EXCESS : PK_SENT;
    }
    if (!r->started) {
        PyErr_SetString(PyExc_AssertionError, "the application sent a body before it called start_response (PEP 3333)");
        return PK_SENT_ERROR;
    }
    if (size == 0) {
        return PK_SENT;
    }
    bool excess = !r->no_body && r->declared >= 0 && size > (uint64_t)r->declared - r->sent;
    if (excess) {
        size = (size_t)((uint64_t)r->declared - r->sent);
    }
    enum pk_sent result = r->no_body ? PK_SENT : copy_in(r, data, size);
    if (result != PK_SENT) {
        return result;
    }
    r->sent += size;
    if (complete(r)) {
        publish_progress(r, r->declared);
        give_back(r);
    } else if (flush) {
        flush_progress(r);
    }
    return excess ? PK_SENT_EXCESS : PK_SENT;
}

static void mark_cut(pk_request *r) {
    uint32_t *flags = PK_U32(r->slot.control, PK_S_FLAGS);
    pk_store(flags, *flags | PK_FLAG_CUT);
}

void pk_finish(pk_request *r) {
    pk_leave_if_forked();
    if (!r->live) {
        return;
    }
    bool unsent = r->declared >= 0 && !r->no_body && r->sent < (uint64_t)r->declared;
    if (unsent && !pk_aborted(r)) {
        char text[160];
        PyOS_snprintf(text, sizeof text, "the application sent %llu of the %lld bytes that its Content-Length declares",
                      (unsigned long long)r->sent, (long long)r->declared);
        pk_log_text(r, PK_ERROR, text);
    }
    if (unsent && r->sent == 0 && !r->head_sent) {
        pk_fail(r); /* nobody has seen anything: a 500 says more than a cut connection */
        return;
    }
    if (unsent) {
        mark_cut(r);
    }
    int64_t length = r->declared >= 0 || r->head_request ? r->declared : (int64_t)r->sent;
    publish_progress(r, length);
    give_back(r);
}

void pk_fail(pk_request *r) {
    if (!r->live) {
        return;
    }
    if (r->head_sent) {
        mark_cut(r);
    } else {
        pk_store(PK_U32(r->slot.control, PK_S_PHASE), PK_PHASE_ERROR);
    }
    give_back(r);
}
