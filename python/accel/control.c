#define _GNU_SOURCE 1
#include "accel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#define LOG_HEAD 16
#define LOG_TEXT 60000

static bool send_message(struct msghdr *message) {
    ssize_t n;
    Py_BEGIN_ALLOW_THREADS
    do {
        n = sendmsg(pk_this.control_fd, message, MSG_NOSIGNAL);
    } while (n < 0 && errno == EINTR);
    Py_END_ALLOW_THREADS
    return n >= 0;
}

/* 'L', level, 6 zero bytes, request id, text. */
void pk_log(pk_request *r, enum pk_level level, const char *text, size_t size) {
    while (size > 0) {
        unsigned char head[LOG_HEAD] = {'L', (unsigned char)level};
        uint64_t id = r ? r->id : 0;
        memcpy(head + 8, &id, sizeof id);
        size_t part = size < LOG_TEXT ? size : LOG_TEXT;
        struct iovec parts[2] = {{head, LOG_HEAD}, {(void *)(uintptr_t)text, part}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
        if (!send_message(&message)) {
            return; /* nobody listens: there is nowhere to say so */
        }
        text += part;
        size -= part;
    }
}

void pk_log_text(pk_request *r, enum pk_level level, const char *text) { pk_log(r, level, text, strlen(text)); }

static PyObject *exception_text(PyObject *exception) {
    PyObject *text = PyObject_CallFunctionObjArgs(pk_this.format_exception, exception, NULL);
    if (text == NULL) {
        PyErr_Clear();
        text = PyObject_Repr(exception);
    }
    if (text == NULL) {
        PyErr_Clear();
        return NULL;
    }
    PyObject *bytes = PyUnicode_AsEncodedString(text, "utf-8", "backslashreplace");
    Py_DECREF(text);
    return bytes;
}

void pk_log_exception(pk_request *r) {
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    if (traceback != NULL && value != NULL) {
        PyException_SetTraceback(value, traceback);
    }
    PyObject *bytes = value ? exception_text(value) : NULL;
    if (bytes != NULL) {
        pk_log(r, PK_ERROR, PyBytes_AsString(bytes), (size_t)PyBytes_Size(bytes));
        Py_DECREF(bytes);
    } else {
        pk_log_text(r, PK_ERROR, "the application raised an exception that cannot be shown");
    }
    PyErr_Clear();
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
}

/* 'F', 3 zero bytes, slot, position, and the descriptor. */
bool pk_send_file(pk_request *r, int fd) {
    unsigned char body[12] = {'F'};
    memcpy(body + 4, &r->slot.index, 4);
    memcpy(body + 8, &r->slot.position, 4);
    struct iovec part = {body, sizeof body};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return send_message(&message);
}
