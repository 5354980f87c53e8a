/* For tests that ask for more memory than there is: under a sanitizer the allocation shall fail as
 * it does without. */
#ifndef TESTS_BASE_SANITIZERS_H
#define TESTS_BASE_SANITIZERS_H

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "allocator_may_return_null=1";
}

/* A sanitizer's shadow memory needs more address space than a test could leave it. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define ADDRESS_SPACE_CAN_BE_LIMITED 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ADDRESS_SPACE_CAN_BE_LIMITED 0
#endif
#endif
#ifndef ADDRESS_SPACE_CAN_BE_LIMITED
#define ADDRESS_SPACE_CAN_BE_LIMITED 1
#endif

#endif
