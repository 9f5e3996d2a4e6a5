// A search tree of words that is there again in the next run, and containers of the standard library in a heap.
//
//   tree FILE WORD...     counts the words, in a tree that all runs share, and prints it
#include <cstring>
#include <iostream>
#include <map>
#include <memory_resource>
#include <outlive.hpp>
#include <string>
#include <vector>

// Made of what stays true from run to run: numbers, and pointers by distance.
struct node {
    explicit node(outlive::pptr<char> word) : word(word) {}
    outlive::pptr<node> left, right;
    outlive::pptr<char> word;
    std::uint64_t count = 0;
};

struct tree {
    outlive::pptr<node> top;
    std::uint64_t size = 0;
};

static node &find(const outlive::heap &heap, tree &tree, const std::string &word)
{
    outlive::pptr<node> *at = &tree.top;
    while (*at) {
        int order = word.compare((*at)->word.get());
        if (order == 0) {
            return **at;
        }
        at = order < 0 ? &(*at)->left : &(*at)->right;
    }
    char *text = static_cast<char *>(heap.allocate(word.size() + 1));
    std::memcpy(text, word.c_str(), word.size() + 1);
    *at = heap.make<node>(text);
    tree.size++;
    return **at;
}

static void print(const node *node)
{
    if (node != nullptr) {
        print(node->left.get());
        std::cout << node->word.get() << ' ' << node->count << '\n';
        print(node->right.get());
    }
}

int main(int count, char **arguments)
try {
    if (count < 2) {
        std::cerr << "usage: tree FILE WORD...\n";
        return 2;
    }
    outlive::heap heap = outlive::heap::open(arguments[1]);
    tree *words = heap.root<tree>("words");
    if (words == nullptr) {
        words = heap.make<tree>();
        heap.set_root("words", words);
    }
    for (int at = 2; at < count; at++) {
        find(heap, *words, arguments[at]).count++;
    }
    heap.persist();
    print(words->top.get());

    // For this run only: containers, whose memory is a heap of their own with a limit.
    outlive_options options = {};
    options.limit = 8 << 20;
    outlive::heap scratch = outlive::heap::in_memory(options);
    {
        std::vector<int, outlive::allocator<int>> numbers{outlive::allocator<int>(scratch)};
        outlive::memory_resource memory(scratch);
        std::pmr::map<std::pmr::string, int> lengths(&memory);
        try {
            for (int number = 0;; number++) {
                numbers.push_back(number);
            }
        } catch (const std::bad_alloc &) {
            std::cout << "the limit was reached after " << (numbers.size() >= 500000 ? "half a million" : "too few") << '\n';
        }
        numbers = decltype(numbers)(outlive::allocator<int>(scratch));
        lengths["a word that is too long to be kept within its string"] = 4;
        std::cout << words->size << " different words\n";
    }
    scratch.verify();
    heap.close();
    return 0;
} catch (const std::exception &error) {
    std::cerr << "tree: " << error.what() << '\n';
    return 1;
}
