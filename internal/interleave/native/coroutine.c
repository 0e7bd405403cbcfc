/* Coroutines for lanes: C code that stops in the middle of a function, on a stack of its own. */
#define _GNU_SOURCE 1
#undef _FORTIFY_SOURCE
#include "coroutine.h"

#include <dlfcn.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK (128 << 10)

struct pk_lane_thread {
    pk_view view;
    jmp_buf here;
    ucontext_t start;
    const pk_worker *worker;
    uint32_t thread;
    int begun;
    char *stack;
    char local[PK_LOCAL];
};

static struct pk_lane_thread *current;
static jmp_buf scheduler;

static void pause_here(void) {
    if (_setjmp(current->here) == 0) {
        _longjmp(scheduler, 1);
    }
}

static void turn(uint32_t op, const void *address, uint64_t value, uint32_t order) {
    pk_view *v = &current->view;
    v->op = op;
    v->address = (uint64_t)(uintptr_t)address;
    v->value = value;
    v->order = order;
    pause_here();
}

static void note(uint32_t kind, uint64_t address, uint32_t size) {
    if (current == NULL) {
        return; /* a worker is being reset */
    }
    pk_view *v = &current->view;
    if (v->notes < PK_NOTES) {
        v->note[v->notes++] = (pk_note_t){.kind = kind, .size = size, .address = address};
    }
}

static void changed(uint32_t yes) { current->view.changed = yes; }
static uint32_t answer(void) { return current->view.answer; }
static void *local(void) { return current->local; }

static void body(void) {
    uint32_t thread = current->thread;
    int status = thread == PK_WATCHER ? current->worker->watch() : current->worker->serve(thread);
    for (;;) {
        turn(PK_OP_DONE, NULL, (uint64_t)status, 0);
    }
}

const pk_worker *pk_worker_load(const char *path, const char **error) {
    static const pk_calls calls = {turn, note, changed, answer, local};
    void *library = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    const pk_worker *worker = library ? dlsym(library, "pk_model") : NULL;
    if (worker == NULL) {
        *error = dlerror();
        return NULL;
    }
    worker->bind(&calls);
    return worker;
}

const char *pk_worker_reset(const pk_worker *w, void *base, uint64_t size, uint32_t index, uint32_t features) {
    return w->reset(base, size, index, features);
}

struct pk_lane_thread *pk_lane_new(void) {
    struct pk_lane_thread *lane = calloc(1, sizeof *lane);
    if (lane != NULL && (lane->stack = malloc(STACK)) == NULL) {
        free(lane);
        return NULL;
    }
    return lane;
}

pk_view *pk_lane_view(struct pk_lane_thread *lane) { return &lane->view; }

void pk_lane_begin(struct pk_lane_thread *lane, const pk_worker *worker, uint32_t thread) {
    lane->worker = worker;
    lane->thread = thread;
    lane->begun = 0;
    lane->view.notes = lane->view.op = 0;
    memset(lane->local, 0, sizeof lane->local);
}

void pk_lane_step(struct pk_lane_thread *lane) {
    current = lane;
    lane->view.notes = 0;
    if (_setjmp(scheduler) != 0) {
        current = NULL;
        return;
    }
    if (lane->begun) {
        _longjmp(lane->here, 1);
    }
    lane->begun = 1;
    getcontext(&lane->start);
    lane->start.uc_stack.ss_sp = lane->stack;
    lane->start.uc_stack.ss_size = STACK;
    lane->start.uc_link = NULL;
    makecontext(&lane->start, body, 0);
    setcontext(&lane->start);
}
