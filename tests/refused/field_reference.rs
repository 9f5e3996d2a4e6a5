use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop<'h> {
    name: &'h str,
}

fn main() {}
