/* Files: capped reads, atomic writes, locks, listings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/fs.h"

static char dir[64];

static int begin(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/cairn-fs-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static void remove_tree(const char *path)
{
    struct cn_fs_names CN_CLEANUP(cn_fs_names_fini) names = {0};
    char p[512];

    if (cn_fs_list(path, 1000, &names, NULL) == CN_OK)
        for (size_t i = 0; i < names.n; i++) {
            snprintf(p, sizeof p, "%s/%s", path, names.at[i]);
            if (unlink(p) < 0)
                remove_tree(p);
        }
    rmdir(path);
}

static int end(void **state)
{
    (void)state;
    remove_tree(dir);
    return 0;
}

static const char *in_dir(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static struct cn_bytes text(const char *s)
{
    return (struct cn_bytes){(const uint8_t *)s, strlen(s)};
}

static void what_was_written_is_read_back_with_its_mode(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) b = {0};
    struct stat st;

    assert_int_equal(cn_fs_write_atomic(in_dir("f"), text("first, longer"), 0600, NULL), CN_OK);
    assert_int_equal(cn_fs_write_atomic(in_dir("f"), text("second"), 0640, NULL), CN_OK);
    cn_buf_append(&b, "> ", 2);
    assert_int_equal(cn_fs_read(in_dir("f"), 6, &b, NULL), CN_OK);
    assert_string_equal(cn_buf_cstr(&b), "> second");
    assert_int_equal(stat(in_dir("f"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
}

static void a_large_file_comes_back_whole_and_a_file_without_a_size_too(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) in = {0}, CN_CLEANUP(cn_buf_fini) out = {0};

    for (uint32_t i = 0; i < 300000; i++)
        cn_put32(cn_buf_extend(&in, 4), i);
    assert_int_equal(cn_fs_write_atomic(in_dir("f"), (struct cn_bytes){in.at, in.n}, 0600, NULL),
                     CN_OK);
    assert_int_equal(cn_fs_read(in_dir("f"), in.n, &out, NULL), CN_OK);
    assert_int_equal(out.n, in.n);
    assert_memory_equal(out.at, in.at, in.n);
    out.n = 0;
    assert_int_equal(cn_fs_read("/proc/self/status", 1 << 20, &out, NULL), CN_OK);
    assert_true(out.n > 100);
}

static void a_file_over_the_cap_gives_nothing(void **state)
{
    (void)state;
    struct cn_buf CN_CLEANUP(cn_buf_fini) b = {0};
    struct cn_error err;

    assert_int_equal(cn_fs_write_atomic(in_dir("f"), text("1234567"), 0600, NULL), CN_OK);
    assert_int_equal(cn_fs_read(in_dir("f"), 6, &b, &err), CN_E_LIMIT);
    assert_int_equal(b.n, 0);
    assert_int_equal(cn_fs_read("/proc/self/status", 10, &b, &err), CN_E_LIMIT);
    assert_int_equal(cn_fs_read(in_dir("none"), 6, &b, &err), CN_E_NOTFOUND);
    assert_non_null(strstr(err.text, in_dir("none")));
    assert_int_equal(cn_fs_read(dir, 6, &b, &err), CN_E_IO);
}

static void a_write_that_fails_leaves_the_old_file_and_no_litter(void **state)
{
    (void)state;
    struct cn_fs_names CN_CLEANUP(cn_fs_names_fini) names = {0};
    struct cn_error err;

    assert_int_equal(cn_fs_mkdirs(in_dir("d"), 0700, NULL), CN_OK); /* in the way of the rename */
    assert_int_equal(cn_fs_write_atomic(in_dir("d"), text("x"), 0600, &err), CN_E_IO);
    assert_int_equal(cn_fs_write_atomic("/no/such/dir/f", text("x"), 0600, &err), CN_E_NOTFOUND);
    assert_int_equal(cn_fs_list(dir, 10, &names, NULL), CN_OK);
    assert_int_equal(names.n, 1);
    if (access("/dev/full", F_OK) == 0)
        assert_int_equal(cn_fs_write_atomic("/dev/full/x", text("x"), 0600, &err), CN_E_IO);
}

