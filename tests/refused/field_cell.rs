use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    count: std::cell::Cell<u64>,
}

fn main() {}
