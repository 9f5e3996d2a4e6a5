use outlive::Persist;

outlive::heap!(struct H);

struct Item;

#[derive(Persist)]
struct Shop {
    item: Item,
}

fn main() {}
