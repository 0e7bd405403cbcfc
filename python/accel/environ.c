/* The environ: a copy of a per-thread template plus the request's variables (PEP 3333, rules 2 and 5 to 16).
 *
 * Names repeat in every request, so their str objects are kept with cached hashes; so is the last value of each name
 * when it is short. Both tables are bounded, since clients choose header names. */
#include "accel.h"

#include <string.h>
#include <strings.h>

enum key_kind { KEY_PLAIN = 1, KEY_DROPPED, KEY_HTTPS, KEY_REQUEST_SCHEME, KEY_UWSGI_SCHEME, KEY_METHOD, KEY_HOST, KEY_SERVER };

#define TABLE_SIZE 1024 /* a power of two */
#define TABLE_MAX 512   /* entries */
#define NAME_MAX_KEPT 64
#define VALUE_MAX_KEPT 96

typedef struct {
    PyObject *name; /* interned str; NULL: free */
    PyObject *value;
    uint64_t seen; /* serial of the last request that had the name */
    uint32_t hash;
    uint8_t kind, name_size, value_size;
    char name_bytes[NAME_MAX_KEPT], value_bytes[VALUE_MAX_KEPT];
} entry;

static entry table[TABLE_SIZE];
static unsigned table_used;
static uint64_t serial; /* of the request whose environ is being built; nothing below gives up the GIL */
static PyObject *key_input, *key_scheme, *key_request_id, *http, *https;

static uint32_t hash_of(const uint8_t *bytes, size_t size) {
    uint32_t hash = 2166136261u;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return hash;
}

static bool is(const uint8_t *name, size_t size, const char *text) {
    return strlen(text) == size && memcmp(name, text, size) == 0;
}

/* HTTP_CONTENT_* are twins of CONTENT_* that wsgiref.validate refuses, HTTP_PROXY is CVE-2016-5385,
 * HTTP_TRANSFER_ENCODING names a coding that is already taken off (nginx passes it on; Bottle would take it off again),
 * and wsgi. and penknife. begin the server's own names. */
static enum key_kind kind_of(const uint8_t *name, size_t size) {
    if (is(name, size, "HTTP_PROXY") || is(name, size, "HTTP_CONTENT_LENGTH") || is(name, size, "HTTP_CONTENT_TYPE") ||
        is(name, size, "HTTP_TRANSFER_ENCODING") ||
        (size >= 5 && memcmp(name, "wsgi.", 5) == 0) || (size >= 9 && memcmp(name, "penknife.", 9) == 0)) {
        return KEY_DROPPED;
    }
    if (is(name, size, "HTTPS")) {
        return KEY_HTTPS;
    }
    if (is(name, size, "REQUEST_SCHEME")) {
        return KEY_REQUEST_SCHEME;
    }
    if (is(name, size, "UWSGI_SCHEME")) {
        return KEY_UWSGI_SCHEME;
    }
    if (is(name, size, "HTTP_HOST")) {
        return KEY_HOST;
    }
    if (is(name, size, "SERVER_NAME") || is(name, size, "SERVER_PORT") || is(name, size, "SERVER_PROTOCOL")) {
        return KEY_SERVER;
    }
    return is(name, size, "REQUEST_METHOD") ? KEY_METHOD : KEY_PLAIN;
}

static entry *fill(entry *e, uint32_t hash, const uint8_t *name, size_t size) {
    PyObject *text = PyUnicode_DecodeLatin1((const char *)name, (Py_ssize_t)size, NULL);
    if (text == NULL) {
        return NULL;
    }
    PyUnicode_InternInPlace(&text);
    e->name = text;
    e->hash = hash;
    e->kind = (uint8_t)kind_of(name, size);
    e->name_size = (uint8_t)size;
    e->seen = 0;
    memcpy(e->name_bytes, name, size);
    table_used++;
    return e;
}

/* The entry of a name; scratch serves names that the table has no room for. */
static entry *lookup(const uint8_t *name, size_t size, entry *scratch) {
    uint32_t hash = hash_of(name, size);
    for (uint32_t i = hash;; i++) {
        entry *e = &table[i & (TABLE_SIZE - 1)];
        if (e->name != NULL && e->hash == hash && e->name_size == size && memcmp(e->name_bytes, name, size) == 0) {
            return e;
        }
        if (e->name != NULL) {
            continue;
        }
        if (size <= NAME_MAX_KEPT && table_used < TABLE_MAX) {
            return fill(e, hash, name, size);
        }
        scratch->kind = (uint8_t)kind_of(name, size);
        scratch->value = NULL;
        scratch->seen = serial; /* unknown: the dict tells */
        scratch->name = PyUnicode_DecodeLatin1((const char *)name, (Py_ssize_t)size, NULL);
        return scratch->name ? scratch : NULL;
    }
}

