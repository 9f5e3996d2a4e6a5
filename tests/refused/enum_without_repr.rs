use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
enum Colour {
    Red,
    Green,
}

fn main() {}
