use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
#[repr(u8)]
enum Shape {
    Named { name: Option<(u8, String)> },
}

fn main() {}
