#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

outlive::heap!(struct Other);

fn main() {
    let store = H::in_memory::<u64>(|_| 1).unwrap();
    store.write(|_, heap| {
        let _forged = Other(heap.0);
    }).unwrap();
}
