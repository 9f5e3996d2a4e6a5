use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop<'h> {
    by_name: hashbrown::HashMap<u64, u64, std::hash::RandomState, H<'h>>,
}

fn main() {}
