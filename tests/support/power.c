/* What a power cut leaves: preloaded, it keeps what is synced in $POPBRIDGE_PLATTER, and nothing else.
   file-INODE has a file's octets as of its last sync, names-INODE a directory's names: inode, whether a directory, name. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int keep_file(int from, int to)
{
    char data[65536];
    ssize_t got;
    while ((got = read(from, data, sizeof data)) > 0)
        if (write(to, data, got) != got)
            return -1;
    return (int)got;
}

static int keep_names(int from, int to)
{
    DIR *names = fdopendir(dup(from));
    struct dirent *one;
    if (names == NULL)
        return -1;
    while ((one = readdir(names)) != NULL)
        dprintf(to, "%llu %d %s\n", (unsigned long long)one->d_ino, one->d_type == DT_DIR, one->d_name);
    return closedir(names);
}

static int keep(int descriptor)
{
    const char *platter = getenv("POPBRIDGE_PLATTER");
    char part[4096], whole[4096], self[64];
    struct stat what;
    int from, to, failed;
    if (platter == NULL || fstat(descriptor, &what) != 0)
        return -1;
    snprintf(self, sizeof self, "/proc/self/fd/%d", descriptor);
    snprintf(part, sizeof part, "%s/part-%d", platter, gettid());
    snprintf(whole, sizeof whole, "%s/%s-%llu", platter, S_ISDIR(what.st_mode) ? "names" : "file",
             (unsigned long long)what.st_ino);
    from = open(self, O_RDONLY | O_CLOEXEC);
    to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    failed = from < 0 || to < 0 || (S_ISDIR(what.st_mode) ? keep_names(from, to) : keep_file(from, to)) != 0;
    close(from);
    close(to);
    return failed ? -1 : rename(part, whole);
}

int fsync(int descriptor) { return keep(descriptor); }
int fdatasync(int descriptor) { return keep(descriptor); }
