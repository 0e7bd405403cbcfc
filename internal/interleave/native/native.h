/* What a worker library (worker/) and the explorer say to each other: a lane is a coroutine that stops before each access
 * to the shared memory, tells which, and goes on when it is its turn. */
#ifndef PENKNIFE_INTERLEAVE_NATIVE_H
#define PENKNIFE_INTERLEAVE_NATIVE_H

#include <stdint.h>

enum pk_op {
    PK_OP_READ = 1,   /* atomic, of *address */
    PK_OP_WRITE,      /* atomic store */
    PK_OP_UPDATE,     /* atomic read and write in one */
    PK_OP_SWAP,       /* compare and exchange: writes or not */
    PK_OP_SLEEP,      /* futex wait while *address is value */
    PK_OP_WAKE,       /* futex wake of at most value */
    PK_OP_EVENT,      /* write of the eventfd */
    PK_OP_LOCK,       /* takes the GIL */
    PK_OP_CHECK,      /* looks for signals */
    PK_OP_DONE,       /* the lane has ended; value is its exit status */
};

enum pk_note { PK_NOTE_READ = 1, PK_NOTE_WRITE, PK_NOTE_BEGIN, PK_NOTE_INTERRUPTED, PK_NOTE_UNLOCK, PK_NOTE_WRONG,
               PK_NOTE_HINT /* an atomic access in another order than the sequentially consistent */ };

/* Something that needs no turn: an access that is not atomic, or what the application did. */
typedef struct {
    uint32_t kind, size;
    uint64_t address; /* or the request */
} pk_note_t;

#define PK_NOTES 4096
#define PK_LOCAL 2048

/* What is visible of a lane. The explorer reads it while the lane does not run. */
typedef struct {
    uint32_t op, order; /* order as in C11: 5 is sequentially consistent */
    uint64_t address, value;
    uint32_t size;
    uint32_t changed;   /* the operation before this one wrote: false for an exchange that failed */
    uint32_t answer;    /* from the explorer: 1 for a signal at PK_OP_CHECK, for a closed eventfd at PK_OP_EVENT */
    uint32_t notes;
    pk_note_t note[PK_NOTES];
} pk_view;

/* Given to a worker library when it is loaded. */
typedef struct {
    void (*turn)(uint32_t op, const void *address, uint64_t value, uint32_t order);
    void (*note)(uint32_t kind, uint64_t address, uint32_t size);
    void (*changed)(uint32_t yes);
    uint32_t (*answer)(void);
    void *(*local)(void); /* the lane's own zeroed memory, PK_LOCAL bytes */
} pk_calls;

/* What takes turns that most tests do not need. */
#define PK_FEATURE_GIL 1     /* threads of a worker exclude each other */
#define PK_FEATURE_SIGNALS 2 /* looks for signals are turns */

/* What an application does, by the lowest bits of the request's id. */
enum pk_app {
    PK_APP_HELLO,  /* 12 bytes with their length */
    PK_APP_STREAM, /* 24 bytes in two blocks, without a length */
    PK_APP_RAISE,  /* an exception before the head */
    PK_APP_CUT,    /* an exception after the first block of two */
    PK_APP_ECHO,   /* reads the request body and gives it back */
    PK_APP_LONG,   /* a few bytecodes, between which it can be interrupted, then as hello */
    PK_APP_KINDS = 16,
};

/* What a worker library has under the name pk_model. */
typedef struct {
    void (*bind)(const pk_calls *calls);
    /* Makes the worker's variables fresh; the memory is mapped where Go has it. NULL, or what is wrong. */
    const char *(*reset)(void *base, uint64_t size, uint32_t worker, uint32_t features);
    int (*serve)(uint32_t thread); /* the life of a lane */
    int (*watch)(void);            /* the life of the thread that interrupts */
} pk_worker;

#endif
