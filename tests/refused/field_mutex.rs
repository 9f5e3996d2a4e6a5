use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    count: std::sync::Mutex<u64>,
}

fn main() {}
