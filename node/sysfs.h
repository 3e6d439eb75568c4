/* SPDX-License-Identifier: Apache-2.0 */
/* Small files of sysfs and proc, read with limits: whatever stands there, no call blocks, follows a
 * loop or takes more than it has room for. Paths are given as printf does. */
#ifndef SFT_NODE_SYSFS_H
#define SFT_NODE_SYSFS_H

#include <stdbool.h>
#include <stddef.h>

#define SYSFS_NAME 64
#define SYSFS_TEXT (256 * 1024) /* sysfs_text reads no more */

/* The first line without its end, cut at the buffer's size; "" when there is none. Returns its
 * length; 0 also for a file that opens but cannot be read (a GID's type in a container: EINVAL) and
 * for what is no file; -1 when it cannot be opened. */
int sysfs_line(char *buffer, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* For many files of one folder: its descriptor, to be closed, or -1; and sysfs_line of its file of
 * that number. */
int sysfs_folder(const char *format, ...) __attribute__((format(printf, 1, 2)));
int sysfs_line_of(int folder, int number, char *buffer, size_t size);

/* The number that the first line begins with, in base 10, or 16 after 0x; `otherwise` when there is
 * none or it does not fit an int. */
int sysfs_number(int otherwise, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The number of a PCI link's lanes; 0 for what no link has. Virtual machines say 255 for an unknown
 * one. */
int sysfs_lanes(int number);

/* The folder's names, sorted with mlx5_2 before mlx5_10, without hidden ones and those of
 * SYSFS_NAME bytes or more. Returns how many were stored, `room` at most; 0 when it is no folder.
 */
int sysfs_names(char (*names)[SYSFS_NAME], int room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* All names of a folder, sorted in the same way. `cut`: it has more entries than anybody's machine,
 * and the list is what readdir gave first: nothing may be decided from it. */
struct sysfs_list {
    int count;
    bool cut;
    char (*name)[SYSFS_NAME]; /* free() it */
};

/* 0; an empty list when it is no folder; -1 when out of memory. */
int sysfs_list(struct sysfs_list *list, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Where the link of that path leads in the end, its last name alone ("0000:19:00.0"); "" when it
 * leads nowhere or the name does not fit. */
void sysfs_target(char *name, size_t size, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* All of a file, cut at SYSFS_TEXT and ended by a NUL; the caller frees. NULL when it cannot be
 * read. */
char *sysfs_text(size_t *length, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
