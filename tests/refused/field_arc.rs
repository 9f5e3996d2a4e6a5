use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    item: std::sync::Arc<u64>,
}

fn main() {}
