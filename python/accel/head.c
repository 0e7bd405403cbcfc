/* Checks the status and headers that the application gave and writes them to the head area, ready to be sent
 * (PEP 3333, rules 6, 26, 27 and 40). What is refused raises in start_response, while the application still runs. */
#include "accel.h"

#include <string.h>
#include <strings.h>

typedef struct {
    char *at, *end;
} sink;

static int append(sink *out, const char *text, size_t size) {
    if ((size_t)(out->end - out->at) < size) {
        PyErr_SetString(PyExc_ValueError, "the response headers are longer than 64 KiB");
        return -1;
    }
    memcpy(out->at, text, size);
    out->at += size;
    return 0;
}

static bool has_control(const char *text, Py_ssize_t size, bool tab_allowed) {
    for (Py_ssize_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if ((c < 0x20 && !(tab_allowed && c == '\t')) || c == 0x7f) {
            return true;
        }
    }
    return false;
}

/* RFC 9110, section 5.6.2. */
static bool is_token(const char *text, Py_ssize_t size) {
    for (Py_ssize_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        bool alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alnum && (c == 0 || strchr("!#$%&'*+-.^_`|~", c) == NULL)) {
            return false;
        }
    }
    return size > 0;
}

static bool name_is(const char *name, Py_ssize_t size, const char *other) {
    return (size_t)size == strlen(other) && strncasecmp(name, other, (size_t)size) == 0;
}

/* Names that belong to one connection, which is the server's business (RFC 9110, section 7.6.1). */
static bool is_hop_by_hop(const char *name, Py_ssize_t size) {
    static const char *const names[] = {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
                                        "proxy-connection", "te", "trailers", "transfer-encoding", "upgrade"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (name_is(name, size, names[i])) {
            return true;
        }
    }
    return false;
}

/* "NNN" or "NNN reason". Interim answers (1xx) are the server's. */
static int write_status(pk_request *r, PyObject *status, sink *out) {
    PyObject *keep;
    Py_ssize_t size;
    const char *text = pk_latin1(status, &size, &keep, "the status");
    if (text == NULL) {
        return -1;
    }
    bool valid = size >= 3 && text[0] >= '2' && text[0] <= '9' && text[1] >= '0' && text[1] <= '9' && text[2] >= '0' &&
                 text[2] <= '9' && (size == 3 || text[3] == ' ') && !has_control(text, size, false);
    int result = -1;
    if (!valid) {
        PyErr_Format(PyExc_ValueError, "the status must be like '200 OK', from 200 to 999, not %R", status);
    } else {
        Py_ssize_t reason = size > 4 ? size - 4 : 0;
        int code = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
        *PK_U32(r->slot.control, PK_S_STATUS) = (uint32_t)code;
        *PK_U32(r->slot.control, PK_S_REASON_LEN) = (uint32_t)reason;
        r->no_body = r->head_request || code == 204 || code == 304;
        result = append(out, text + (size - reason), (size_t)reason);
    }
    Py_XDECREF(keep);
    return result;
}

static int note_length(pk_request *r, const char *value, Py_ssize_t size) {
    int64_t length = size > 0 ? 0 : -1;
    for (Py_ssize_t i = 0; i < size && length >= 0; i++) {
        bool digit = value[i] >= '0' && value[i] <= '9';
        length = digit && length <= (INT64_MAX - 9) / 10 ? length * 10 + (value[i] - '0') : -1;
    }
    if (length < 0) {
        PyErr_SetString(PyExc_ValueError, "Content-Length must be digits only");
        return -1;
    }
    if (r->declared >= 0) {
        PyErr_SetString(PyExc_ValueError, "Content-Length is given twice");
        return -1;
    }
    r->declared = length;
    return 0;
}

static int write_field(pk_request *r, sink *out, const char *const text[2], const Py_ssize_t size[2]) {
    if (!is_token(text[0], size[0])) {
        PyErr_Format(PyExc_ValueError, "the header name '%.200s' is not a token (RFC 9110, section 5.6.2)", text[0]);
        return -1;
    }
    if (has_control(text[1], size[1], true)) {
        PyErr_Format(PyExc_ValueError, "the value of the header '%.200s' has a control character", text[0]);
        return -1;
    }
    if (is_hop_by_hop(text[0], size[0])) {
        PyErr_Format(PyExc_ValueError, "the header '%.200s' is hop-by-hop and the server's to send (PEP 3333)", text[0]);
        return -1;
    }
    if (name_is(text[0], size[0], "content-length") && note_length(r, text[1], size[1]) != 0) {
        return -1;
    }
    return append(out, text[0], (size_t)size[0]) || append(out, ": ", 2) || append(out, text[1], (size_t)size[1]) ||
                   append(out, "\r\n", 2)
               ? -1
               : 0;
}

static int write_pair(pk_request *r, sink *out, PyObject *pair) {
    if (!PyTuple_CheckExact(pair) || PyTuple_Size(pair) != 2) {
        PyErr_Format(PyExc_TypeError, "a header must be a tuple (name, value), not %R (PEP 3333)", pair);
        return -1;
    }
    const char *text[2];
    Py_ssize_t size[2];
    PyObject *keep[2] = {NULL, NULL};
    text[0] = pk_latin1(PyTuple_GetItem(pair, 0), &size[0], &keep[0], "a header name");
    text[1] = text[0] ? pk_latin1(PyTuple_GetItem(pair, 1), &size[1], &keep[1], "a header value") : NULL;
    int result = text[1] ? write_field(r, out, text, size) : -1;
    Py_XDECREF(keep[0]);
    Py_XDECREF(keep[1]);
    return result;
}

int pk_head_write(pk_request *r, PyObject *status, PyObject *headers) {
    sink out = {(char *)r->slot.head, (char *)r->slot.head + r->lane.queue->head_area};
    r->started = false;
    r->declared = -1;
    if (write_status(r, status, &out) != 0) {
        return -1;
    }
    if (!PyList_CheckExact(headers)) {
        PyErr_SetString(PyExc_TypeError, "the headers must be a list of tuples (PEP 3333)");
        return -1;
    }
    for (Py_ssize_t i = 0; i < PyList_Size(headers); i++) {
        if (write_pair(r, &out, PyList_GetItem(headers, i)) != 0) {
            return -1;
        }
    }
    *PK_U32(r->slot.control, PK_S_HEAD_LEN) = (uint32_t)(out.at - (char *)r->slot.head);
    r->started = true;
    return 0;
}
