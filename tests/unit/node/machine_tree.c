/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/node/machine_tree.h"

#include <ftw.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/gid.h"

const char *tree_value(const char *line, const char *key, char *value, size_t size)
{
    char pattern[32];
    snprintf(pattern, sizeof pattern, " %s=", key);
    const char *at = strstr(line, pattern);
    snprintf(value, size, "%.*s", at != NULL ? (int)strcspn(at + strlen(pattern), " \n") : 0,
             at != NULL ? at + strlen(pattern) : "");
    return value;
}

static void tree_folders(char *path)
{
    for (char *at = path + 1; (at = strchr(at, '/')) != NULL; at++) {
        *at = '\0';
        mkdir(path, 0755);
        *at = '/';
    }
}

static void tree_path(const struct tree *tree, char path[PATH_MAX], const char *format,
                      va_list arguments)
{
    int length = snprintf(path, PATH_MAX, "%s/", tree->root);
    vsnprintf(path + length, PATH_MAX - (size_t)length, format, arguments);
    tree_folders(path);
}

void tree_write(const struct tree *tree, const char *text, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    tree_path(tree, path, format, arguments);
    va_end(arguments);
    FILE *file = fopen(path, "w");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
        perror(path);
        abort();
    }
}

static void __attribute__((format(printf, 3, 4)))
tree_link(const struct tree *tree, const char *target, const char *format, ...)
{
    char path[PATH_MAX];
    va_list arguments;
    va_start(arguments, format);
    tree_path(tree, path, format, arguments);
    va_end(arguments);
    if (symlink(target, path) < 0)
        perror(path);
}

/* "0000:15/15:01.0/18:00.0" becomes "pci0000:15/0000:15:01.0/0000:18:00.0". */
static void tree_device_path(const char *text, char *path, size_t size)
{
    char domain[16] = "";
    path[0] = '\0';
    snprintf(domain, sizeof domain, "%.*s", (int)strcspn(text, ":"), text);
    for (bool first = true; *text != '\0' && *text != ' '; first = false) {
        int length = (int)strcspn(text, "/ ");
        bool whole =
            first || memchr(strchr(text, ':') + 1, ':', strcspn(strchr(text, ':') + 1, "/ "));
        snprintf(path + strlen(path), size - strlen(path), "%s%s%s%.*s", first ? "pci" : "/",
                 whole ? "" : domain, whole ? "" : ":", length, text);
        text += length + (text[length] == '/');
    }
}

/* The device's folder and its link; its address points into the path. */
static const char *tree_device(const struct tree *tree, const char *line, char *path, size_t size)
{
    char target[PATH_MAX], value[128];
    tree_device_path(line + 4, path, size);
    const char *pci = strrchr(path, '/') + 1;
    const char *numa = tree_value(line, "numa", value, sizeof value);
    tree_write(tree, numa[0] != '\0' ? numa : "-1\n", "sys/devices/%s/numa_node", path);
    snprintf(target, sizeof target, "../../../devices/%s", path);
    tree_link(tree, target, "sys/bus/pci/devices/%s", pci);
    return pci;
}

static void tree_pcie(const struct tree *tree, const char *line, const char *path)
{
    double speed = 32, most = 32;
    int width = 16, widest = 16;
    char value[64], text[64];
    if (tree_value(line, "pcie", value, sizeof value)[0] != '\0')
        sscanf(value, "%lfx%d/%lfx%d", &speed, &width, &most, &widest);
    snprintf(text, sizeof text, "%.1f GT/s PCIe\n", speed);
    tree_write(tree, text, "sys/devices/%s/current_link_speed", path);
    snprintf(text, sizeof text, "%.1f GT/s PCIe\n", most);
    tree_write(tree, text, "sys/devices/%s/max_link_speed", path);
    snprintf(text, sizeof text, "%d\n", width);
    tree_write(tree, text, "sys/devices/%s/current_link_width", path);
    snprintf(text, sizeof text, "%d\n", widest);
    tree_write(tree, text, "sys/devices/%s/max_link_width", path);
}

