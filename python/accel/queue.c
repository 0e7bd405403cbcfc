#define _GNU_SOURCE 1
#include "queue.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* So many cells in a row that do not belong to the ring's head are no race with others, but a ring that was written over.
 * Then a lane pauses between its looks. */
#define MISREADS 1000
#define MISREAD_PAUSE_NS 10000000

#define PATIENCE_NS 150000
#define TRUST_LOST 8
#define TRUST_MOST 64

static void futex_wait(uint32_t *word, uint32_t value, time_t seconds) {
    struct timespec timeout = {.tv_sec = seconds};
    syscall(SYS_futex, word, FUTEX_WAIT, value, &timeout, NULL, 0);
}

/* Words of the geometry, which may lie anywhere. */
static uint32_t small(const uint8_t *geometry, size_t offset) {
    uint32_t value;
    memcpy(&value, geometry + offset, sizeof value);
    return value;
}

static uint64_t large(const uint8_t *geometry, size_t offset) {
    uint64_t value;
    memcpy(&value, geometry + offset, sizeof value);
    return value;
}

static bool power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

static void read_sizes(pk_queue *q, const uint8_t *geometry) {
    q->slots = small(geometry, PK_H_SLOTS);
    q->workers = small(geometry, PK_H_WORKERS);
    q->threads = small(geometry, PK_H_THREADS);
    q->ring_mask = small(geometry, PK_H_RING_SIZE) - 1;
    q->spin = small(geometry, PK_H_SPIN);
    q->go_pid = small(geometry, PK_H_GO_PID);
    q->vars_area = large(geometry, PK_H_VARS_AREA);
    q->request_ring = large(geometry, PK_H_REQUEST_RING);
    q->head_area = large(geometry, PK_H_HEAD_AREA);
    q->response_ring = large(geometry, PK_H_RESPONSE_RING);
    q->area_size = q->vars_area + q->request_ring + q->head_area + q->response_ring;
    q->summary_words = (((uint64_t)q->slots + 63) / 64 + 63) / 64;
}

/* Whether the sizes are some that a queue can have, so that no sum or product below wraps. */
static bool sizes_make_sense(const pk_queue *q) {
    uint64_t lanes = (uint64_t)q->workers * q->threads, size = q->size;
    return q->slots > 0 && lanes > 0 && lanes <= PK_IDLE_WORDS * 64 && power_of_two((uint64_t)q->ring_mask + 1) &&
           power_of_two(q->request_ring) && power_of_two(q->response_ring) && q->vars_area <= size && q->request_ring <= size &&
           q->head_area <= size && q->response_ring <= size && q->area_size <= size / q->slots;
}

/* Takes a part of so many bytes that begins at the offset, behind what was taken before. */
static bool take(uint64_t offset, uint64_t bytes, uint64_t *taken, uint64_t size) {
    if (offset % 8 != 0 || offset < *taken || offset > size || bytes > size - offset) {
        return false;
    }
    *taken = offset + bytes;
    return true;
}

/* Whether the parts lie one behind the other in the memory. */
static bool parts_fit(const pk_queue *q, const uint8_t *geometry) {
    uint64_t taken = PK_HEADER_SIZE, size = q->size, words = q->summary_words + ((uint64_t)q->slots + 63) / 64;
    return take(large(geometry, PK_H_OFF_LANES), (uint64_t)q->workers * q->threads * PK_LANE_SIZE, &taken, size) &&
           take(large(geometry, PK_H_OFF_WORKERS), (uint64_t)q->workers * PK_WORKER_SIZE, &taken, size) &&
           take(large(geometry, PK_H_OFF_RING), ((uint64_t)q->ring_mask + 1) * 8, &taken, size) &&
           take(large(geometry, PK_H_OFF_EVENTS), words * 8, &taken, size) &&
           take(large(geometry, PK_H_OFF_SLOTS), (uint64_t)q->slots * PK_SLOT_SIZE, &taken, size) &&
           take(large(geometry, PK_H_OFF_AREAS), q->slots * q->area_size, &taken, size);
}

