use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
#[persist(skip)]
struct Shop {
    count: u64,
}

fn main() {}
