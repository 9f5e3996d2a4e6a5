use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop<'h> {
    item: outlive::typed::PBox<dyn std::fmt::Debug, H<'h>>,
}

fn main() {}