static void place_parts(pk_queue *q, const uint8_t *geometry) {
    q->lanes = q->base + large(geometry, PK_H_OFF_LANES);
    q->worker_records = q->base + large(geometry, PK_H_OFF_WORKERS);
    q->ring = q->base + large(geometry, PK_H_OFF_RING);
    q->events = q->base + large(geometry, PK_H_OFF_EVENTS);
    q->slot_controls = q->base + large(geometry, PK_H_OFF_SLOTS);
    q->areas = q->base + large(geometry, PK_H_OFF_AREAS);
}

const char *pk_queue_map(pk_queue *q, const uint8_t *geometry, int fd, int event_fd) {
    struct stat st;
    if (large(geometry, PK_H_MAGIC) != PK_MAGIC || small(geometry, PK_H_VERSION) != PK_VERSION) {
        return "the queue's memory has another layout: penknife and its accelerator are of different versions";
    }
    if (fstat(fd, &st) != 0 || st.st_size < PK_HEADER_SIZE) {
        return "the queue's memory file is too small or closed";
    }
    q->size = (uint64_t)st.st_size;
    if (large(geometry, PK_H_TOTAL) != q->size) {
        return "the queue's memory has an unexpected size";
    }
    read_sizes(q, geometry);
    if (!sizes_make_sense(q) || !parts_fit(q, geometry)) {
        return "what penknife says of the queue's memory does not fit into it";
    }
    q->base = mmap(NULL, q->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (q->base == MAP_FAILED) {
        return "the queue's memory cannot be mapped";
    }
    place_parts(q, geometry);
    q->event_fd = event_fd;
    return NULL;
}

const char *pk_bodies_map(pk_queue *q, int fd) {
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size <= 0) {
        return "the memory file for request bodies is empty or closed";
    }
    void *bodies = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
    if (bodies == MAP_FAILED) {
        return "the memory for request bodies cannot be mapped";
    }
    q->bodies = bodies;
    q->bodies_size = (uint64_t)st.st_size;
    return NULL;
}

bool pk_body_at(const pk_queue *q, const pk_slot *slot, uint64_t len, const uint8_t **body) {
    uint64_t at = *PK_U64(slot->control, PK_S_BODY_AT);
    *body = NULL;
    if (at == 0) {
        return true;
    }
    if (at - 1 > q->bodies_size || len > q->bodies_size - (at - 1)) {
        return false;
    }
    *body = q->bodies + (at - 1);
    return true;
}

void pk_lane_init(pk_lane *lane, pk_queue *q, uint32_t worker, uint32_t thread) {
    lane->queue = q;
    lane->worker = worker;
    lane->index = thread * q->workers + worker;
    lane->wake = PK_U32(q->lanes + (size_t)lane->index * PK_LANE_SIZE, PK_L_WAKE);
    lane->stop = PK_U32(q->worker_records + (size_t)worker * PK_WORKER_SIZE, PK_W_STOP);
    lane->running = PK_U32(q->worker_records + (size_t)worker * PK_WORKER_SIZE, PK_W_RUNNING);
    lane->idle_word = PK_U64(q->base, PK_H_IDLE + (lane->index / 64) * 8);
    lane->idle_bit = 1ULL << (lane->index % 64);
    lane->busy = PK_U64(q->lanes + (size_t)lane->index * PK_LANE_SIZE, PK_L_BUSY);
    lane->since = PK_U64(q->lanes + (size_t)lane->index * PK_LANE_SIZE, PK_L_SINCE);
    lane->interrupt = PK_U64(q->lanes + (size_t)lane->index * PK_LANE_SIZE, PK_L_INTERRUPT);
    lane->thread = PK_U64(q->lanes + (size_t)lane->index * PK_LANE_SIZE, PK_L_THREAD);
}

static void slot_bind(pk_queue *q, pk_slot *slot, uint32_t index, uint32_t position) {
    slot->index = index;
    slot->position = position;
    slot->control = q->slot_controls + (size_t)index * PK_SLOT_SIZE;
    slot->vars = q->areas + (size_t)index * q->area_size;
    slot->window = slot->vars + q->vars_area;
    slot->head = slot->window + q->request_ring;
    slot->response = slot->head + q->head_area;
}

uint64_t pk_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void pk_occupied(pk_lane *lane, uint64_t now) { pk_note(lane->since, now); }

