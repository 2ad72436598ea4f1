/* What Python may call, and the arguments of each bpf(2) command.
 *
 * Read twice: by cffi as its declarations and by the compiler as the header of _bpf.c; hence plain declarations only.
 * The structs are the members of `union bpf_attr` (include/uapi/linux/bpf.h) that pybpf uses, one per command, with every gap
 * written out so that 64-bit members lie at multiples of eight on every machine. They are our own because the header of
 * a distribution is often older than its kernel (Debian 12: 6.1, which knows no tcx). The kernel takes a struct that is longer
 * or shorter than its own as long as what it does not know is zero.
 * Pointers travel as uint64_t; who fills one in keeps the memory alive until the call has returned.
 */

struct map_create_attributes {
    uint32_t map_type, key_size, value_size, max_entries, map_flags, inner_map_fd, numa_node;
    char map_name[16];
    uint32_t map_ifindex, btf_fd, btf_key_type_id, btf_value_type_id, btf_vmlinux_value_type_id;
    uint64_t map_extra;
};

/* map lookup, update, delete, freeze; for get_next_key `value` is where the next key goes */
struct map_element_attributes {
    uint32_t map_fd, gap;
    uint64_t key, value, flags;
};

struct map_batch_attributes {
    uint64_t in_batch, out_batch, keys, values;
    uint32_t count, map_fd;
    uint64_t element_flags, flags;
};

struct prog_load_attributes {
    uint32_t prog_type, instruction_count;
    uint64_t instructions, license;
    uint32_t log_level, log_size;
    uint64_t log_buffer;
    uint32_t kernel_version, prog_flags;
    char prog_name[16];
    uint32_t prog_ifindex, expected_attach_type, prog_btf_fd, func_info_record_size;
    uint64_t func_info;
    uint32_t func_info_count, line_info_record_size;
    uint64_t line_info;
    uint32_t line_info_count, attach_btf_id, attach_fd, core_relocation_count;
    uint64_t fd_array, core_relocations;
    uint32_t core_relocation_record_size, log_true_size;
};

struct object_path_attributes {
    uint64_t path;
    uint32_t fd, flags;
};

struct test_run_attributes {
    uint32_t prog_fd, return_value, data_size_in, data_size_out;
    uint64_t data_in, data_out;
    uint32_t repeat, duration_ns, context_size_in, context_size_out;
    uint64_t context_in, context_out;
    uint32_t flags, cpu, batch_size, gap;
};

/* `id` is where get_next_id starts after, or what get_fd_by_id opens */
struct id_attributes {
    uint32_t id, next_id, open_flags, gap;
};

struct info_attributes {
    uint32_t fd, info_size;
    uint64_t info;
};

struct btf_load_attributes {
    uint64_t btf, log_buffer;
    uint32_t btf_size, log_size, log_level, log_true_size;
};

struct link_create_attributes {
    uint32_t prog_fd, target_ifindex, attach_type, flags, relative, gap;
    uint64_t expected_revision;
};

/* link_create for a perf event, whose fd stands where others have an interface's number; `cookie` is bpf_get_attach_cookie's */
struct perf_link_attributes {
    uint32_t prog_fd, perf_fd, attach_type, flags;
    uint64_t cookie;
};

struct raw_tracepoint_attributes {
    uint64_t name;
    uint32_t prog_fd, gap;
    uint64_t cookie;
};

/* prog_attach and prog_detach, which came before links; `target_fd` is a map's here */
struct prog_attach_attributes {
    uint32_t target_fd, prog_fd, attach_type, flags, replaced_fd, relative;
    uint64_t expected_revision;
};

/* the programs at a hook, in the order in which they run; `count` says how many ids fit, then how many there are */
struct prog_query_attributes {
    uint32_t target_ifindex, attach_type, query_flags, attach_flags;
    uint64_t prog_ids;
    uint32_t count, gap;
    uint64_t prog_attach_flags, link_ids, link_attach_flags, revision;
};

struct link_update_attributes {
    uint32_t link_fd, new_prog_fd, flags, old_prog_fd;
};

struct map_info {
    uint32_t type, id, key_size, value_size, max_entries, map_flags;
    char name[16];
    uint32_t ifindex, btf_vmlinux_value_type_id;
    uint64_t netns_device, netns_inode;
    uint32_t btf_id, btf_key_type_id, btf_value_type_id, btf_vmlinux_id;
    uint64_t map_extra;
};

struct prog_info {
    uint32_t type, id;
    unsigned char tag[8];
    uint32_t jited_size, xlated_size;
    uint64_t jited_instructions, xlated_instructions, load_time_ns;
    uint32_t created_by_uid, map_count;
    uint64_t map_ids;
    char name[16];
    uint32_t ifindex, gpl_compatible;
    uint64_t netns_device, netns_inode;
    uint32_t jited_symbol_count, jited_length_count;
    uint64_t jited_symbols, jited_lengths;
    uint32_t btf_id, func_info_record_size;
    uint64_t func_info;
    uint32_t func_info_count, line_info_count;
    uint64_t line_info, jited_line_info;
    uint32_t jited_line_info_count, line_info_record_size, jited_line_info_record_size, tag_count;
    uint64_t tags, run_time_ns, run_count, recursion_misses;
    uint32_t verified_instructions, attach_btf_object_id, attach_btf_id, gap;
};

/* `place` is a union in the kernel, too: which member counts, the type says. An XDP link has an ifindex and no attach_type. */
struct link_info {
    uint32_t type, id, prog_id, gap;
    union {
        struct { uint32_t ifindex, attach_type; } interface;
        struct { uint64_t id; uint32_t attach_type, gap; } cgroup;
        struct { uint32_t inode, attach_type; } netns;
        uint64_t all[9];
    } place;
};

/* struct perf_event_attr as far as PERF_ATTR_SIZE_VER1 (72 bytes); `config1` and `config2` belong to the type of event */
struct perf_event_attributes {
    uint32_t type, size;
    uint64_t config, sample_period, sample_type, read_format, flags;
    uint32_t wakeup_events, breakpoint_type;
    uint64_t config1, config2;
};

/* A ring buffer map in this process: one page the consumer writes, one page the producer writes, and the records,
 * mapped twice in a row so that no record is ever split. */
struct ring {
    void *consumer_page, *producer_page;
    uint64_t page_size, ring_size;
};

/* bpf(2). Returns its result, or -errno. */
int64_t bpf_command(int command, void *attributes, unsigned int size);

/* Map the ring of `map_fd` (ring_size bytes). Returns 0 or -errno; after 0 the caller owes ring_close. */
int ring_open(struct ring *ring, int map_fd, uint64_t ring_size);
void ring_close(struct ring *ring);

/* The oldest finished record: *record points at it, its length in bytes is returned; -EAGAIN when there is none.
 * It stays the reader's until ring_release. Discarded records are stepped over. One reader at a time. */
int64_t ring_peek(struct ring *ring, const unsigned char **record);
void ring_release(struct ring *ring);

/* statfs(2)'s f_type of the file system `path` lies in, or -errno. */
int64_t filesystem_type(const char *path);

/* Mount a BPF file system on the folder `path`. Returns 0 or -errno. */
int mount_bpf_filesystem(const char *path);

/* Mount a file system of that type, read-only, at no path: the new fd (O_PATH) is its root folder for openat(2), and closing
 * it is the unmounting. Linux 5.2. Returns the fd or -errno. */
int64_t open_detached_filesystem(const char *type);

/* perf_event_open(2) for every process on one CPU. Returns the new fd (closed on exec) or -errno. */
int64_t open_perf_event(struct perf_event_attributes *attributes, int cpu);
