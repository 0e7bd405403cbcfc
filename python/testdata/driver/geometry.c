#define _GNU_SOURCE 1
#include "driver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Ends the process for a part that is not in the memory behind the header page, and reads its ends. */
static void touch(const pk_queue *q, const uint8_t *part, uint64_t size) {
    if (part < q->base + PK_HEADER_SIZE || size == 0 || size > q->size || part > q->base + q->size - size) {
        abort();
    }
    (void)*(const volatile uint8_t *)part;
    (void)*(const volatile uint8_t *)(part + size - 1);
}

/* 0 and why the geometry is refused for memory of so many bytes; 1 when it was mapped and all parts were found in it. */
void geometry_answer(const uint8_t *geometry, size_t size, uint32_t memory) {
    int fd = memfd_create("geometry", MFD_CLOEXEC);
    if (fd < 0 || size != PK_GEOMETRY_SIZE || ftruncate(fd, memory) != 0) {
        abort();
    }
    pk_queue q = {0};
    const char *problem = pk_queue_map(&q, guarded(geometry, size), fd, -1);
    close(fd);
    if (problem != NULL) {
        say("\0", 1);
        say(problem, strlen(problem));
        return;
    }
    uint64_t lanes = (uint64_t)q.workers * q.threads, slots = q.slots;
    touch(&q, q.lanes, lanes * PK_LANE_SIZE);
    touch(&q, q.worker_records, (uint64_t)q.workers * PK_WORKER_SIZE);
    touch(&q, q.ring, ((uint64_t)q.ring_mask + 1) * 8);
    touch(&q, q.events, (q.summary_words + (slots + 63) / 64) * 8);
    touch(&q, q.slot_controls, slots * PK_SLOT_SIZE);
    touch(&q, q.areas, slots * q.area_size);
    pk_lane lane;
    pk_lane_init(&lane, &q, q.workers - 1, q.threads - 1);
    touch(&q, (const uint8_t *)lane.thread, 8);
    munmap(q.base, q.size);
    say("\1", 1);
}
