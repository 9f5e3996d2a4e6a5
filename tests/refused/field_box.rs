use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop(Box<u64>);

fn main() {}
