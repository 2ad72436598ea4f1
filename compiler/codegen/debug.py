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
from pybpf.compiler.lang import ArrayType, Declaration, Role, Struct, Width

_UNSIGNED = {8: "unsigned char", 16: "unsigned short", 32: "unsigned int", 64: "unsigned long long"}


class DebugInfo:
    """The metadata of one LLVM module; types and files are made once each."""

    def __init__(self, main: Source) -> None:
        self._all = Metadata()
        self._unit = self._all.distinct(
            "DICompileUnit", language=Token("DW_LANG_C11"), file=self.file(main), producer="pybpf", isOptimized=True,
            runtimeVersion=0, emissionKind=Token("FullDebug"),
        )  # fmt: skip
        self._all.name("llvm.module.flags", self._all.sequence([Token("i32 2"), Token('!"Debug Info Version"'), Token("i32 3")]))
        self._all.name("llvm.dbg.cu", self._unit)

    def text(self) -> str:
        """Every node, to stand at the end of the module."""
        return self._all.text()

    def file(self, source: Source) -> Node:
        """The DIFile of a source, with its text."""
        return self._all.node("DIFile", filename=source.name, directory="", source=source.text)

    def subprogram(self, function: ir.Function) -> Node:
        """The DISubprogram of a function; one that is not a program is local to the unit."""
        file, line, retained = self.file(function.source), function.place.line, self._all.reserve()
        parameters = [(parameter.name, self.type_of(parameter.type)) for parameter in function.parameters]
        if function.role is Role.CALLBACK:
            parameters.append(("context", self._pointer(None)))
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

    def location(self, subprogram: Node, place: ir.Place) -> Node:
        """The DILocation of a place in a function."""
        return self._all.node("DILocation", line=place.line, column=place.column, scope=subprogram)

    def describe_map(self, variable: ll.GlobalVariable, declaration: Declaration) -> None:
        """Attach the struct that loaders read a map's attributes from."""
        members = [
            ("type", self._number(int(declaration.type))),
            ("max_entries", self._number(declaration.max_entries)),
            *([("map_flags", self._number(int(declaration.flags)))] if declaration.flags else []),
            *([("key", self._pointer(self.kernel_type(declaration.key)))] if declaration.key is not None else []),
            *([("value", self._pointer(self.kernel_type(declaration.value)))] if declaration.value is not None else []),
        ]
        fields: list[Operand] = [self._member(name, kind, 64, 64 * index) for index, (name, kind) in enumerate(members)]
        struct = self._all.node("DICompositeType", tag=Token("DW_TAG_structure_type"), size=64 * len(members), elements=self._all.sequence(fields))
        self._describe(variable, struct)

    def describe_array(self, variable: ll.GlobalVariable, kind: ArrayType) -> None:
        """Attach the type of a global array."""
        self._describe(variable, self.kernel_type(kind))

    def type_of(self, kind: ir.Type) -> Node | None:
        """The debug type of an IR type; None for no value."""
        match kind:
            case ir.Word():
                return self.kernel_type(Width(64))
            case ir.Bool():
                return self._basic("_Bool", 8, "DW_ATE_boolean")
            case ir.Pointer(struct=struct):
                return self._pointer(self.kernel_type(struct))
            case ir.ArrayPointer(array=array):
                return self._pointer(self.kernel_type(array))
            case ir.Context():
                tag, flag = Token("DW_TAG_structure_type"), Token("DIFlagFwdDecl")
                return self._pointer(self._all.node("DICompositeType", tag=tag, name="__sk_buff", flags=flag))
            case ir.Nothing():
                return None

    def kernel_type(self, kind: Width | ArrayType | type[Struct]) -> Node:
        """The debug type of something in memory; big-endian numbers are plain unsigned ones to BTF."""
        match kind:
            case Width(bits=bits):
                return self._basic(_UNSIGNED[bits], bits, "DW_ATE_unsigned_char" if bits == 8 else "DW_ATE_unsigned")
            case ArrayType(element=element, count=count):
                return self._array(self.kernel_type(element), count, 8 * kind.octets)
        fields: list[Operand] = [
            self._member(field.name, self.kernel_type(field.type), 8 * _octets(field.type), 8 * field.offset) for field in kind.layout.values()
        ]
        tag, elements = Token("DW_TAG_structure_type"), self._all.sequence(fields)
        return self._all.node("DICompositeType", tag=tag, name=kind.__name__, size=8 * kind.size_bytes, elements=elements)

    def _describe(self, variable: ll.GlobalVariable, kind: Node) -> None:
        described = self._all.distinct("DIGlobalVariable", name=variable.name, scope=self._unit, type=kind, isLocal=False, isDefinition=True)
        empty = self._all.node("DIExpression")
        variable.set_metadata("dbg", self._all.node("DIGlobalVariableExpression", var=described, expr=empty))

    def _number(self, value: int) -> Node:
        """A number inside a type: a pointer to an array of that many ints, as libbpf's __uint has it."""
        return self._pointer(self._array(self._basic("int", 32, "DW_ATE_signed"), value, 32 * value))

    def _array(self, element: Node, count: int, bits: int) -> Node:
        extent = self._all.sequence([self._all.node("DISubrange", count=count)])
        return self._all.node("DICompositeType", tag=Token("DW_TAG_array_type"), baseType=element, size=bits, elements=extent)

    def _member(self, name: str, kind: Node, bits: int, offset: int) -> Node:
        return self._all.node("DIDerivedType", tag=Token("DW_TAG_member"), name=name, baseType=kind, size=bits, offset=offset)

    def _pointer(self, target: Node | None) -> Node:
        return self._all.node("DIDerivedType", tag=Token("DW_TAG_pointer_type"), baseType=target, size=64)

    def _basic(self, name: str, bits: int, encoding: str) -> Node:
        return self._all.node("DIBasicType", name=name, size=bits, encoding=Token(encoding))


def _octets(kind: Width | ArrayType | type[Struct]) -> int:
    return kind.size_bytes if isinstance(kind, type) else kind.octets
