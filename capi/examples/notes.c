/*
 * A list of notes that is there again in the next run.
 *
 *   notes FILE [TEXT]     adds a note, if there is a text, and prints them all
 *
 * The list is made of offsets, which mean the same in every run; its head is found by its name.
 */
#include <inttypes.h>
#include <outlive.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct note {
    uint64_t next; /* offset of the note before it, 0 for none */
    uint64_t number;
    char text[];
};

static void surely(outlive_code code)
{
    if (code != OUTLIVE_OK) {
        fprintf(stderr, "notes: %s: %s\n", outlive_code_name(code), outlive_message());
        exit(1);
    }
}

int main(int count, char **arguments)
{
    if (count < 2) {
        fprintf(stderr, "usage: notes FILE [TEXT]\n");
        return 2;
    }
    outlive_heap *heap;
    surely(outlive_open(arguments[1], NULL, &heap));

    void *found;
    outlive_code code = outlive_root(heap, "notes", &found);
    if (code != OUTLIVE_NO_ROOT) {
        surely(code);
    }
    struct note *newest = found;

    if (count > 2) {
        struct note *note = outlive_alloc(heap, sizeof *note + strlen(arguments[2]) + 1);
        if (note == NULL) {
            fprintf(stderr, "notes: %s\n", outlive_message());
            return 1;
        }
        note->next = outlive_offset_of(heap, newest);
        note->number = newest == NULL ? 1 : newest->number + 1;
        strcpy(note->text, arguments[2]);
        newest = note;
        surely(outlive_set_root(heap, "notes", newest));
        /* Up to here nothing has reached the file; from here on the note is in it, whatever happens. */
        surely(outlive_persist(heap, NULL));
    }
    for (struct note *note = newest; note != NULL; note = outlive_at(heap, note->next)) {
        printf("%" PRIu64 " %s\n", note->number, note->text);
    }
    surely(outlive_close(heap));
    return 0;
}