static void tree_gpu(const struct tree *tree, const char *line)
{
    char path[512], value[128], text[512];
    const char *pci = tree_device(tree, line, path, sizeof path);
    tree_write(tree, "0x030200\n", "sys/devices/%s/class", path);
    tree_write(tree, "0x10de\n", "sys/devices/%s/vendor", path);
    tree_pcie(tree, line, path);
    snprintf(text, sizeof text, "../../../../devices/%.480s", path);
    tree_link(tree, text, "sys/bus/pci/drivers/nvidia/%s", pci);
    tree_value(line, "local", value, sizeof value);
    tree_write(tree, value[0] != '\0' ? value : tree->cpus, "sys/devices/%s/local_cpulist", path);
    if (tree_value(line, "minor", value, sizeof value)[0] == '\0')
        return;
    int length =
        snprintf(text, sizeof text,
                 "Model: \t\t NVIDIA H200\nBus Location: \t %s\nDevice Minor: \t %s\n", pci, value);
    if (tree_value(line, "uuid", value, sizeof value)[0] != '\0')
        snprintf(text + length, sizeof text - (size_t)length, "GPU UUID: \t %s\n", value);
    tree_write(tree, text, "proc/driver/nvidia/gpus/%s/information", pci);
}

static void tree_gid(const struct tree *tree, const char *folder, int index,
                     const unsigned char raw[16], const char *type, const char *netdev)
{
    char text[64] = "";
    for (int i = 0; i < 16; i += 2)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%02x%02x", i > 0 ? ":" : "",
                 raw[i], raw[i + 1]);
    tree_write(tree, text, "%s/gids/%d", folder, index);
    if (strcmp(type, "none") != 0)
        tree_write(tree, type, "%s/gid_attrs/types/%d", folder, index);
    tree_write(tree, netdev, "%s/gid_attrs/ndevs/%d", folder, index);
}

#define TREE_GIDS 16

static void tree_gids(const struct tree *tree, const char *line, const char *folder,
                      const char *netdev, int port)
{
    unsigned char raw[16], zero[16] = {0};
    char ip[256], value[32], word[320];
    int index = 0;
    tree_value(line, "types", value, sizeof value);
    if (tree_value(line, "ip", ip, sizeof ip)[0] == '\0')
        snprintf(ip, sizeof ip, "10.0.%d.%d", tree->nics, port);
    snprintf(word, sizeof word, "fe80::a288:c2ff:fe12:%02x%02x,%s", tree->nics, port, ip);
    for (char *at = strtok(word, ","); at != NULL && gid_parse(at, raw) == 0;
         at = strtok(NULL, ","))
        for (int version = 1; version <= 2; version++)
            tree_gid(tree, folder, index++, raw,
                     strcmp(value, "none") == 0      ? "none"
                     : strcmp(value, "unknown") == 0 ? ""
                     : version == 1                  ? "IB/RoCE v1\n"
                                                     : "RoCE v2\n",
                     netdev);
    while (index < TREE_GIDS)
        tree_gid(tree, folder, index++, zero, "none", "");
}

/* The nth word of "eth0:up,eth1:up", without its state; "" when there are fewer. */
static void tree_netdev(const char *line, int nth, char *name, size_t size)
{
    char value[128];
    const char *at = tree_value(line, "net", value, sizeof value);
    for (; nth > 0 && at != NULL; nth--) {
        at = strchr(at, ',');
        at = at != NULL ? at + 1 : NULL;
    }
    snprintf(name, size, "%.*s", at != NULL ? (int)strcspn(at, ":") : 0, at != NULL ? at : "");
}

static void tree_port(const struct tree *tree, const char *line, const char *folder, bool up,
                      int port)
{
    char value[128], text[128], netdev[32];
    bool infiniband = strcmp(tree_value(line, "link", value, sizeof value), "ib") == 0 ||
                      strcmp(tree_value(line, "class", value, sizeof value), "0207") == 0;
    tree_write(tree, up ? "4: ACTIVE\n" : "1: DOWN\n", "%s/state", folder);
    tree_write(tree, infiniband ? "InfiniBand\n" : "Ethernet\n", "%s/link_layer", folder);
    tree_value(line, "rate", value, sizeof value);
    snprintf(text, sizeof text, "%.16s Gb/sec (4X NDR)\n", value[0] != '\0' ? value : "400");
    tree_write(tree, text, "%s/rate", folder);
    tree_netdev(line, port - 1, netdev, sizeof netdev);
    if (tree_value(line, "bond", value, sizeof value)[0] != '\0')
        snprintf(netdev, sizeof netdev, "%.31s", value);
    if (!infiniband)
        tree_gids(tree, line, folder, netdev, port);
}

