//! The smallest program whose data outlives it: each run adds a line to a guestbook, and shows all of them.
//!
//! ```text
//! cargo run --example guestbook -- Ada
//! cargo run --example guestbook -- Grace
//! ```

use outlive::Persist;
use outlive::typed::PBox;

outlive::heap!(struct BookHeap);

#[derive(Persist)]
struct Book<'h> {
    visits: u64,
    last: Option<PBox<Entry<'h>, BookHeap<'h>>>,
}

#[derive(Persist)]
struct Entry<'h> {
    name: PBox<str, BookHeap<'h>>,
    before: Option<PBox<Entry<'h>, BookHeap<'h>>>,
}

fn main() -> Result<(), outlive::Error> {
    let name = std::env::args().nth(1).unwrap_or_else(|| String::from("somebody"));
    let path = std::env::temp_dir().join("outlive-guestbook.heap");
    let book = BookHeap::open::<Book>(&path, |_heap| Book { visits: 0, last: None })?;
    book.write(|book, heap| {
        let before = book.last.take();
        book.visits += 1;
        book.last = Some(PBox::new_in(Entry { name: PBox::str_in(&name, heap), before }, heap));
    })?;
    // From here on it is found by the next run, whatever happens to this one.
    book.persist()?;
    book.read(|book| {
        println!("{} visits so far, in {}:", book.visits, path.display());
        let mut next = book.last.as_ref();
        while let Some(entry) = next {
            println!("  {}", entry.name);
            next = entry.before.as_ref();
        }
    })?;
    book.close()
}
