"""The package map: two source folders become subpackages, so that `import compiler` never leaves this tree."""

from setuptools import find_packages, setup

ROOTS = {"pybpf": "pybpf", "pybpf.compiler": "compiler", "pybpf.kernel_progs": "kernel_progs"}


def packages() -> list[str]:
    """Every package of the three source folders, under the name it is imported by."""
    return [name for root, folder in ROOTS.items() for name in [root, *(f"{root}.{sub}" for sub in find_packages(folder))]]


setup(
    package_dir=ROOTS,
    packages=packages(),
    package_data={
        "pybpf": ["py.typed", "_bpf.pyi"],
        "pybpf.demo": ["scenarios/*/*.yaml"],
        "pybpf.compiler": ["py.typed"],
        "pybpf.compiler.automata": ["unicode.txt", "_automata.pyi"],
        "pybpf.compiler.policy.language": ["*.lark"],
        "pybpf.kernel_progs": ["py.typed", "LICENSE"],
    },
    cffi_modules=["ext/build_bpf.py:ffibuilder", "ext/build_automata.py:ffibuilder"],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