static void tree_rdma(const struct tree *tree, const char *line, const char *path)
{
    char value[128], word[64], folder[PATH_MAX], target[PATH_MAX], *state, *rest;
    int port = 0;
    tree_value(line, "rdma", value, sizeof value);
    strtok_r(value, ":,", &rest);
    while ((state = strtok_r(NULL, ":,", &rest)) != NULL) {
        snprintf(folder, sizeof folder, "sys/devices/%.500s/infiniband/%.64s/ports/%d", path, value,
                 ++port);
        tree_port(tree, line, folder, strcmp(state, "up") == 0, port);
    }
    snprintf(target, sizeof target, "../../devices/%.500s/infiniband/%.64s", path, value);
    tree_link(tree, target, "sys/class/infiniband/%s", value);
    tree_link(tree, "../..", "sys/devices/%s/infiniband/%s/device", path, value);
    if (tree_value(line, "guid", word, sizeof word)[0] != '\0')
        tree_write(tree, word, "sys/devices/%s/infiniband/%s/sys_image_guid", path, value);
    if (tree_value(line, "board", word, sizeof word)[0] != '\0')
        tree_write(tree, word, "sys/devices/%s/infiniband/%s/board_id", path, value);
}

static void tree_nets(const struct tree *tree, const char *line, const char *path)
{
    char value[128], number[16], target[PATH_MAX], *word, *rest;
    int port = 0;
    tree_value(line, "net", value, sizeof value);
    for (word = strtok_r(value, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        size_t length = strcspn(word, ":");
        const char *state = word[length] == ':' ? word + length + 1 : "up";
        word[length] = '\0';
        tree_write(tree, state, "sys/devices/%s/net/%s/operstate", path, word);
        snprintf(number, sizeof number, "%d\n", port++);
        tree_write(tree, number, "sys/devices/%s/net/%s/dev_port", path, word);
        snprintf(target, sizeof target, "../../devices/%.500s/net/%.32s", path, word);
        tree_link(tree, target, "sys/class/net/%s", word);
    }
}

/* The link of a virtual function to its physical one, as sysfs has it. */
static void tree_physical(const struct tree *tree, const char *line, const char *path)
{
    char physical[64], target[PATH_MAX], value[32];
    const char *pci = strrchr(path, '/') + 1;
    tree_value(line, "physfn", physical, sizeof physical);
    if (physical[0] == '\0' && strcmp(tree_value(line, "model", value, sizeof value), "101e") == 0)
        for (int function = 0; function < 8 && physical[0] == '\0'; function++) {
            snprintf(physical, sizeof physical, "%.*s00.%d", (int)(strcspn(pci, ".") - 2), pci,
                     function);
            snprintf(target, sizeof target, "%s/sys/bus/pci/devices/%s", tree->root, physical);
            if (strcmp(physical, pci) == 0 || access(target, F_OK) < 0)
                physical[0] = '\0';
        }
    if (physical[0] == '\0')
        return;
    snprintf(target, sizeof target, "%s/sys/bus/pci/devices/%s", tree->root, physical);
    tree_link(tree, target, "sys/devices/%s/physfn", path);
}

static void tree_nic(struct tree *tree, const char *line)
{
    char path[512], value[128], text[32];
    tree->nics++;
    tree_device(tree, line, path, sizeof path);
    tree_value(line, "class", value, sizeof value);
    snprintf(text, sizeof text, "0x%.8s00\n", value[0] != '\0' ? value : "0200");
    tree_write(tree, text, "sys/devices/%s/class", path);
    tree_write(tree, "0x15b3\n", "sys/devices/%s/vendor", path);
    tree_value(line, "model", value, sizeof value);
    snprintf(text, sizeof text, "0x%.8s\n", value[0] != '\0' ? value : "1021");
    tree_write(tree, text, "sys/devices/%s/device", path);
    tree_write(tree, tree->cpus, "sys/devices/%s/local_cpulist", path);
    tree_pcie(tree, line, path);
    tree_physical(tree, line, path);
    if (tree_value(line, "rdma", value, sizeof value)[0] != '\0')
        tree_rdma(tree, line, path);
    tree_nets(tree, line, path);
}

/* An interface without a device: a bond, a VLAN. */
static void tree_net(const struct tree *tree, const char *line)
{
    char name[32], value[128], *word, *rest;
    size_t length = strcspn(line + 4, ": ");
    snprintf(name, sizeof name, "%.*s", (int)length, line + 4);
    tree_write(tree, strncmp(line + 4 + length, ":down", 5) == 0 ? "down\n" : "up\n",
               "sys/class/net/%s/operstate", name);
    if (tree_value(line, "slaves", value, sizeof value)[0] != '\0')
        tree_write(tree, value, "sys/class/net/%s/bonding/slaves", name);
    tree_value(line, "lower", value, sizeof value);
    for (word = strtok_r(value, ",", &rest); word != NULL; word = strtok_r(NULL, ",", &rest)) {
        char target[64];
        snprintf(target, sizeof target, "../%.32s", word);
        tree_link(tree, target, "sys/class/net/%s/lower_%s", name, word);
    }
}

static int tree_gid_line(const struct tree *tree, const char *line)
{
    char device[32], address[64], type[16], netdev[32] = "", folder[128];
    unsigned char raw[16];
    int port, index;
    if (sscanf(line, "gid %31[^:]:%d %d %63s %15s %31s", device, &port, &index, address, type,
               netdev) < 5 ||
        gid_parse(address, raw) < 0) {
        fprintf(stderr, "'%s'?\n", line);
        return -1;
    }
    snprintf(folder, sizeof folder, "sys/class/infiniband/%s/ports/%d", device, port);
    tree_gid(tree, folder, index, raw,
             strcmp(type, "v2") == 0     ? "RoCE v2\n"
             : strcmp(type, "v1") == 0   ? "IB/RoCE v1\n"
             : strcmp(type, "none") == 0 ? "none"
                                         : "",
             netdev);
    return 1;
}

static void tree_route(const struct tree *tree, const char *netdev)
{
    char text[512];
    snprintf(text, sizeof text,
             "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
             "%.16s\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0\n"
             "%.16s\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n",
             netdev, netdev);
    tree_write(tree, text, "proc/net/route");
}

static void tree_route6(const struct tree *tree, const char *netdev)
{
    static const char zero[] = "00000000000000000000000000000000";
    char text[512];
    snprintf(
        text, sizeof text,
        "%s 00 %s 00 fe800000000000000000000000000001 00000400 00000001 00000000 00000003 %8.16s\n"
        "%s 00 %s 00 %s ffffffff 00000001 00000000 00200200       lo\n",
        zero, zero, netdev, zero, zero, zero);
    tree_write(tree, text, "proc/net/ipv6_route");
}

int tree_line(struct tree *tree, const char *line)
{
    if (strncmp(line, "gpu ", 4) == 0)
        tree_gpu(tree, line);
    else if (strncmp(line, "nic ", 4) == 0)
        tree_nic(tree, line);
    else if (strncmp(line, "net ", 4) == 0)
        tree_net(tree, line);
    else if (strncmp(line, "gid ", 4) == 0)
        return tree_gid_line(tree, line);
    else if (strncmp(line, "route ", 6) == 0)
        tree_route(tree, line + 6);
    else if (strncmp(line, "route6 ", 7) == 0)
        tree_route6(tree, line + 7);
    else
        return 0;
    return 1;
}

int tree_create(struct tree *tree)
{
    *tree = (struct tree){.root = "/tmp/machine.XXXXXX"};
    if (mkdtemp(tree->root) == NULL) {
        perror(tree->root);
        tree->root[0] = '\0';
        return -1;
    }
    tree_write(tree, "", "sys/bus/pci/devices/.made");
    return 0;
}

static int tree_unlink(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

void tree_remove(struct tree *tree)
{
    if (tree->root[0] != '\0')
        nftw(tree->root, tree_unlink, 16, FTW_DEPTH | FTW_PHYS);
    tree->root[0] = '\0';
}
