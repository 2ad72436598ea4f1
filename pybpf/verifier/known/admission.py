"""What is said before any instruction is looked at: types, places to attach, rights. Linux 5.10 to 6.18 (verifier.c, btf.c, check_btf)."""

from __future__ import annotations

from .cause import Cause

# said by the kernel of itself, whatever else it says in that line: to be looked for first
FAULTS: tuple[Cause, ...] = (
    Cause("verifier-kernel-bug", r"verifier (?:internal error|bug|BUG)|REG INVARIANTS VIOLATION|misconfigured",
          "the verifier met a fault of its own",
          "report it with the whole log to bpf@vger.kernel.org; a slightly different program will pass"),
)  # fmt: skip

CAUSES: tuple[Cause, ...] = (
    Cause("verifier-map-fd", r"fd (?P<fd>-?\d+) is not pointing to valid bpf_map|fd_idx without fd_array",
          "an instruction refers to a map that is not open (file descriptor {fd})",
          "load the object through `pybpf.load`, and keep given maps open until it returns"),
    Cause("verifier-map-use", r"The total number of maps per program has reached",
          "the program uses more maps than one program may, which is 64",
          "put several tables into one map, with a field in the key that tells them apart"),
    Cause("verifier-map-use", r"cannot update sockmap in this context|only one cgroup storage of each type is allowed|perf_event programs can only use preallocated hash map|trace type programs can only use preallocated|offload device mismatch|bpf_struct_ops map cannot be used in prog|direct value (?:access|offset).*|invalid access to map value pointer|map .*(?:is a (?:queue|stack|bloom)|cannot be)",
          "this map cannot be used so by this program",
          "declare another kind of map, preallocated where the program traces"),
    # ---- BTF, func_info, line_info ----
    Cause("verifier-types", r"line_info",
          "the line numbers that the object carries do not fit its instructions",
          "build the object again and load it unchanged, or strip its BTF"),
    Cause("verifier-types", r"(?:number of funcs in func_info doesn't match number of subprogs|nr_func_info|func_info BTF section doesn't match subprog layout|same insn offset|invalid type id \d+ in func info|invalid func_info rec size|invalid type \d+ for func_info|func_info|func info|is not allowed in subprogs without BTF)",
          "the description of the program's functions does not fit its instructions",
          "build the object again and load it unchanged, or strip its BTF"),
    Cause("verifier-types", r"(?:Invalid name|Invalid BTF|BTF .*(?:invalid|unsupported)|Invalid arg#\d+|No type found|type_id=\d+ bits_offset|vlen != |Invalid type_id|Invalid btf)",
          "the object's types (BTF) are damaged",
          "build the object again with pybpf or a current clang"),
    Cause("verifier-kernel-types", r"kernel is missing BTF|without CONFIG_DEBUG_INFO_BTF",
          "the running kernel carries no types (BTF) of its own",
          "use a kernel built with CONFIG_DEBUG_INFO_BTF=y"),
    # ---- attaching ----
    Cause("verifier-attach", r"attach_btf_id (?P<id>\d+) is (?:invalid|not a \w+)|Tracing programs must provide btf_id|attach_btf_id (?P<other>\d+)",
          "the function or hook that the program attaches to is not known to the running kernel",
          "check the name in the section against the running kernel: /sys/kernel/btf/vmlinux, `bpftool btf dump`"),
    Cause("verifier-attach", r"The address of function (?P<name>\S+) cannot be found|(?P<other>\S+) is not (?:a function|modifiable|sleepable)|(?P<third>\S+)\(\) is not (?:modifiable|sleepable)|FENTRY/FEXIT program can only be attached to another program annotated with BTF",
          "the program cannot be attached to that function",
          "choose a function that is not inlined, is listed in /sys/kernel/tracing/available_filter_functions, and fits the hook"),
    Cause("verifier-attach-sleep", r"Only fentry/fexit/fmod_ret, lsm, iter, uprobe, and struct_ops programs can be sleepable|Syscall programs can only be sleepable|.*program(?:s)? can(?: only)? be sleepable",
          "programs of this kind may not be marked sleepable",
          "remove the `.s` from the section's name"),
    Cause("verifier-attach-lsm", r"LSM programs must have a GPL compatible license|bpf_lsm_\S+ .*|Program (?:must|with) .*lsm",
          "this security hook does not take the program",
          "give it the licence \"GPL\", and choose a hook that `bpf_lsm_` lists"),
    Cause("verifier-attach", r"Cannot (?:recursively attach|extend|attach)|Extension programs|Program extension|cannot extend|Can attach to only",
          "one program cannot be attached to or extend that other one so",
          "attach to a program of another kind, or to a global function with the same signature"),
    Cause("verifier-struct-ops", r"struct ops programs must have a GPL|attach to (?:unsupported|invalid) member (?P<member>\S+)|struct_ops|unsupported (?:struct_ops )?member|does not support member",
          "the kernel's struct has no such member, or it does not take programs",
          "check the member's name against the running kernel's BTF"),
    Cause("verifier-context-access", r"func '(?P<function>[^']*)' (?:doesn't have|arg\d+ type) .*|attach_func .*|arg(?P<number>\d+) (?:type )?\S+ is not a struct",
          "the hook's function has no such argument, or it is of another type",
          "compare the program's parameters with the function's signature in the running kernel"),
    # ---- rights ----
    Cause("verifier-rights", r"CAP_[A-Z_]+|prohibited for !root|not allowed for unpriv|unprivileged",
          "the process lacks a right that this program needs",
          "load it as root, or with CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN"),
    # ---- arenas ----
    Cause("verifier-arena", r"addr_space_cast insn can only be used in a program that has an associated arena",
          "an address is converted for an arena, and the program uses no arena map",
          "name the arena map in the program"),
    Cause("verifier-arena", r"arena|Arena|ARENA",
          "the arena is used in a way that is not allowed",
          "use one arena map per program, with its addresses only"),
)  # fmt: skip
