/* Fails one call of the program that loads it: the FAIL_NTH_NUMBERth write or sync of a file below FAIL_NTH_FOLDER.
 * Half of a write that fails is carried out. FAIL_NTH_REPORT is created when it happens. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *kind, *folder, *report;
static long number, calls;

__attribute__((constructor)) static void read_environment(void) {
    kind = getenv("FAIL_NTH_KIND");
    folder = getenv("FAIL_NTH_FOLDER");
    report = getenv("FAIL_NTH_REPORT");
    const char *text = getenv("FAIL_NTH_NUMBER");
    number = text ? atol(text) : 0;
}

static int fails(const char *call, int fd) {
    char link[64], path[4096];
    if (!kind || !folder || !report || strcmp(call, kind) != 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length <= 0) return 0;
    path[length] = 0;
    if (strncmp(path, folder, strlen(folder)) != 0) return 0;
    if (__atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST) != number) return 0;
    int file = syscall(SYS_openat, AT_FDCWD, report, O_CREAT | O_WRONLY, 0600);
    if (file >= 0) {
        syscall(SYS_write, file, path, length);
        syscall(SYS_close, file);
    }
    return 1;
}

static int refused(void) {
    errno = EIO;
    return -1;
}

ssize_t write(int fd, const void *bytes, size_t length) {
    if (!fails("write", fd)) return syscall(SYS_write, fd, bytes, length);
    syscall(SYS_write, fd, bytes, length / 2);
    return refused();
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    return fails("write", fd) ? refused() : syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset) {
    if (!fails("write", fd)) return syscall(SYS_pwrite64, fd, bytes, length, offset);
    syscall(SYS_pwrite64, fd, bytes, length / 2, offset);
    return refused();
}

int fsync(int fd) { return fails("fsync", fd) ? refused() : syscall(SYS_fsync, fd); }

int fdatasync(int fd) { return fails("fsync", fd) ? refused() : syscall(SYS_fdatasync, fd); }

int sync_file_range(int fd, off64_t offset, off64_t length, unsigned int flags) {
    return fails("fsync", fd) ? refused() : syscall(SYS_sync_file_range, fd, offset, length, flags);
}
