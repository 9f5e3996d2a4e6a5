use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    item: *const u64,
}

fn main() {}