static void directories_are_made_along_the_whole_path(void **state)
{
    (void)state;
    struct stat st;
    struct cn_error err;

    assert_int_equal(cn_fs_mkdirs(in_dir("a/b/c"), 0700, NULL), CN_OK);
    assert_int_equal(cn_fs_mkdirs(in_dir("a/b/c/"), 0700, NULL), CN_OK);
    assert_int_equal(stat(in_dir("a/b/c"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(cn_fs_write_atomic(in_dir("f"), text("x"), 0600, NULL), CN_OK);
    assert_int_equal(cn_fs_mkdirs(in_dir("f"), 0700, &err), CN_E_EXISTS);
    assert_true(cn_fs_mkdirs(in_dir("f/g"), 0700, &err) != CN_OK);
    assert_int_equal(cn_fs_mkdirs("", 0700, &err), CN_E_LIMIT);
}

static void a_lock_is_for_one_process_and_ends_with_it(void **state)
{
    (void)state;
    int CN_CLEANUP(cn_fs_closep) fd = -1;
    int to_parent[2], to_child[2], second = -1, status;
    char c, pid[32];
    struct cn_error err;

    assert_int_equal(pipe(to_parent), 0);
    assert_int_equal(pipe(to_child), 0);
    pid_t child = fork();
    if (child == 0) {
        int mine = -1;
        if (cn_fs_lock(dir, &mine, NULL) != CN_OK || write(to_parent[1], "x", 1) != 1)
            _exit(1);
        _exit(read(to_child[0], &c, 1) == 1 ? 0 : 1);
    }
    assert_int_equal(read(to_parent[0], &c, 1), 1);
    assert_int_equal(cn_fs_lock(dir, &fd, &err), CN_E_BUSY);
    assert_int_equal(fd, -1);
    snprintf(pid, sizeof pid, "pid %ld", (long)child);
    assert_non_null(strstr(err.text, pid));
    assert_int_equal(write(to_child[1], "x", 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(cn_fs_lock(dir, &fd, NULL), CN_OK);
    assert_int_equal(cn_fs_lock(dir, &second, NULL), CN_E_BUSY);
    for (int i = 0; i < 2; i++) {
        close(to_parent[i]);
        close(to_child[i]);
    }
}

static void removing_twice_is_no_error(void **state)
{
    (void)state;
    assert_int_equal(cn_fs_write_atomic(in_dir("f"), text("x"), 0600, NULL), CN_OK);
    assert_true(cn_fs_exists(in_dir("f")));
    assert_int_equal(cn_fs_remove(in_dir("f"), NULL), CN_OK);
    assert_false(cn_fs_exists(in_dir("f")));
    assert_int_equal(cn_fs_remove(in_dir("f"), NULL), CN_OK);
    assert_true(cn_fs_remove(dir, NULL) != CN_OK);
}

static void a_listing_is_sorted_and_capped(void **state)
{
    (void)state;
    struct cn_fs_names CN_CLEANUP(cn_fs_names_fini) names = {0};
    static const char *const made[] = {"b", "a10", "B", "a1", ".hidden"};
    static const char *const sorted[] = {".hidden", "B", "a1", "a10", "b"};

    for (size_t i = 0; i < CN_COUNT(made); i++)
        assert_int_equal(cn_fs_write_atomic(in_dir(made[i]), text(""), 0600, NULL), CN_OK);
    assert_int_equal(cn_fs_list(dir, 4, &names, NULL), CN_E_LIMIT);
    assert_int_equal(names.n, 0);
    assert_int_equal(cn_fs_list(dir, 5, &names, NULL), CN_OK);
    assert_int_equal(names.n, 5);
    for (size_t i = 0; i < names.n; i++)
        assert_string_equal(names.at[i], sorted[i]);
    struct cn_fs_names none = {0};
    assert_int_equal(cn_fs_list(in_dir("none"), 5, &none, NULL), CN_E_NOTFOUND);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_was_written_is_read_back_with_its_mode),
        TEST(a_large_file_comes_back_whole_and_a_file_without_a_size_too),
        TEST(a_file_over_the_cap_gives_nothing),
        TEST(a_write_that_fails_leaves_the_old_file_and_no_litter),
        TEST(directories_are_made_along_the_whole_path),
        TEST(a_lock_is_for_one_process_and_ends_with_it),
        TEST(removing_twice_is_no_error),
        TEST(a_listing_is_sorted_and_capped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
