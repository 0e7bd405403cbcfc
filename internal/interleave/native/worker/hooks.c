/* Stands in for the sanitizer's runtime and for the kernel: the accelerator's own sources are compiled with
 * -fsanitize=thread, so that the compiler calls these functions for each access to memory, with the order that an atomic
 * one has, and with its system calls renamed. Accesses outside of the queue's memory are nobody's business. */
#define _GNU_SOURCE 1
#include "worker.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>

pk_calls model_calls;
uint8_t *model_base;
uint64_t model_size;

static bool shared(const void *address) {
    return (uint64_t)((const uint8_t *)address - model_base) < model_size;
}

static void plain(const void *address, uint32_t size, uint32_t kind) {
    if (shared(address)) {
        model_calls.note(kind, (uint64_t)(uintptr_t)address, size);
    }
}

#define PLAIN(n)                                                                                                        \
    void __tsan_read##n(const void *p) { plain(p, n, PK_NOTE_READ); }                                                   \
    void __tsan_write##n(const void *p) { plain(p, n, PK_NOTE_WRITE); }                                                 \
    void __tsan_unaligned_read##n(const void *p) { plain(p, n, PK_NOTE_READ); }                                         \
    void __tsan_unaligned_write##n(const void *p) { plain(p, n, PK_NOTE_WRITE); }

PLAIN(1)
PLAIN(2)
PLAIN(4)
PLAIN(8)
PLAIN(16)

void __tsan_init(void) {}
void __tsan_func_entry(void *p) { (void)p; }
void __tsan_func_exit(void) {}
void __tsan_read_range(const void *p, unsigned long n) { plain(p, (uint32_t)n, PK_NOTE_READ); }
void __tsan_write_range(const void *p, unsigned long n) { plain(p, (uint32_t)n, PK_NOTE_WRITE); }

static void turn(uint32_t op, const volatile void *p, uint64_t value, int order) {
    if (!shared((const void *)p)) {
        return;
    }
    if (order != __ATOMIC_SEQ_CST) {
        model_calls.note(PK_NOTE_HINT, (uint64_t)(uintptr_t)p, 0);
        return;
    }
    model_calls.turn(op, (const void *)p, value, (uint32_t)order);
    model_calls.changed(op != PK_OP_READ);
}

#define UPDATE(bits, name, expression)                                                                                 \
    uint##bits##_t __tsan_atomic##bits##_##name(volatile uint##bits##_t *p, uint##bits##_t v, int order) {              \
        turn(PK_OP_UPDATE, p, v, order);                                                                               \
        uint##bits##_t old = *p;                                                                                       \
        *p = (expression);                                                                                             \
        return old;                                                                                                    \
    }

#define ATOMIC(bits)                                                                                                   \
    uint##bits##_t __tsan_atomic##bits##_load(const volatile uint##bits##_t *p, int order) {                            \
        turn(PK_OP_READ, p, 0, order);                                                                                 \
        return *p;                                                                                                     \
    }                                                                                                                  \
    void __tsan_atomic##bits##_store(volatile uint##bits##_t *p, uint##bits##_t v, int order) {                         \
        turn(PK_OP_WRITE, p, v, order);                                                                                \
        *p = v;                                                                                                        \
    }                                                                                                                  \
    UPDATE(bits, exchange, v)                                                                                          \
    UPDATE(bits, fetch_add, old + v)                                                                                   \
    UPDATE(bits, fetch_sub, old - v)                                                                                   \
    UPDATE(bits, fetch_and, old & v)                                                                                   \
    UPDATE(bits, fetch_or, old | v)                                                                                    \
    int __tsan_atomic##bits##_compare_exchange_strong(volatile uint##bits##_t *p, uint##bits##_t *expected,             \
                                                      uint##bits##_t v, int order, int failure) {                      \
        turn(PK_OP_SWAP, p, v, order < failure ? order : failure);                                                       \
        if (*p == *expected) {                                                                                         \
            *p = v;                                                                                                    \
            return 1;                                                                                                  \
        }                                                                                                              \
        if (shared((const void *)p)) {                                                                                 \
            model_calls.changed(0);                                                                                    \
        }                                                                                                              \
        *expected = *p;                                                                                                \
        return 0;                                                                                                      \
    }

ATOMIC(8)
ATOMIC(32)
ATOMIC(64)

/* memcpy is no access to the compiler's instrumentation: the sources are compiled with this name for it. */
void *model_memcpy(void *to, const void *from, size_t n) {
    plain(from, (uint32_t)n, PK_NOTE_READ);
    plain(to, (uint32_t)n, PK_NOTE_WRITE);
    return memmove(to, from, n);
}

/* The kernel. Waits have no timeout here: what only a timeout would end is a wake-up that was lost. */
long model_syscall(long number, ...) {
    if (number != SYS_futex) {
        errno = ENOSYS;
        return -1;
    }
    va_list list;
    va_start(list, number);
    uint32_t *word = va_arg(list, uint32_t *);
    int operation = va_arg(list, int);
    uint32_t value = va_arg(list, uint32_t);
    va_end(list);
    model_calls.turn(operation == FUTEX_WAIT ? PK_OP_SLEEP : PK_OP_WAKE, word, value, 5);
    model_calls.changed(1);
    return 0;
}

ssize_t model_write(int fd, const void *data, size_t size) {
    (void)fd, (void)data;
    model_calls.turn(PK_OP_EVENT, NULL, 0, 5);
    if (model_calls.answer() != 0) {
        errno = EBADF;
        return -1;
    }
    return (ssize_t)size;
}

int model_kill(int pid, int signal) {
    (void)pid;
    (void)signal;
    return 0; /* Go lives */
}

int model_sched_yield(void) { return 0; }

/* Time stands still, so that an execution is the same each time. */
int model_clock_gettime(clockid_t clock, struct timespec *now) {
    (void)clock;
    *now = (struct timespec){.tv_sec = 1};
    return 0;
}

void *model_mmap(void *address, size_t size, int protection, int flags, int fd, off_t offset) {
    (void)address, (void)size, (void)protection, (void)flags, (void)fd, (void)offset;
    return model_base;
}

int model_fstat(int fd, struct stat *about) {
    (void)fd;
    about->st_size = (off_t)model_size;
    return 0;
}

void model_exit(int status) {
    for (;;) {
        model_calls.turn(PK_OP_DONE, NULL, (uint64_t)status, 5);
    }
}
