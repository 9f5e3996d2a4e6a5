use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    items: Vec<u64>,
}

fn main() {}
