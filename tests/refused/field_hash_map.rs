use outlive::Persist;

outlive::heap!(struct H);

use std::collections::HashMap;

#[derive(Persist)]
struct Shop {
    by_name: HashMap<u64, u64>,
}

fn main() {}
