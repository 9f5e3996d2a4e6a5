# JSON and dictionaries: documents are written, read again, and changed, and words are counted.
import json
import random

random.seed(1)
words = ["".join(random.choices("abcdefghij", k=random.randrange(2, 9))) for _ in range(60000)]
document = [
    {"id": at, "name": words[at], "tags": words[at : at + at % 7], "place": {"x": at * 0.5, "y": -at}, "note": None}
    for at in range(len(words) - 8)
]
for _ in range(3):
    text = json.dumps(document)
    document = json.loads(text)
    for entry in document:
        entry["name"] += "!"
        entry["tags"] = [tag.upper() for tag in entry["tags"]]
index = {}
for entry in document:
    for tag in entry["tags"]:
        index.setdefault(tag, []).append(entry["id"])
for _ in range(10):
    counts = {}
    for word in words:
        for end in range(1, len(word)):
            counts[word[:end]] = counts.get(word[:end], 0) + 1
    del counts
print(len(text), len(index), sum(len(ids) for ids in index.values()))
