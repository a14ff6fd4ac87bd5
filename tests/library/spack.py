"""Executes the recipe for Spack with stand-ins for Spack's package API, that of Spack 1 and that of the versions before, and
compares what it says with the build: dependencies, and every -D that it passes to CMake.
    spack.py ROOT
The stand-ins take what Spack's packaging guide documents (https://spack.readthedocs.io, "Packaging guide"), and no more.
"""
import os
import re
import sys
import types

ROOT = sys.argv[1]
VARIANTS = {True: "ON", False: "OFF"}
KINDS = {"build", "link", "run", "test"}
SPEC = re.compile(r"(?:%)?[a-z0-9][a-z0-9-]*(?:@[\w.:,-]+)?(?:[+~][\w-]+)*$")


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


class Recorder:
    """What a recipe has said."""

    def __init__(self):
        self.versions, self.dependencies, self.conflicts, self.licence = {}, [], [], None

    def version(self, name, *, preferred=None, branch=None, sha256=None, url=None, git=None, tag=None, commit=None):
        assert re.fullmatch(r"\d+(\.\d+)*|main|develop", name), f"{name} is no version"
        assert name not in self.versions, f"two versions {name}"
        self.versions[name] = branch

    def depends_on(self, spec, when=None, type=("build", "link"), patches=None):
        types_of = {type} if isinstance(type, str) else set(type)
        assert SPEC.match(spec), f"{spec} is no spec"
        assert types_of <= KINDS, f"{spec}: {types_of} are no types of dependencies"
        assert when is None, f"{spec}: the recipe has no variants, so when={when} is never true"
        self.dependencies.append(re.match(r"[a-z0-9-]+", spec)[0])

    def conflicts_with(self, spec, when=None, msg=None):
        assert SPEC.match(spec), f"{spec} is no spec"
        self.conflicts.append(spec)

    def license_of(self, name, checked_by=None, when=None):
        self.licence = name


class CMakePackage:
    """The part of the base class that recipes call."""
    spec = None

    @staticmethod
    def define(name, value):
        if isinstance(value, bool):
            return f"-D{name}:BOOL={VARIANTS[value]}"
        return f"-D{name}:STRING={value}"



def execute(is_new):
    """The class of the recipe, and what it has said; is_new: build systems are in the repository, as since Spack 1.0."""
    recorder = Recorder()
    package = types.ModuleType("spack.package")
    for name, function in {"version": recorder.version, "depends_on": recorder.depends_on,
                           "conflicts": recorder.conflicts_with, "license": recorder.license_of}.items():
        setattr(package, name, function)
    modules = {"spack": types.ModuleType("spack"), "spack.package": package}
    if is_new:
        folder = types.ModuleType("spack_repo.builtin.build_systems.cmake")
        folder.CMakePackage = CMakePackage
        for name in ("spack_repo", "spack_repo.builtin", "spack_repo.builtin.build_systems"):
            modules[name] = types.ModuleType(name)
        modules["spack_repo.builtin.build_systems.cmake"] = folder
    else:
        package.CMakePackage = CMakePackage
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        scope = {"__name__": "recipe"}
        exec(compile(read("packaging/spack/package.py"), "package.py", "exec"), scope)  # pylint: disable=exec-used
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module
    return scope["Lockstep"], recorder


def external(name):
    return types.SimpleNamespace(name=name, prefix=types.SimpleNamespace(include=f"/spack/{name}/include"),
                                 libs=[f"/spack/{name}/lib/lib{name}.so"])


def check_arguments(recipe):
    """Every -D of the recipe is a variable that CMake knows from the files of the build."""
    build = read("CMakeLists.txt") + "".join(read(f"cmake/{name}") for name in sorted(os.listdir(os.path.join(ROOT, "cmake"))))
    options = set(re.findall(r"option\((\w+)", build))
    libraries = set(re.findall(r"lockstep_library\(\S+ \S+ (\w+)", build))
    known = options | {"HDF5_ROOT"} | {f"LOCKSTEP_{name}_{part}" for name in libraries for part in ("LIBRARY", "INCLUDE")}
    for lapack in ("openblas", "netlib-lapack"):
        package = recipe()
        package.spec = {"hdf5": external("hdf5"), "lapack": external(lapack)}
        for argument in package.cmake_args():
            name = re.match(r"-D(\w+):\w+=.", argument)
            assert name and name[1] in known, f"{argument}: the build has no such variable; it has {sorted(known)}"
    assert "HDF5_ROOT" in read("cmake/HDF5.cmake"), "cmake/HDF5.cmake does not look for HDF5 in HDF5_ROOT"


def check_dependencies(recorder):
    """What Packages.cmake says of Spack, but for what the compiler brings, and tests."""
    virtual = {"openmpi": "mpi", "openblas": "lapack"}
    rows = re.findall(r'^  "(.*)"\)?$', read("cmake/Packages.cmake"), re.M)
    rows = [[cell.strip() for cell in row.split("|")] for row in rows if row.count("|") == 6]
    assert len(rows) >= 9, "cmake/Packages.cmake reads otherwise now"
    asked = {re.match(r"[a-z0-9-]+", row[4])[0] for row in rows if row[4]}
    needed = {virtual.get(name, name) for name in asked}
    for name in needed:
        assert name in recorder.dependencies, f"the recipe does not depend on {name}, which cmake/Packages.cmake names"
    for name in recorder.dependencies:
        assert name in needed | {"c", "cmake", "pkgconfig", "xxhash", "random123"}, f"nothing needs {name}"


def main():
    build = read("CMakeLists.txt")
    for is_new in (True, False):
        recipe, recorder = execute(is_new)
        assert issubclass(recipe, CMakePackage) and recipe.__doc__ and recipe.homepage
        for name, branch in recorder.versions.items():  # there is no release whose archive Spack could fetch
            assert branch and recipe.git, f"version {name} has neither a branch nor a repository"
        assert recorder.licence == "BSD-3-Clause" and "BSD 3-Clause" in read("LICENSE")
        least = re.search(r"cmake_minimum_required\(VERSION ([\d.]+)", build)[1]
        assert f'"cmake@{least}:"' in read("packaging/spack/package.py"), f"CMake {least} is needed"
        check_dependencies(recorder)
        check_arguments(recipe)
    print(f"versions {sorted(recorder.versions)}, {len(recorder.dependencies)} dependencies: as the build has them")


main()