static PyObject *value_of(entry *e, const uint8_t *value, size_t size) {
    if (e->value != NULL && e->value_size == size && memcmp(e->value_bytes, value, size) == 0) {
        return Py_NewRef(e->value);
    }
    PyObject *text = PyUnicode_DecodeLatin1((const char *)value, (Py_ssize_t)size, NULL);
    if (text != NULL && size <= VALUE_MAX_KEPT) {
        Py_XDECREF(e->value);
        e->value = Py_NewRef(text);
        e->value_size = (uint8_t)size;
        memcpy(e->value_bytes, value, size);
    }
    return text;
}

/* What the variables say about the scheme: the last of each name counts, and of the names the first that says something. */
enum { SAYS_UWSGI_SCHEME, SAYS_HTTPS, SAYS_REQUEST_SCHEME, SAYS_COUNT };

typedef struct {
    bool said[SAYS_COUNT], secure[SAYS_COUNT];
} scheme;

static bool is_secure(const scheme *s) {
    for (int i = 0; i < SAYS_COUNT; i++) {
        if (s->said[i]) {
            return s->secure[i];
        }
    }
    return false;
}

static bool is_word(const uint8_t *value, size_t size, const char *text) {
    return strlen(text) == size && strncasecmp((const char *)value, text, size) == 0;
}

static void note_scheme(scheme *s, int name, const uint8_t *value, size_t size) {
    s->secure[name] = is_word(value, size, "https");
    s->said[name] = s->secure[name] || is_word(value, size, "http");
}

static void note_https(scheme *s, const uint8_t *value, size_t size) {
    bool yes = is_word(value, size, "on") || is_word(value, size, "1") || is_word(value, size, "true") ||
               is_word(value, size, "yes");
    s->said[SAYS_HTTPS] = s->secure[SAYS_HTTPS] = yes; /* "off" leaves it to REQUEST_SCHEME */
}

static void note(pk_request *r, scheme *s, const entry *e, const uint8_t *value, size_t size) {
    switch (e->kind) {
    case KEY_HTTPS:
        note_https(s, value, size);
        break;
    case KEY_REQUEST_SCHEME:
        note_scheme(s, SAYS_REQUEST_SCHEME, value, size);
        break;
    case KEY_UWSGI_SCHEME:
        note_scheme(s, SAYS_UWSGI_SCHEME, value, size);
        break;
    case KEY_METHOD:
        r->head_request = is(value, size, "HEAD");
        break;
    }
}

/* nginx before 1.23 passes a repeated header on as a repeated variable; CGI wants one with the values joined (RFC 3875,
 * section 4.1.18). Other variables are the front server's own, and there the later one wins. So it is with HTTP_HOST, as for
 * whatever looks at the host before the worker. */
static PyObject *join_repeated(PyObject *environ, entry *e, const uint8_t *name, size_t size, PyObject *value) {
    PyObject *before = NULL;
    if (e->seen == serial && e->kind != KEY_HOST && size > 5 && memcmp(name, "HTTP_", 5) == 0) {
        before = PyDict_GetItemWithError(environ, e->name);
    }
    e->seen = serial;
    if (before == NULL) {
        return value;
    }
    PyObject *joined = PyUnicode_FromFormat(is(name, size, "HTTP_COOKIE") ? "%U; %U" : "%U, %U", before, value);
    Py_DECREF(value);
    return joined;
}

static int add(pk_request *r, PyObject *environ, scheme *s, const uint8_t *const part[2], const size_t size[2]) {
    entry scratch, *e = lookup(part[0], size[0], &scratch);
    if (e == NULL) {
        return -1;
    }
    int status = 0;
    /* PEP 3333: these can never be empty. nginx sends them so, SERVER_NAME where it has no server_name. */
    bool nothing = size[1] == 0 && e->kind == KEY_SERVER;
    if (e->kind != KEY_DROPPED && !nothing) {
        PyObject *value = value_of(e, part[1], size[1]);
        if (value != NULL) {
            value = join_repeated(environ, e, part[0], size[0], value);
        }
        status = value ? PyDict_SetItem(environ, e->name, value) : -1;
        Py_XDECREF(value);
        if (e->kind != KEY_PLAIN) {
            note(r, s, e, part[1], size[1]);
        }
    }
    if (e == &scratch) {
        Py_DECREF(scratch.name);
        Py_XDECREF(scratch.value);
    }
    return status;
}

