"""Source places and Structs -> LLVM debug metadata, which the back end turns into BTF and line info.

The text of each source file goes into its DIFile, so that BTF line info carries the line itself and the
verifier's log quotes it with no file on disk. Every parameter is a named DILocalVariable: the kernel refuses
BTF whose function parameters have no name.
"""

from __future__ import annotations

from llvmlite import ir as ll

from pybpf.compiler.codegen.metadata import Metadata, Node, Operand, Token
from pybpf.compiler.diag import Source
from pybpf.compiler.ir import nodes as ir
from pybpf.compiler.lang import ArrayType, Context, Declaration, KernelStruct, Role, Struct, Width
from pybpf.compiler.lang.cells import is_cell
from pybpf.compiler.lang.kernel_struct import KernelField

_LAST_COLUMN = 0xFFFF  # what LLVM has for one
_UNSIGNED = {8: "unsigned char", 16: "unsigned short", 32: "unsigned int", 64: "unsigned long long"}
_SIGNED = {8: "signed char", 16: "short", 32: "int", 64: "long long"}


class DebugInfo:
    """The metadata of one LLVM module; types and files are made once each."""

    def __init__(self, main: Source) -> None:
        self._all = Metadata()
        self._files: dict[Source, Node] = {}
        self._locations: dict[tuple[int, ir.Place], Node] = {}
        self._types: dict[Width | ArrayType | type[Struct], Node] = {}
        self._main = self.file(main)
        self._unit = self._all.distinct(
            "DICompileUnit", language=Token("DW_LANG_C11"), file=self._main, producer="pybpf", isOptimized=True,
            runtimeVersion=0, emissionKind=Token("FullDebug"),
        )  # fmt: skip
        self._all.name("llvm.module.flags", self._all.sequence([Token("i32 2"), Token('!"Debug Info Version"'), Token("i32 3")]))
        self._all.name("llvm.dbg.cu", self._unit)

    def text(self) -> str:
        """Every node, to stand at the end of the module."""
        return self._all.text()

    def file(self, source: Source) -> Node:
        """The DIFile of a source, with its text."""
        if source not in self._files:
            self._files[source] = self._all.node("DIFile", filename=source.name, directory="", source=source.text)
        return self._files[source]

    def subprogram(self, function: ir.Function) -> Node:
        """The DISubprogram of a function; one that is not a program is local to the unit."""
        file, line, retained = self.file(function.source), function.place.line, self._all.reserve()
        parameters = [(parameter.name, self.type_of(parameter.type)) for parameter in function.parameters]
        if function.role is Role.CALLBACK:
            hidden = [(f"hidden_{number}", self._pointer(None)) for number in range(function.hidden)]
            rest = function.given - function.hidden - len(parameters)
            parameters = [*hidden, *parameters, *((f"rest_{number}", self._pointer(None)) for number in range(rest))]
        result = self.kernel_type(Width(64)) if function.role is Role.CALLBACK else self.type_of(function.result)
        signature = self._all.node("DISubroutineType", types=self._all.sequence([result, *(kind for _, kind in parameters)]))
        flags = "DISPFlagDefinition | DISPFlagOptimized" + ("" if function.role is Role.PROGRAM else " | DISPFlagLocalToUnit")
        made = self._all.distinct(
            "DISubprogram", name=function.name, scope=file, file=file, line=line, type=signature, unit=self._unit,
            spFlags=Token(flags), retainedNodes=retained,
        )  # fmt: skip
        variables: list[Operand] = [
            self._all.node("DILocalVariable", name=name, arg=number, scope=made, file=file, line=line, type=kind)
            for number, (name, kind) in enumerate(parameters, 1)
        ]
        self._all.fill(retained, variables)
        return made

    def extern(self, kfunc: ir.Kfunc) -> Node:
        """The DISubprogram of a function of the kernel's own."""
        types = [self.type_of(kfunc.result), *(self._passed(each.type) for each in kfunc.parameters)]
        signature = self._all.node("DISubroutineType", types=self._all.sequence(list(types)))
        return self._all.node("DISubprogram", name=kfunc.name, scope=self._main, file=self._main, line=1, type=signature, spFlags=Token("DISPFlagOptimized"))

    def _passed(self, kind: ir.Type) -> Node | None:
        """The type of an argument as C has it: an array is passed as the address of its first element."""
        return self._pointer(self.kernel_type(kind.array.element)) if isinstance(kind, ir.ArrayPointer) else self.type_of(kind)

    def location(self, subprogram: Node, place: ir.Place) -> Node:
        """The DILocation of a place in a function."""
        if (known := self._locations.get((subprogram.number, place))) is None:
            known = self._all.node("DILocation", line=place.line, column=min(place.column, _LAST_COLUMN), scope=subprogram)
            self._locations[subprogram.number, place] = known
        return known

    def map_octets(self, declaration: Declaration) -> int:
        """The size of that struct."""
        return 8 * len(self._attributes(declaration))

    def describe_map(self, variable: ll.GlobalVariable, declaration: Declaration) -> None:
        """Attach the struct that loaders read a map's attributes from."""
        self._describe(variable, self.map_type(declaration))

    def map_type(self, declaration: Declaration) -> Node:
        """A map's attributes as a struct: numbers as the lengths of arrays, types as what pointers lead to."""
        members = [(name, self._pointer(kind)) for name, kind in self._attributes(declaration)]
        fields: list[Operand] = [self._member(name, kind, 64, 64 * index) for index, (name, kind) in enumerate(members)]
        if declaration.inner is not None:
            fields.append(self._member("values", self._array(self._pointer(self.map_type(declaration.inner)), 0, 0), 0, 64 * len(members)))
        tag, elements = Token("DW_TAG_structure_type"), self._all.sequence(fields)
        return self._all.node("DICompositeType", tag=tag, size=64 * len(members), elements=elements)

    def _attributes(self, declaration: Declaration) -> list[tuple[str, Node]]:
        numbers = {
            "type": int(declaration.type), "max_entries": declaration.max_entries,
            "map_flags": int(declaration.flags), "map_extra": declaration.extra,
        }  # fmt: skip
        found = [(name, self._number(value)) for name, value in numbers.items() if value or name == "type"]
        types = {"key": declaration.key, "value": declaration.value}
        if declaration.inner is not None:  # its values are file descriptors
            return [*found, ("key", self.kernel_type(declaration.key or Width(32))), ("value_size", self._number(4))]
        return found + [(name, self.kernel_type(kind)) for name, kind in types.items() if kind is not None]

    def describe_data(self, variable: ll.GlobalVariable, data: ir.Global) -> None:
        """Attach the type of a global array, struct or variable. What a loader sets is const volatile, as in C."""
        kind = self.kernel_type(data.type)
        if data.section.startswith(".rodata") and isinstance(data.type, type):
            for tag in ("DW_TAG_volatile_type", "DW_TAG_const_type"):
                kind = self._all.node("DIDerivedType", tag=Token(tag), baseType=kind)
        self._describe(variable, kind)

    def type_of(self, kind: ir.Type) -> Node | None:
        """The debug type of an IR type; None for no value."""
        match kind:
            case ir.Word(low=low, high=high):
                bits = next((size for size in (8, 16, 32) if (high + 1 if low == 0 else 2 * (high + 1)) == 1 << size), 64)
                return self.kernel_type(Width(bits, signed=low < 0))
            case ir.Bool():
                return self._basic("_Bool", 8, "DW_ATE_boolean")
            case ir.Pointer(struct=struct):
                return self._pointer(self.kernel_type(struct))
            case ir.ArrayPointer(array=array):
                return self._pointer(self.kernel_type(array))
            case ir.Context(kind=context):
                return self._pointer(self._context(context))
            case ir.Address(struct=kernel):
                return self._pointer(self.kernel_struct(kernel))
            case ir.InnerMap() | ir.Memory():
                return self._pointer(None)
            case ir.Nothing():
                return None

    def _context(self, kind: type[Context]) -> Node:
        """The struct of a context, as far as the language has its fields (not those that are elements of an array)."""
        fields = [each for each in kind.context_fields.values() if each.symbol.isidentifier()]
        places = {field.offset: field for field in sorted(fields, key=lambda each: -each.access.octets)}
        members: list[Operand] = [
            self._member(field.symbol, self.kernel_type(Width(field.access.bits)), field.access.bits, 8 * field.offset)
            for _, field in sorted(places.items())
        ]
        end = max((field.offset + field.access.octets for field in places.values()), default=0)
        tag, elements = Token("DW_TAG_structure_type"), self._all.sequence(members)
        return self._all.node("DICompositeType", tag=tag, name=kind.symbol, size=8 * end, elements=elements)

    def kernel_struct(self, kind: type[KernelStruct]) -> Node:
        """The type of a kernel struct as far as it is declared. Pointers in it lead nowhere: only names and sizes count."""
        members: list[Operand] = []
        at = 0
        for field in kind.kernel_fields().values():
            node, octets = self._kernel_member(field)
            at += -at % min(octets, 8) if octets else 0
            members.append(self._member(field.name, node, 8 * octets, 8 * at))
            at += octets
        tag, elements = Token("DW_TAG_structure_type"), self._all.sequence(members)
        return self._all.node("DICompositeType", tag=tag, name=kind.symbol, size=8 * (at + -at % 8), elements=elements)

    def _kernel_member(self, field: KernelField) -> tuple[Node, int]:
        """(type, size in bytes) of one."""
        if isinstance(field.type, Width):
            return self.kernel_type(field.type), field.type.octets
        if field.is_pointer:
            tag, flag = Token("DW_TAG_structure_type"), Token("DIFlagFwdDecl")
            return self._pointer(self._all.node("DICompositeType", tag=tag, name=field.type.symbol, flags=flag)), 8
        return self.kernel_struct(field.type), kernel_size(field.type)

    def kernel_type(self, kind: Width | ArrayType | type[Struct]) -> Node:
        """The debug type of something in memory. Big-endian numbers are typedefs, as the kernel's headers call them."""
        if kind not in self._types:
            self._types[kind] = self._kernel_type(kind)
        return self._types[kind]

    def _kernel_type(self, kind: Width | ArrayType | type[Struct]) -> Node:
        match kind:
            case Width(bits=bits, order="big") if bits > 8:
                plain = self.kernel_type(Width(bits))
                return self._all.node("DIDerivedType", tag=Token("DW_TAG_typedef"), name=f"__be{bits}", file=self._main, line=1, baseType=plain)
            case Width(bits=bits, signed=True):
                return self._basic(_SIGNED[bits], bits, "DW_ATE_signed_char" if bits == 8 else "DW_ATE_signed")
            case Width(bits=bits):
                return self._basic(_UNSIGNED[bits], bits, "DW_ATE_unsigned_char" if bits == 8 else "DW_ATE_unsigned")
            case ArrayType(element=element, count=count):
                return self._array(self.kernel_type(element), count, 8 * kind.octets)
        if is_cell(kind):
            return self.kernel_type(kind.layout["value"].type)
        fields: list[Operand] = [
            self._member(field.name, self.kernel_type(field.type), 8 * _octets(field.type), 8 * field.offset) for field in kind.layout.values()
        ]
        tag, elements = Token("DW_TAG_structure_type"), self._all.sequence(fields)
        return self._all.node("DICompositeType", tag=tag, name=kind.symbol, size=8 * kind.size_bytes, elements=elements)

    def _describe(self, variable: ll.GlobalVariable, kind: Node) -> None:
        described = self._all.distinct("DIGlobalVariable", name=variable.name, scope=self._unit, type=kind, isLocal=False, isDefinition=True)
        empty = self._all.node("DIExpression")
        variable.set_metadata("dbg", self._all.node("DIGlobalVariableExpression", var=described, expr=empty))

    def _number(self, value: int) -> Node:
        """A number inside a type: an array of that many ints, to which libbpf's __uint has a pointer."""
        return self._array(self._basic("int", 32, "DW_ATE_signed"), value, 32 * value)

    def _array(self, element: Node, count: int, bits: int) -> Node:
        extent = self._all.sequence([self._all.node("DISubrange", count=count)])
        return self._all.node("DICompositeType", tag=Token("DW_TAG_array_type"), baseType=element, size=bits, elements=extent)

    def _member(self, name: str, kind: Node, bits: int, offset: int) -> Node:
        return self._all.node("DIDerivedType", tag=Token("DW_TAG_member"), name=name, baseType=kind, size=bits, offset=offset)

    def _pointer(self, target: Node | None) -> Node:
        return self._all.node("DIDerivedType", tag=Token("DW_TAG_pointer_type"), baseType=target, size=64)

    def _basic(self, name: str, bits: int, encoding: str) -> Node:
        return self._all.node("DIBasicType", name=name, size=bits, encoding=Token(encoding))


def kernel_size(kind: type[KernelStruct]) -> int:
    """The size of a kernel struct as declared, in bytes: what the unrelocated code assumes."""
    at = 0
    for field in kind.kernel_fields().values():
        octets = field.type.octets if isinstance(field.type, Width) else 8 if field.is_pointer else kernel_size(field.type)
        at += (-at % min(octets, 8) if octets else 0) + octets
    return at + -at % 8


def _octets(kind: Width | ArrayType | type[Struct]) -> int:
    return kind.size_bytes if isinstance(kind, type) else kind.octets
