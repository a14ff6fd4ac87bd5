# Copyright (c) 2026, The lockstep authors
#
# SPDX-License-Identifier: BSD-3-Clause
"""A recipe for Spack. docs/guide/installation.md says how to add it to a repository of your own."""

from spack.package import *

try:  # since Spack 1.0 build systems are in the repository of packages
    from spack_repo.builtin.build_systems.cmake import CMakePackage
except ImportError:  # before, they came with spack.package
    pass


class Lockstep(CMakePackage):
    """Data-parallel training of neural networks on CPUs with MPI, OpenMP and HDF5. A run has the same bits on any number of
    nodes, ranks and threads."""

    homepage = "https://example.org/lockstep"
    git = "https://example.org/lockstep.git"
    # There is no release yet: `spack dev-build` or `spack develop` build the folder with the sources.
    version("main", branch="main")

    license("BSD-3-Clause")

    depends_on("c", type="build")
    depends_on("cmake@3.20:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("mpi@3:")
    depends_on("hdf5@1.10:")
    depends_on("sleef@3.5:")
    depends_on("lapack")
    # OpenBLAS is fine as lapack; lockstep has threads of its own, so `openblas threads=none` is enough
    depends_on("libyaml")
    depends_on("zlib-api")
    depends_on("xxhash@0.8:", type="build")
    depends_on("random123", type="build")

    conflicts("%gcc@:11")
    conflicts("%clang@:13")

    def cmake_args(self):
        lapack = self.spec["lapack"]
        # the tests need Criterion, which Spack does not have
        arguments = [self.define("LOCKSTEP_TESTS", False), self.define("HDF5_ROOT", self.spec["hdf5"].prefix)]
        if lapack.name == "openblas":  # LAPACKE is inside
            arguments += [
                self.define("LOCKSTEP_lapacke_LIBRARY", lapack.libs[0]),
                self.define("LOCKSTEP_lapacke_INCLUDE", lapack.prefix.include),
            ]
        return arguments