/* Whoever reads between the two must not count a moment twice: the beginning goes first. */
void pk_released(pk_lane *lane, uint64_t now) {
    uint64_t since = *lane->since;
    __atomic_store_n(lane->since, 0, __ATOMIC_RELEASE);
    __atomic_store_n(lane->busy, *lane->busy + (now - since), __ATOMIC_RELEASE);
}

static bool ring_empty(const pk_queue *q) {
    return pk_load(PK_U64(q->base, PK_H_RING_HEAD)) == pk_load(PK_U64(q->base, PK_H_RING_TAIL));
}

uint64_t pk_claim_name(const pk_slot *slot) { return (uint64_t)slot->position << 32 | (slot->index + 1); }

bool pk_stopping(const pk_lane *lane) { return pk_load(lane->stop) != 0; }

/* The claim is the exchange on the state word; moving the head is help that anybody may give, before or after. */
bool pk_claim(pk_lane *lane, pk_slot *slot) {
    pk_queue *q = lane->queue;
    uint64_t *head_word = PK_U64(q->base, PK_H_RING_HEAD);
    for (;;) {
        uint64_t head = pk_load(head_word);
        if (head == pk_load(PK_U64(q->base, PK_H_RING_TAIL))) {
            lane->misread = 0;
            return false;
        }
        uint64_t cell = pk_load(PK_U64(q->ring, (head & q->ring_mask) * 8));
        uint32_t position = (uint32_t)head, index = (uint32_t)cell;
        if ((uint32_t)(cell >> 32) != position) {
            if (++lane->misread >= MISREADS) {
                return false;
            }
            continue; /* the ring went round since we read its head */
        }
        lane->misread = 0;
        bool claimed = false;
        if (index < q->slots) {
            uint64_t *state = PK_U64(q->slot_controls + (size_t)index * PK_SLOT_SIZE, PK_S_STATE);
            uint64_t queued = (uint64_t)position << 32 | PK_QUEUED;
            uint64_t mine = (uint64_t)position << 32 | (uint64_t)(lane->index + 1) << 8 | PK_CLAIMED;
            claimed = __atomic_compare_exchange_n(state, &queued, mine, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        }
        __atomic_compare_exchange_n(head_word, &head, head + 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
        if (claimed) {
            slot_bind(q, slot, index, position);
            lane->alone = pk_load(PK_U32(slot->control, PK_S_ALONE)) != 0;
            return true;
        }
    }
}

/* A worker whose lifeline was closed by the application would otherwise outlive penknife. */
static void exit_when_orphaned(const pk_queue *q) {
    if (kill((pid_t)q->go_pid, 0) != 0 && errno == ESRCH) {
        _exit(0);
    }
}

static void wait_for_repair(pk_lane *lane) {
    lane->misread = 0;
    uint64_t one = 1;
    if (write(lane->queue->event_fd, &one, sizeof one) < 0) {
        /* The application has closed it; Go looks by itself while there are requests. */
    }
    struct timespec pause = {.tv_nsec = MISREAD_PAUSE_NS};
    nanosleep(&pause, NULL);
    exit_when_orphaned(lane->queue);
}

/* A client that asks again as soon as it has its answer is back before a sleeper could have been woken: then it pays to
 * look for its next request for PATIENCE_NS, as long as nobody else asks, and as long as it worked lately. A failure costs
 * as much as TRUST_LOST successes bring. Measured: decision 0035. */
static bool is_patient(pk_lane *lane) {
    return lane->alone && lane->queue->spin > 0 && (lane->trust > 0 || ++lane->tries % TRUST_MOST == 0);
}

static void learn(pk_lane *lane, bool found) {
    int32_t trust = lane->trust + (found ? 1 : -TRUST_LOST);
    lane->trust = trust < 0 ? 0 : trust > TRUST_MOST ? TRUST_MOST : trust;
}

static bool has_work(const pk_lane *lane) { return !ring_empty(lane->queue) || pk_stopping(lane); }

/* Looks until there is something to do, for PATIENCE_NS. Where others want the processor a single yield takes longer than
 * that, and yielding has its price (the scheduler lets who yields wait for all others): then it counts as a failure. */
static bool look_patiently(pk_lane *lane) {
    uint64_t end = pk_now() + PATIENCE_NS;
    bool found = has_work(lane), late = false;
    while (!found && !late) {
        sched_yield();
        found = has_work(lane);
        late = pk_now() >= end;
    }
    learn(lane, found && !late);
    return found;
}

static bool look_briefly(const pk_lane *lane) {
    for (uint32_t i = 0; i < lane->queue->spin; i++) {
        if (has_work(lane)) {
            return true;
        }
        sched_yield();
    }
    return false;
}

void pk_wait_for_work(pk_lane *lane) {
    pk_queue *q = lane->queue;
    if (lane->misread >= MISREADS) {
        wait_for_repair(lane);
        return;
    }
    if (is_patient(lane) ? look_patiently(lane) : look_briefly(lane)) {
        return;
    }
    pk_store(lane->wake, 0);
    __atomic_fetch_or(lane->idle_word, lane->idle_bit, __ATOMIC_SEQ_CST);
    if (ring_empty(q) && !pk_stopping(lane)) {
        futex_wait(lane->wake, 0, 30);
        exit_when_orphaned(q);
    }
    __atomic_fetch_and(lane->idle_word, ~lane->idle_bit, __ATOMIC_SEQ_CST);
}

void pk_pass_on(pk_lane *lane) {
    pk_queue *q = lane->queue;
    __atomic_fetch_and(lane->idle_word, ~lane->idle_bit, __ATOMIC_SEQ_CST);
    for (uint32_t word = 0; word < PK_IDLE_WORDS && !ring_empty(q); word++) {
        uint64_t *idle = PK_U64(q->base, PK_H_IDLE + word * 8);
        uint64_t set = pk_load(idle), bit = set & -set;
        if (bit == 0 || !(__atomic_fetch_and(idle, ~bit, __ATOMIC_SEQ_CST) & bit)) {
            continue;
        }
        uint32_t other = word * 64 + (uint32_t)__builtin_ctzll(bit);
        if (other < q->workers * q->threads) {
            uint32_t *wake = PK_U32(q->lanes + (size_t)other * PK_LANE_SIZE, PK_L_WAKE);
            pk_store(wake, 1);
            syscall(SYS_futex, wake, FUTEX_WAKE, 1, NULL, NULL, 0);
            return;
        }
    }
}

bool pk_publish(pk_queue *q, uint32_t slot) {
    uint64_t word = slot / 64;
    __atomic_fetch_or(PK_U64(q->events, (q->summary_words + word) * 8), 1ULL << (slot % 64), __ATOMIC_SEQ_CST);
    __atomic_fetch_or(PK_U64(q->events, (word / 64) * 8), 1ULL << (word % 64), __ATOMIC_SEQ_CST);
    uint32_t *asleep = PK_U32(q->base, PK_H_GO_ASLEEP);
    if (pk_load(asleep) == 0 || __atomic_exchange_n(asleep, 0, __ATOMIC_SEQ_CST) == 0) {
        return true;
    }
    uint64_t one = 1;
    while (write(q->event_fd, &one, sizeof one) != sizeof one) {
        if (errno == EINTR) {
            continue;
        }
        pk_store(asleep, 1); /* Go was not woken: the next one to publish must try, whoever that is */
        return errno == EAGAIN; /* somebody has filled it: Go's scanner looks for events by itself, and empties it */
    }
    return true;
}

bool pk_done(pk_lane *lane, pk_slot *slot) {
    uint64_t done = (uint64_t)slot->position << 32 | (uint64_t)(lane->index + 1) << 8 | PK_DONE;
    pk_note(PK_U64(slot->control, PK_S_DONE_AT), pk_now());
    pk_store(PK_U64(slot->control, PK_S_STATE), done);
    return pk_publish(lane->queue, slot->index);
}

void pk_wait_for_change(uint32_t *word, uint32_t seen) {
    syscall(SYS_futex, word, FUTEX_WAIT, seen, NULL, NULL, 0);
}

void pk_wait_for_go(const pk_slot *slot, uint32_t seen) {
    futex_wait(PK_U32(slot->control, PK_S_GO_SEQ), seen, 1);
}
