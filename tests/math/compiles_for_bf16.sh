#!/bin/sh
# Compiles what is written for AVX512_BF16, without warnings, whether or not this CPU has it; and looks that the
# product has become its instruction.
#   compiles_for_bf16.sh COMPILER SOURCE_FOLDER INCLUDE_FOLDER
set -eu
for file in product_bf16 precision peak; do
  assembly=$("$1" -std=c17 -O1 -march=x86-64-v4 -mavx512bf16 -ffp-contract=fast -fno-math-errno -fno-trapping-math \
    -Wall -Wextra -Wconversion -Wshadow -Wmissing-prototypes -Werror -I"$2" -I"$3" -S "$2/math/$file.c" -o -)
  case $file in precision) continue ;; esac
  case $assembly in
    *vdpbf16ps*) ;;
    *) echo "$file.c has no vdpbf16ps" >&2 && exit 1 ;;
  esac
done
