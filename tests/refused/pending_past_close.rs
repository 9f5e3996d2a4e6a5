#![allow(unused, reason = "what is refused is beside the point")]

use outlive::typed::{PBox, PPtr, Store};

outlive::heap!(struct H);
type Number<'h> = PBox<u64, H<'h>>;

fn main() {
    let store = H::open::<u64>("never.heap", |_| 1).unwrap();
    let pending = store.persist_async().unwrap();
    store.close().unwrap();
    pending.wait().unwrap();
}
