// A server under load, after the description of mimalloc's authors: threads of unequal work allocate objects in powers of
// two, keep some, and pass some on to whoever comes by; after each phase all threads end and others begin, and some
// objects outlive the phase. Every object is checked before it is freed.
//
//   mstress [THREADS [PHASES [WORK]]]
#include "common.h"

enum { PASSED = 1000, HELD_LEAST = 512 };

static _Atomic(uint64_t *) passed[PASSED];
static long work_of_one = 400000;

// An object of so many words, the first of which says how many, and the last of which says it again.
static uint64_t *make(uint64_t *chance)
{
    int power = 0;
    // Each doubling is half as frequent as the one before; once in a while there is one much larger.
    while (power < 8 && (next_number(chance) >> 63))
        power++;
    if (below(chance, 2000) == 0)
        power += 6;
    size_t words = (size_t)2 << power;
    words += below(chance, words);
    uint64_t *object = malloc(words * sizeof *object);
    must(object != NULL, "no memory");
    object[0] = words;
    object[words - 1] = words;
    return object;
}

static void end(uint64_t *object)
{
    if (object) {
        must(object[object[0] - 1] == object[0], "an object has changed");
        free(object);
    }
}

static void *work(void *given)
{
    long number = (long)(intptr_t)given;
    uint64_t chance = 88172645463325252ULL + (uint64_t)number;
    // The first thread of a phase has the most to do, and the last a half of that.
    long work = work_of_one / 2 + work_of_one / 2 / (number % 8 + 1);
    size_t room = HELD_LEAST, held = 0;
    uint64_t **objects = calloc(room, sizeof *objects);
    for (long at = 0; at < work; at++) {
        switch (below(&chance, 8)) {
        case 0:
        case 1:
        case 2:
        case 3:
            if (held == room) {
                room *= 2;
                objects = realloc(objects, room * sizeof *objects);
                must(objects != NULL, "no memory");
            }
            objects[held++] = make(&chance);
            break;
        case 4:
            if (held > 0) {
                size_t one = below(&chance, held);
                objects[one] = atomic_exchange(&passed[below(&chance, PASSED)], objects[one]);
            }
            break;
        default:
            if (held > 0) {
                size_t one = below(&chance, held);
                end(objects[one]);
                objects[one] = objects[--held];
            }
        }
    }
    while (held > 0)
        end(objects[--held]);
    free(objects);
    return NULL;
}

int main(int count, char **values)
{
    long threads = argument(count, values, 1, 8), phases = argument(count, values, 2, 12);
    work_of_one = argument(count, values, 3, work_of_one);
    pthread_t *handles = calloc((size_t)threads, sizeof *handles);
    for (long phase = 0; phase < phases; phase++) {
        for (long at = 0; at < threads; at++)
            handles[at] = start(work, (void *)(intptr_t)(phase * threads + at));
        for (long at = 0; at < threads; at++)
            pthread_join(handles[at], NULL);
        // A half of what was passed on does not outlive the phase.
        for (int at = (int)(phase % 2); at < PASSED; at += 2)
            end(atomic_exchange(&passed[at], NULL));
    }
    for (int at = 0; at < PASSED; at++)
        end(atomic_exchange(&passed[at], NULL));
    free(handles);
}
