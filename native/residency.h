#pragma once
#include <stddef.h>
#include <sys/types.h>

/** The most that is looked at in one call, in bytes. */
#define MOST_LOOKED_AT ((size_t)(4 * 1024 * 1024))

/** How many of `length` bytes from `offset` are in memory without a gap, as far as that can be told. */
size_t resident_bytes(int file, off_t offset, size_t length);

/** Reads what of a file is in memory, without waiting for a disk: bytes, fewer where the rest is not, or -errno. */
ssize_t read_resident(int file, off_t offset, void *buffer, size_t length);
