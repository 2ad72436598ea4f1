/* The C half of pybpf: system calls that Python cannot make and memory ordering it does not have. No policy, no state.
 * Contracts: _bpf.cdef.h. Every function returns -errno instead of setting errno, so nothing can come between. */

#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "_bpf.cdef.h"

int64_t bpf_command(int command, void *attributes, unsigned int size)
{
    long result = syscall(__NR_bpf, command, attributes, size);

    return result < 0 ? -errno : result;
}

/* kernel/bpf/ringbuf.c: each record is an eight-byte header (u32 length and two flags, u32 page offset), the
 * payload, and padding to eight. Positions count bytes for ever; their low bits are the offset in the ring. */
#define RECORD_BUSY 0x80000000u
#define RECORD_DISCARDED 0x40000000u
#define RECORD_HEADER 8u

int ring_open(struct ring *ring, int map_fd, uint64_t ring_size)
{
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    void *consumer = mmap(NULL, page_size, PROT_READ | PROT_WRITE, MAP_SHARED, map_fd, 0);
    void *producer;
    int error;

    if (consumer == MAP_FAILED)
        return -errno;
    producer = mmap(NULL, page_size + 2 * ring_size, PROT_READ, MAP_SHARED, map_fd, (off_t)page_size);
    if (producer == MAP_FAILED) {
        error = -errno;
        munmap(consumer, page_size);
        return error;
    }
    *ring = (struct ring){consumer, producer, page_size, ring_size};
    return 0;
}

void ring_close(struct ring *ring)
{
    munmap(ring->consumer_page, ring->page_size);
    munmap(ring->producer_page, ring->page_size + 2 * ring->ring_size);
}

static unsigned long *consumer_position(struct ring *ring)
{
    return ring->consumer_page;
}

static const unsigned char *record_at(struct ring *ring, unsigned long position)
{
    return (const unsigned char *)ring->producer_page + ring->page_size + (position & (ring->ring_size - 1));
}

static unsigned long record_space(uint32_t header)
{
    unsigned long length = header & ~(RECORD_BUSY | RECORD_DISCARDED);

    return (length + RECORD_HEADER + 7) & ~7ul;
}

int64_t ring_peek(struct ring *ring, const unsigned char **record)
{
    /* Only this reader writes the consumer position. The two acquires pair with the kernel's releases: whoever sees
     * the producer move, or the busy bit gone, also sees the bytes written before. */
    unsigned long position = *consumer_position(ring);

    while (position < __atomic_load_n((const unsigned long *)ring->producer_page, __ATOMIC_ACQUIRE)) {
        const unsigned char *start = record_at(ring, position);
        uint32_t header = __atomic_load_n((const uint32_t *)start, __ATOMIC_ACQUIRE);

        if (header & RECORD_BUSY)
            break;
        if (!(header & RECORD_DISCARDED)) {
            *record = start + RECORD_HEADER;
            return header;
        }
        position += record_space(header);
        __atomic_store_n(consumer_position(ring), position, __ATOMIC_RELEASE);
    }
    return -EAGAIN;
}

void ring_release(struct ring *ring)
{
    unsigned long position = *consumer_position(ring);
    uint32_t header = *(const uint32_t *)record_at(ring, position);

    /* Release: the kernel may write over the record only after we have read it. */
    __atomic_store_n(consumer_position(ring), position + record_space(header), __ATOMIC_RELEASE);
}

int64_t filesystem_type(const char *path)
{
    struct statfs status;

    return statfs(path, &status) < 0 ? -errno : (int64_t)(uint32_t)status.f_type;
}

int mount_bpf_filesystem(const char *path)
{
    return mount("bpf", path, "bpf", 0, "mode=0700") < 0 ? -errno : 0;
}

/* include/uapi/linux/mount.h and linux/perf_event.h; the C library's names for these are younger than the calls. The numbers
 * of system calls since 5.1 are the same on every machine. */
enum { NR_FSOPEN = 430, NR_FSCONFIG = 431, NR_FSMOUNT = 432 };
enum { OPEN_CLOEXEC = 1, MOUNT_CLOEXEC = 1, CONFIG_CREATE = 6 };
enum { ATTRIBUTE_READ_ONLY = 1, ATTRIBUTE_NO_SETUID = 2, ATTRIBUTE_NO_DEVICES = 4, ATTRIBUTE_NO_EXECUTION = 8 };
enum { EVERY_PROCESS = -1, NO_GROUP = -1, PERF_FLAG_CLOEXEC = 8 };

int64_t open_detached_filesystem(const char *type)
{
    unsigned int harmless = ATTRIBUTE_READ_ONLY | ATTRIBUTE_NO_SETUID | ATTRIBUTE_NO_DEVICES | ATTRIBUTE_NO_EXECUTION;
    int context = (int)syscall(NR_FSOPEN, type, OPEN_CLOEXEC);
    int64_t result;

    if (context < 0)
        return -errno;
    result = syscall(NR_FSCONFIG, context, CONFIG_CREATE, NULL, NULL, 0);
    if (result == 0)
        result = syscall(NR_FSMOUNT, context, MOUNT_CLOEXEC, harmless);
    if (result < 0)
        result = -errno;
    close(context);
    return result;
}

int64_t open_perf_event(struct perf_event_attributes *attributes, int cpu)
{
    long result = syscall(__NR_perf_event_open, attributes, EVERY_PROCESS, cpu, NO_GROUP, PERF_FLAG_CLOEXEC);

    return result < 0 ? -errno : result;
}
