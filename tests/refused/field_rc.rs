use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    item: std::rc::Rc<u64>,
}

fn main() {}
