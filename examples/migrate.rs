//! A program whose types have changed since its data was written: the heap is taken up with the old types, and made what the
//! new ones are, in one commit.
//!
//! ```text
//! cargo run --example migrate
//! ```

use outlive::Error;
use outlive::typed::PBox;

outlive::heap!(struct ShopHeap);

/// What an earlier version of the program had.
mod first {
    use super::ShopHeap;
    use outlive::{Persist, typed::PBox};

    #[derive(Persist)]
    pub(super) struct Item<'h> {
        pub(super) name: PBox<str, ShopHeap<'h>>,
        pub(super) euros: u32,
    }

    #[derive(Persist)]
    pub(super) struct Shop<'h> {
        pub(super) items: PBox<[Item<'h>], ShopHeap<'h>>,
    }
}

/// What it has now: prices in cents, and who sells.
mod second {
    use super::ShopHeap;
    use outlive::{Persist, typed::PBox};

    #[derive(Persist)]
    pub(super) struct Item<'h> {
        pub(super) name: PBox<str, ShopHeap<'h>>,
        pub(super) cents: u64,
    }

    #[derive(Persist)]
    pub(super) struct Shop<'h> {
        pub(super) seller: Option<PBox<str, ShopHeap<'h>>>,
        pub(super) items: PBox<[Item<'h>], ShopHeap<'h>>,
    }
}

fn change<'h>(old: first::Shop<'h>, heap: ShopHeap<'h>) -> second::Shop<'h> {
    let item = |item: &first::Item<'h>| second::Item {
        name: PBox::str_in(&item.name, heap),
        cents: u64::from(item.euros) * 100,
    };
    let items = PBox::from_iter_in(old.items.iter().map(item), heap);
    second::Shop { seller: None, items }
}

fn empty(heap: ShopHeap<'_>) -> second::Shop<'_> {
    second::Shop { seller: None, items: PBox::from_iter_in([], heap) }
}

fn main() -> Result<(), Error> {
    let path = std::env::temp_dir().join(format!("outlive-migrate-{}.heap", std::process::id()));

    let items = [("tea", 4), ("coffee", 6)];
    let shop = ShopHeap::open::<first::Shop>(&path, |heap| first::Shop {
        items: PBox::from_iter_in(
            items.map(|(name, euros)| first::Item { name: PBox::str_in(name, heap), euros }),
            heap,
        ),
    })?;
    shop.close()?;

    match ShopHeap::open::<second::Shop>(&path, empty) {
        Err(error @ Error::OtherLayout { .. }) => println!("{error}"),
        other => drop(other?),
    }

    let shop = ShopHeap::migrate::<first::Shop, second::Shop>(&path, change)?;
    shop.read(|shop| {
        println!("after the migration, sold by {:?}:", shop.seller);
        for item in shop.items.iter() {
            println!("  {} for {} cents", item.name, item.cents);
        }
    })?;
    assert!(shop.unreachable()?.is_empty());
    shop.close()?;
    std::fs::remove_file(path).expect("the heap's file can be removed");
    Ok(())
}
