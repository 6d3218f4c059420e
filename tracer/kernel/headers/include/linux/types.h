/* The types BCC's own headers need. Ours alone: a header package of another kernel version
 * compiles but reads structs at wrong offsets, silently; all offsets here come from BTF. */
#ifndef TRACER_LINUX_TYPES_H
#define TRACER_LINUX_TYPES_H

typedef unsigned char u8, __u8;
typedef unsigned short u16, __u16;
typedef unsigned int u32, __u32;
typedef unsigned long long u64, __u64;
typedef signed char s8, __s8;
typedef short s16, __s16;
typedef int s32, __s32;
typedef long long s64, __s64;
typedef __u16 __le16, __be16, __sum16;
typedef __u32 __le32, __be32, __wsum;
typedef __u64 __le64, __be64;
typedef __u64 __aligned_u64 __attribute__((aligned(8)));
typedef unsigned long uintptr_t, size_t;
typedef int pid_t;
typedef _Bool bool;

#define true 1
#define false 0
#define NULL ((void *)0)
#define PAGE_SIZE 4096
#define __always_inline inline __attribute__((always_inline))

#endif