/* Reads each byte once: what was checked must be what is used. */
static size_t size_at(const uint8_t *at) {
    return (size_t)(__atomic_load_n(at, __ATOMIC_RELAXED) | __atomic_load_n(at + 1, __ATOMIC_RELAXED) << 8);
}

static int malformed(void) {
    PyErr_SetString(PyExc_RuntimeError, "penknife: malformed var block in the queue");
    return -1;
}

/* Walks the var block. Go checked it, and other workers can have written over it and its length since: what does not add
 * up is refused, and nothing outside of the slot's own area is read. */
static int add_all(pk_request *r, PyObject *environ, scheme *s) {
    const uint8_t *at = r->slot.vars;
    size_t left = pk_load(PK_U32(r->slot.control, PK_S_VARS_LEN));
    if (left > r->lane.queue->vars_area) {
        return malformed();
    }
    while (left > 0) {
        const uint8_t *part[2];
        size_t size[2];
        for (int i = 0; i < 2; i++) {
            size[i] = left >= 2 ? size_at(at) : 0;
            if (left < 2 || left - 2 < size[i] || (i == 0 && size[i] == 0)) {
                return malformed();
            }
            part[i] = at + 2;
            at += 2 + size[i];
            left -= 2 + size[i];
        }
        if (add(r, environ, s, part, size) != 0) {
            return -1;
        }
    }
    return 0;
}

PyObject *pk_environ_new(pk_request *r, PyObject *input) {
    PyObject *environ = PyDict_Copy(r->environ_template);
    if (environ == NULL) {
        return NULL;
    }
    serial++;
    scheme s = {0};
    PyObject *id = PyLong_FromUnsignedLongLong(r->id);
    if (id == NULL || add_all(r, environ, &s) != 0 || PyDict_SetItem(environ, key_input, input) != 0 ||
        PyDict_SetItem(environ, key_scheme, is_secure(&s) ? https : http) != 0 ||
        PyDict_SetItem(environ, key_request_id, id) != 0) {
        Py_CLEAR(environ);
    }
    Py_XDECREF(id);
    return environ;
}

static int put(PyObject *dict, const char *key, PyObject *value) {
    int status = value ? PyDict_SetItemString(dict, key, value) : -1;
    Py_XDECREF(value);
    return status;
}

PyObject *pk_environ_template(pk_request *r) {
    PyObject *t = PyDict_New();
    if (t == NULL) {
        return NULL;
    }
    bool failed = put(t, "wsgi.version", Py_BuildValue("(ii)", 1, 0)) ||
                  put(t, "wsgi.errors", Py_NewRef(r->errors)) ||
                  put(t, "wsgi.multithread", PyBool_FromLong(pk_this.queue.threads > 1)) ||
                  put(t, "wsgi.multiprocess", PyBool_FromLong(pk_this.multiprocess)) ||
                  put(t, "wsgi.run_once", PyBool_FromLong(0)) ||
                  put(t, "wsgi.input_terminated", PyBool_FromLong(1)) ||
                  put(t, "wsgi.file_wrapper", Py_NewRef((PyObject *)pk_file_wrapper)) ||
                  put(t, "penknife.worker", PyLong_FromUnsignedLong(pk_this.worker)) ||
                  put(t, "SCRIPT_NAME", PyUnicode_FromString("")) || put(t, "PATH_INFO", PyUnicode_FromString("")) ||
                  put(t, "QUERY_STRING", PyUnicode_FromString("")) ||
                  put(t, "SERVER_NAME", PyUnicode_FromString("localhost")) ||
                  put(t, "SERVER_PORT", PyUnicode_FromString("80")) ||
                  put(t, "SERVER_PROTOCOL", PyUnicode_FromString("HTTP/1.0"));
    if (failed) {
        Py_CLEAR(t);
    }
    return t;
}

int pk_environ_init(void) {
    key_input = PyUnicode_InternFromString("wsgi.input");
    key_scheme = PyUnicode_InternFromString("wsgi.url_scheme");
    key_request_id = PyUnicode_InternFromString("penknife.request_id");
    http = PyUnicode_InternFromString("http");
    https = PyUnicode_InternFromString("https");
    return key_input && key_scheme && key_request_id && http && https ? 0 : -1;
}
