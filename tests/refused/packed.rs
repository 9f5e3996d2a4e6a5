use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
#[repr(packed)]
struct Packed {
    small: u8,
    large: u64,
}

fn main() {}
