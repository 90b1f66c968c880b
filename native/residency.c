// Whether a file can be read without waiting for its disk.
#define _GNU_SOURCE
#include "residency.h"
#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define SMALLEST_PAGE 4096

static size_t page_size(void) {
  static size_t known = 0;
  if (known == 0) known = (size_t)sysconf(_SC_PAGESIZE);
  return known;
}

/** To others than the owner mincore(2) says that all is there. */
static bool is_told(const struct stat *file) {
  static uid_t user = (uid_t)-1;
  if (user == (uid_t)-1) user = geteuid();
  return user == 0 || user == file->st_uid;
}

// mincore(2) says of pages that are only being read that they are not there, which cachestat(2) does not
size_t resident_bytes(int file, off_t offset, size_t length) {
  struct stat stats;
  if (fstat(file, &stats) != 0 || !is_told(&stats)) return 0;
  if (offset >= stats.st_size) return length; // nothing to wait for
  if (length > MOST_LOOKED_AT) length = MOST_LOOKED_AT;
  const size_t page = page_size();
  const size_t before = (size_t)offset % page;
  const size_t left = (size_t)(stats.st_size - offset);
  const size_t span = before + (length < left ? length : left);
  const size_t pages = (span + page - 1) / page;
  unsigned char there[MOST_LOOKED_AT / SMALLEST_PAGE + 1];
  void *map = mmap(NULL, span, PROT_READ, MAP_SHARED, file, offset - (off_t)before);
  if (map == MAP_FAILED) return 0;
  size_t count = 0;
  if (mincore(map, span, there) == 0)
    while (count < pages && (there[count] & 1)) count++;
  munmap(map, span);
  if (count == pages) return length;
  return count == 0 ? 0 : count * page - before;
}

ssize_t read_resident(int file, off_t offset, void *buffer, size_t length) {
  const struct iovec into = {buffer, length};
  const ssize_t got = preadv2(file, &into, 1, offset, RWF_NOWAIT);
  return got < 0 ? -errno : got;
}
