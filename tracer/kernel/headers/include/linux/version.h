/* 5.12 is the oldest kernel tracer accepts; nothing here branches on a newer one. */
#define KERNEL_VERSION(a, b, c) (((a) << 16) + ((b) << 8) + (c))
#define LINUX_VERSION_CODE KERNEL_VERSION(5, 12, 0)
