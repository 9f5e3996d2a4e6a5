use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    since: std::time::Instant,
}

fn main() {}
