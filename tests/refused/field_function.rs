use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    act: fn(u64) -> u64,
}

fn main() {}
