/* What mock-app says in place of a model. */
#ifndef MOCK_ANSWER_H
#define MOCK_ANSWER_H

#include "base/buf.h"
#include "codec/json.h"

/* A few sentences about the prompt; chance, from 0 to below 1, picks them. */
void mock_answer(struct str prompt, double chance, struct buf *out);
/* Appends OpenAI's `data`, a list, for a payload with `input` (a string or a list; what is no
 * string counts as "") and `encoding_format` ("float" unless it is "base64"). The same text has the
 * same vector, another text another one. *words: of all inputs. */
void mock_embeddings(const struct json_t *payload, struct buf *out, unsigned *words);
/* Words between blanks. */
unsigned mock_count_words(struct str s);

#endif
