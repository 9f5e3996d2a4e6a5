use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    by_name: std::collections::BTreeMap<u64, u64>,
}

fn main() {}
