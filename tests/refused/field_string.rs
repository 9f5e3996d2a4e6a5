use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    name: String,
}

fn main() {}
