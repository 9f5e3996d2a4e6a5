use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
union Either {
    number: u64,
    real: f64,
}

fn main() {}
