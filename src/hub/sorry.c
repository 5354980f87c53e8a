#include "hub/sorry.h"

#include "codec/lang.h"
#include "hub/exchange_problem.h"

#include <assert.h>

static const struct {
    unsigned status;
    const char *text[LANGUAGE__MAX];
} table[SORRY__MAX] = {
    [SORRY_NOT_READY] = {503,
                         {[LANGUAGE_EN] = "Pages are not ready yet. Try again in a moment.\n",
                          [LANGUAGE_ZH] = "页面尚未就绪，请稍后再试。\n",
                          [LANGUAGE_KO] = "아직 페이지가 준비되지 않았습니다. "
                                          "잠시 후 다시 시도하세요.\n"}},
    [SORRY_TOO_MANY] = {503,
                        {[LANGUAGE_EN] = "Too many pages are asked for at once. "
                                         "Try again in a moment.\n",
                         [LANGUAGE_ZH] = "当前访问的人过多，请稍后再试。\n",
                         [LANGUAGE_KO] = "지금은 접속이 너무 많습니다. "
                                         "잠시 후 다시 시도하세요.\n"}},
    [SORRY_BROKEN] = {502,
                      {[LANGUAGE_EN] = "The page could not be made.\n",
                       [LANGUAGE_ZH] = "页面无法生成。\n",
                       [LANGUAGE_KO] = "페이지를 만들지 못했습니다.\n"}},
    [SORRY_TOO_LATE] = {504,
                        {[LANGUAGE_EN] = "The page took too long.\n",
                         [LANGUAGE_ZH] = "页面响应超时。\n",
                         [LANGUAGE_KO] = "페이지가 제시간에 응답하지 않았습니다.\n"}},
};

void sorry_reply(struct exchange *x, enum sorry what, uint64_t limit)
{
    assert(what < SORRY__MAX);
    const struct http_head *head = exchange_head(x);
    struct str cookie = STR("");
    if (exchange_is_api(head)) {
        exchange_problem(x, table[what].status, exchange_code_of_status(table[what].status),
                         STR("The call could not be answered"), (struct retry){.limit = limit},
                         STR(""));
        return;
    }
    (void)http_cookie(head, STR("lang"), &cookie);
    enum language l = language_choose(STR(""), cookie, http_field(head, STR("Accept-Language")));
    exchange_reply(x, table[what].status, "text/plain; charset=utf-8",
                   retry_fits(table[what].status) ? STR("Retry-After: 1\r\n") : STR(""),
                   str_of(table[what].text[l]));
}
