#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

fn main() {
    let store = H::in_memory::<u64>(|_| 1).unwrap();
    store.read(|number| *number = 2).unwrap();
}
