use outlive::Persist;

outlive::heap!(struct H);

#[derive(Persist)]
struct Shop {
    by_name: hashbrown::HashMap<u64, u64, std::hash::RandomState, allocator_api2_02::alloc::Global>,
}

fn main() {}
